"""Looking at the media of a request: is it what it says it is, and what can be said about it?

Gemini takes pictures as PNG, JPEG, WEBP, HEIC or HEIF and sound as WAV, MP3, AIFF, AAC, OGG or FLAC. Another type,
bytes that do not match their type, and bytes that no decoder reads are refused (400), so that a program that
sends them finds out. The same bytes are looked at (`pictures.py`) or listened to (`sounds.py`) once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulator.errors import invalid_argument
from simulator.pictures import Picture, see, see_heif
from simulator.sounds import Sound, listen

REMEMBERED = 4096

_TYPES: Mapping[str, str] = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
    "audio/wav": "WAV",
    "audio/x-wav": "WAV",
    "audio/mp3": "MP3",
    "audio/mpeg": "MP3",
    "audio/flac": "FLAC",
    "audio/aiff": "AIFF",
    "audio/x-aiff": "AIFF",
    "audio/aac": "AAC",
    "audio/x-aac": "AAC",
    "audio/ogg": "OGG",
    "audio/x-flac": "FLAC",
}
_SOUNDS = {"WAV": "wav", "MP3": "mp3", "AIFF": "aiff", "AAC": "aac", "OGG": "ogg", "FLAC": "flac"}
"""The decoder that may read each: never one that the bytes choose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Medium:
    """One inline picture or sound of a request."""

    mime_type: str
    data: bytes = field(repr=False)
    sha256: str
    resolution: str
    """LOW, MEDIUM, HIGH, ULTRA_HIGH, UNSPECIFIED or empty."""


Look = Picture | Sound

_remembered: dict[tuple[str, str], Look] = {}


def look(medium: Medium) -> Look:
    """What is in the medium. Raises RefusedError (400) where the real API would refuse it."""
    key = (medium.mime_type, medium.sha256)
    found = _remembered.get(key)
    if found is None:
        found = _look(medium)
        if len(_remembered) >= REMEMBERED:
            _remembered.clear()
        _remembered[key] = found
    return found


def _look(medium: Medium) -> Look:
    name = _TYPES.get(medium.mime_type)
    if name is None:
        raise invalid_argument(f"Unsupported MIME type: {medium.mime_type[:80]}")
    kind = medium.mime_type.partition("/")[0]
    if not _SIGNATURES[name](medium.data[:16]):
        raise invalid_argument(f"Provided {kind} is not valid: the bytes are not {medium.mime_type}.")
    try:
        if kind == "audio":
            return listen(medium.data, _SOUNDS[name])
        return see_heif(medium.data) if name == "HEIF" else see(medium.data, name)
    except Exception as error:  # decoders raise anything at all on hostile bytes
        raise invalid_argument(f"Unable to process input {kind}. It cannot be decoded.") from error


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


_SIGNATURES: Mapping[str, Callable[[bytes], bool]] = {
    "PNG": lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    "JPEG": lambda head: head.startswith(b"\xff\xd8\xff"),
    "WEBP": lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    "HEIF": _is_heif,
    "WAV": lambda head: head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE",
    "MP3": lambda head: head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1] & 0xE6 == 0xE2),  # noqa: PLR2004
    "AIFF": lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"),
    "AAC": lambda head: head[:4] == b"ADIF" or (head[:1] == b"\xff" and head[1] & 0xF6 == 0xF0),  # noqa: PLR2004
    "OGG": lambda head: head.startswith(b"OggS"),
    "FLAC": lambda head: head.startswith(b"fLaC"),
}
