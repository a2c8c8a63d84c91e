"""What a file is, told from its first bytes and from nothing else: names and declared types are not trusted.

Only the first `HEAD_BYTES` are looked at, so that sniffing costs the same for a thumbnail and for a nine-hour
recording. A known type is a promise about the container, not that the file can be decoded.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from media.headerless import frames_in

HEAD_BYTES = 4096
"""How much of a file is looked at."""


class Family(StrEnum):
    """Which of the two preparations a file needs."""

    PICTURE = "picture"
    RECORDING = "recording"


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaType:
    """A kind of file, such as `jpeg`, `image/jpeg`, picture."""

    name: str
    mime_type: str
    family: Family


def _picture(name: str) -> MediaType:
    return MediaType(name=name, mime_type=f"image/{name}", family=Family.PICTURE)


def _recording(name: str, mime_type: str) -> MediaType:
    return MediaType(name=name, mime_type=mime_type, family=Family.RECORDING)


_MP3 = _recording("mp3", "audio/mpeg")
_AAC = _recording("aac", "audio/aac")
_WEBM = _recording("webm", "video/webm")
_MATROSKA = _recording("mkv", "video/x-matroska")
_MOV = _recording("mov", "video/quicktime")
_MP4 = _recording("mp4", "video/mp4")
_M4A = _recording("m4a", "audio/mp4")
_3GP = _recording("3gp", "video/3gpp")
_MPEG_TS = _recording("mpegts", "video/mp2t")
_FRAMED = {
    "aac": _AAC,
    "ac3": _recording("ac3", "audio/ac3"),
    "eac3": _recording("eac3", "audio/eac3"),
    "mp2": _recording("mp2", "audio/mpeg"),
    "mp3": _MP3,
}
_TAGGED = frozenset({"aac", "ac3", "aiff", "ape", "eac3", "flac", "mp2", "mp3", "wav", "wv"})
"""What may come after an ID3 tag."""
_MOST_TAGS = 4

_PREFIXES: tuple[tuple[bytes, MediaType], ...] = (
    (b"\xff\xd8\xff", _picture("jpeg")),
    (b"\x89PNG\r\n\x1a\n", _picture("png")),
    (b"GIF87a", _picture("gif")),
    (b"GIF89a", _picture("gif")),
    (b"II*\0", _picture("tiff")),
    (b"MM\0*", _picture("tiff")),
    (b"OggS", _recording("ogg", "audio/ogg")),
    (b"fLaC", _recording("flac", "audio/flac")),
    (b"#!AMR", _recording("amr", "audio/amr")),
    (b"caff\0\x01", _recording("caf", "audio/x-caf")),
    (b"ID3", _MP3),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _recording("asf", "video/x-ms-asf")),
    (b"riff\x2e\x91\xcf\x11", _recording("w64", "audio/x-w64")),
    (b".snd", _recording("au", "audio/basic")),
    (b"FLV\x01", _recording("flv", "video/x-flv")),
    (b"wvpk", _recording("wv", "audio/x-wavpack")),
    (b"TTA1", _recording("tta", "audio/x-tta")),
    (b"MAC ", _recording("ape", "audio/x-ape")),
    (b"\0\0\x01\xba", _recording("mpeg", "video/mpeg")),
)

_CHUNKED: tuple[tuple[tuple[bytes, ...], bytes, MediaType], ...] = (
    ((b"RIFF", b"RIFX", b"RF64"), b"WAVE", _recording("wav", "audio/wav")),
    ((b"RIFF",), b"AVI ", _recording("avi", "video/x-msvideo")),
    ((b"RIFF",), b"WEBP", _picture("webp")),
    ((b"FORM",), b"AIFF", _recording("aiff", "audio/aiff")),
    ((b"FORM",), b"AIFC", _recording("aiff", "audio/aiff")),
)
"""Containers with four letters, a length, and four letters more."""

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_GENERIC_PICTURE_BRANDS = frozenset({b"mif1", b"msf1"})
_SOUND_BRANDS = {b"qt  ": _MOV, b"M4A ": _M4A, b"M4B ": _M4A}
_OLD_MOV_BOXES = frozenset({b"moov", b"mdat", b"wide", b"pnot"})


def sniff(head: bytes) -> MediaType | None:
    """The type of the file that begins with these bytes, or None where it is neither picture nor sound."""
    head = head[:HEAD_BYTES]
    for known, media_type in _PREFIXES:
        if head.startswith(known):
            return media_type
    return _sniff_chunked(head) or _sniff_boxes(head) or _sniff_ebml(head) or _sniff_bmp(head) or _sniff_rest(head)


def _sniff_rest(head: bytes) -> MediaType | None:
    """What has no header: packets or frames, told by one following the other."""
    name = frames_in(head)
    return _sniff_transport(head) or (_FRAMED[name] if name else None)


def sniff_file(path: Path) -> MediaType | None:
    """The type of the file at this path. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES))


def sniff_sound(path: Path) -> MediaType | None:
    """As `sniff_file`, but tags at the beginning, which may be longer than the head, are stepped over.

    They are most often found before MP3, and before AAC and FLAC now and then. Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        at = 0
        for _ in range(_MOST_TAGS):
            if not head.startswith(b"ID3") or len(head) < 10:
                break
            at += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            file.seek(at)
            head = file.read(HEAD_BYTES)
        known = sniff(head)
        return _MP3 if at and (known is None or known.name not in _TAGGED) else known


def describe(head: bytes) -> str:
    """What a file that is not media looks like, in words for an error message."""
    start = head[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for known, words in _STRANGERS:
        if start.startswith(known):
            return words
    if b"<svg" in start:
        return "an SVG drawing"
    return "text" if _is_text(head[:HEAD_BYTES]) else "data of an unknown kind"


_STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<svg", "an SVG drawing"),
    (b"%pdf", "a PDF document"),
    (b"pk\x03\x04", "a ZIP archive or office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"#extm3u", "a playlist"),
    (b"{", "JSON text"),
    (b".rmf", "a RealMedia file"),
    (b"midi", "MIDI notes, which are no recording"),
    (b"mthd", "MIDI notes, which are no recording"),
    (b"dsd ", "a DSD recording"),
    (b"[playlist]", "a playlist"),
    (b"ffconcat", "a playlist"),
    (b"v=0", "a description of a network stream"),
    (b"\x7felf", "a program"),
)


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > 0 and error.start >= len(head) - 3  # a character cut by the end of the head
    return True


def _sniff_chunked(head: bytes) -> MediaType | None:
    for outer, inner, media_type in _CHUNKED:
        if head[:4] in outer and head[8:12] == inner:
            return media_type
    return None


def _sniff_boxes(head: bytes) -> MediaType | None:
    """ISO base media (ISO 14496-12): the brand tells pictures from films and sound."""
    box, brand = head[4:8], head[8:12]
    if box in _OLD_MOV_BOXES:
        return _MOV
    if box not in {b"ftyp", b"styp"} or len(brand) < 4:
        return None
    length = int.from_bytes(head[:4], "big")
    others = {head[at : at + 4] for at in range(16, min(length, len(head)), 4)}
    if brand in _AVIF_BRANDS or (brand in _GENERIC_PICTURE_BRANDS and others & _AVIF_BRANDS):
        return _picture("avif")
    if brand in _HEIC_BRANDS:
        return _picture("heic")
    return _3GP if brand.startswith(b"3g") else _SOUND_BRANDS.get(brand, _MP4)


def _sniff_ebml(head: bytes) -> MediaType | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return _WEBM if b"webm" in head[:64] else _MATROSKA


def _sniff_bmp(head: bytes) -> MediaType | None:
    """Two letters are too little to go by: the size of the second header must be one that exists."""
    known_sizes = {12, 40, 52, 56, 64, 108, 124}
    is_bmp = head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in known_sizes
    return _picture("bmp") if is_bmp else None


def _sniff_transport(head: bytes) -> MediaType | None:
    """MPEG transport streams: packets of 188 bytes, or 192 with a time before each, that begin with the letter G."""
    for first, size in ((0, 188), (4, 192)):
        packets = [head[at : at + 4] for at in range(first, len(head) - 3, size)]
        if len(packets) >= 4 and all(packet[0] == 0x47 and packet[3] & 0x30 for packet in packets):
            return _MPEG_TS
    return None
