"""Looking at the media of a request: is it what it says it is, and what can be said about it?

Gemini takes pictures as PNG, JPEG, WEBP, HEIC or HEIF and sound as WAV, MP3, AIFF, AAC, OGG or FLAC. Another type,
bytes that do not match their type, and bytes that no decoder reads are refused (400), so that a program that
sends them finds out. Looking is cheap: a JPEG is decoded at an eighth of its size, and the same bytes are
looked at once.
"""

import array
import colorsys
import io
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import av
from PIL import Image

from simulator.errors import invalid_argument

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = 320
"""Sound is judged in windows of 20 ms."""
VOICED_PEAK = 164
"""A window is voiced from -46 dBFS (of 32,768)."""
JOIN_SECONDS = 0.3
"""Shorter pauses do not end a voiced stretch."""
SHORTEST_SECONDS = 0.06
"""Shorter bursts are no voiced stretch."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What was seen. Sizes are those of the stored pixels, before any EXIF orientation; 0 where unknown."""

    format: str
    width: int
    height: int
    colour: str
    orientation: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """What was heard."""

    duration: float
    """Seconds."""
    voiced: tuple[tuple[float, float], ...]
    """Stretches with sound in them: (start, end) in seconds from the start."""


_remembered: dict[tuple[str, str], Picture | Sound] = {}


def look(medium: Medium) -> Picture | Sound:
    """What is in the medium. Raises RefusedError (400) where the real API would refuse it."""
    key = (medium.mime_type, medium.sha256)
    found = _remembered.get(key)
    if found is None:
        found = _look(medium)
        if len(_remembered) >= REMEMBERED:
            _remembered.clear()
        _remembered[key] = found
    return found


def _look(medium: Medium) -> Picture | Sound:
    name = _TYPES.get(medium.mime_type)
    if name is None:
        raise invalid_argument(f"Unsupported MIME type: {medium.mime_type[:80]}")
    kind = medium.mime_type.partition("/")[0]
    if not _SIGNATURES[name](medium.data[:16]):
        raise invalid_argument(f"Provided {kind} is not valid: the bytes are not {medium.mime_type}.")
    try:
        if kind == "audio":
            return _hear(medium.data, _SOUNDS[name])
        return _see_heif(medium.data) if name == "HEIF" else _see(medium.data, name)
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


def _see(data: bytes, name: str) -> Picture:
    with Image.open(io.BytesIO(data), formats=(name,)) as picture:
        width, height = picture.size
        orientation = picture.getexif().get(0x0112, 1) if "exif" in picture.info else 1
        picture.draft("RGB", (32, 32))
        small = picture.resize((4, 4)) if picture.mode == "RGB" else picture.convert("RGB").resize((4, 4))
    pixels = small.tobytes()
    colours = Counter(_colour(*pixels[start : start + 3]) for start in range(0, len(pixels), 3))
    return Picture(
        format=name, width=width, height=height, colour=colours.most_common(1)[0][0], orientation=int(orientation)
    )


def _see_heif(data: bytes) -> Picture:
    """HEIF is not decoded here, only measured: the largest image spatial extents box (ISO 23008-12, `ispe`)."""
    sizes = [(0, 0)]
    position = data.find(b"ispe")
    while 0 <= position <= len(data) - 16:
        sizes.append(struct.unpack_from(">II", data, position + 8))
        position = data.find(b"ispe", position + 4)
    width, height = max(sizes)
    return Picture(format="HEIF", width=width, height=height, colour="unknown", orientation=1)


_HUES = ((0.04, "red"), (0.11, "orange"), (0.19, "yellow"), (0.45, "green"), (0.54, "turquoise"), (0.72, "blue"))
_LATE_HUES = ((0.86, "purple"), (0.95, "pink"), (1.01, "red"))


def _colour(red: int, green: int, blue: int) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if value < 0.15:  # noqa: PLR2004 the borders between colours are a matter of taste
        return "black"
    if saturation < 0.15:  # noqa: PLR2004
        return "white" if value > 0.85 else "grey"  # noqa: PLR2004
    return next(name for end, name in (*_HUES, *_LATE_HUES) if hue < end)


def _hear(data: bytes, decoder: str) -> Sound:
    voiced: list[tuple[float, float]] = []
    position = 0.0
    for samples in _windows(data, decoder):
        end = position + len(samples) / SAMPLE_RATE
        # One sample in three is enough to see a peak, and looking at all of them is what would cost.
        seen = samples[::3]
        if max(seen) >= VOICED_PEAK or min(seen) <= -VOICED_PEAK:
            if voiced and position - voiced[-1][1] < JOIN_SECONDS:
                voiced[-1] = (voiced[-1][0], end)
            else:
                voiced.append((position, end))
        position = end
    stretches = tuple((round(start, 2), round(end, 2)) for start, end in voiced if end - start >= SHORTEST_SECONDS)
    return Sound(duration=round(position, 2), voiced=stretches)


def _windows(data: bytes, decoder: str) -> "Iterator[array.array[int]]":
    """The sound as 16 kHz mono, 20 ms at a time; the last window may be shorter."""
    waiting = array.array("h")
    for chunk in _decoded(data, decoder):
        waiting.frombytes(chunk)
        whole = len(waiting) - len(waiting) % WINDOW_SAMPLES
        for start in range(0, whole, WINDOW_SAMPLES):
            yield waiting[start : start + WINDOW_SAMPLES]
        del waiting[:whole]
    if waiting:
        yield waiting


def _decoded(data: bytes, decoder: str) -> Iterator[bytes]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    with av.open(io.BytesIO(data), mode="r", format=decoder) as container:
        for frame in container.decode(container.streams.audio[0]):
            for mono in resampler.resample(frame):
                yield bytes(mono.planes[0])[: mono.samples * 2]
        for mono in resampler.resample(None):
            yield bytes(mono.planes[0])[: mono.samples * 2]
