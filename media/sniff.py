"""What a file is, told from its first bytes and from nothing else: names and declared types are not trusted.

Only the first `HEAD_BYTES` are looked at, so that sniffing costs the same for a thumbnail and for a nine-hour
recording. A known type is a promise about the container, not that the file can be decoded.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

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
)

_CHUNKED: tuple[tuple[tuple[bytes, ...], bytes, MediaType], ...] = (
    ((b"RIFF", b"RIFX", b"RF64"), b"WAVE", _recording("wav", "audio/wav")),
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

_MP3_BIT_RATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits a second of layer III, MPEG 1 and MPEG 2/2.5 (ISO 11172-3, 13818-3)."""
_MP3_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_SYNC = re.compile(rb"\xff[\xe0-\xff]")


def sniff(head: bytes) -> MediaType | None:
    """The type of the file that begins with these bytes, or None where it is neither picture nor sound."""
    head = head[:HEAD_BYTES]
    for known, media_type in _PREFIXES:
        if head.startswith(known):
            return media_type
    return _sniff_chunked(head) or _sniff_boxes(head) or _sniff_ebml(head) or _sniff_bmp(head) or _sniff_frames(head)


def sniff_file(path: Path) -> MediaType | None:
    """The type of the file at this path. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES))


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
    (b"\x30\x26\xb2\x75", "a Windows Media file"),  # lower-cased, as the head is
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


def _sniff_frames(head: bytes) -> MediaType | None:
    """MP3 and AAC have no header: look for two frames in a row, after whatever junk comes first."""
    for media_type, length_of in ((_AAC, _adts_length), (_MP3, _mp3_length)):
        if any(_frames_follow(head, sync.start(), length_of) for sync in _SYNC.finditer(head)):
            return media_type
    return None


def _frames_follow(head: bytes, at: int, length_of: Callable[[bytes], int]) -> bool:
    length = length_of(head[at : at + 7])
    if not length:
        return False
    following = head[at + length : at + length + 7]
    if len(following) < 7:
        return at == 0  # a single short frame, or one that outlasts the head, is believed at the very start only
    return length_of(following) > 0


def _mp3_length(header: bytes) -> int:
    """Bytes of the layer III frame that begins with this header; 0 where it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, rate_index, pitch_index = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or rate_index in {0, 15} or pitch_index == 3:
        return 0
    is_first = version == 3
    bit_rate = _MP3_BIT_RATES[is_first][rate_index] * 1000
    sample_rate = _MP3_SAMPLE_RATES[version][pitch_index]
    return (144 if is_first else 72) * bit_rate // sample_rate + (header[2] >> 1 & 1)


def _adts_length(header: bytes) -> int:
    """Bytes of the ADTS frame that begins with this header; 0 where it is none (ISO 13818-7, 6.2)."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0
