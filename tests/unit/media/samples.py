"""Pictures and recordings made by code, for the tests of `media/`."""

import array
import io
import math
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.stream import AudioStream
from PIL import Image

Samples: TypeAlias = "array.array[int]"
"""16-bit samples."""

RATE = 16_000
EXAMPLES = Path(__file__).parents[3] / "examples" / "media"

CORNERS = ((255, 0, 0), (0, 160, 0), (0, 0, 255), (250, 220, 0))
"""Colours of the four quarters of `scene`: top left, top right, bottom left, bottom right."""


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Four coloured quarters, so that every turn and mirroring shows."""
    picture = Image.new("RGB", (width, height))
    for place, colour in enumerate(CORNERS):
        left, top = (place % 2) * width // 2, (place // 2) * height // 2
        picture.paste(colour, (left, top, left + width // 2, top + height // 2))
    return picture


def photo(width: int = 200, height: int = 150) -> Image.Image:
    """Something with more colours than a drawing."""
    coarse = Image.frombytes("RGB", (16, 12), random.Random(7).randbytes(16 * 12 * 3))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, file_format: str, **options: object) -> bytes:
    """The picture as the bytes of a file."""
    target = io.BytesIO()
    picture.save(target, file_format, **options)
    return target.getvalue()


def corners(picture: Image.Image) -> list[tuple[int, int, int]]:
    """The colours in the middle of the four quarters."""
    return [colour_at(picture, picture.width * x // 4, picture.height * y // 4) for y in (1, 3) for x in (1, 3)]


def colour_at(picture: Image.Image, x: int, y: int) -> tuple[int, int, int]:
    """Red, green and blue of one pixel."""
    red, green, blue = picture.convert("RGB").crop((x, y, x + 1, y + 1)).tobytes()
    return red, green, blue


def is_close(one: Iterable[int], other: Iterable[int], tolerance: int = 12) -> bool:
    """Are two colours the same to the eye?"""
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def damaged(data: bytes, seeded: random.Random) -> bytes:
    """The same file with a few bytes changed, lost or added, half of the time in its head."""
    wounded = bytearray(data)
    for _ in range(seeded.choice((1, 3, 20))):
        at = seeded.randrange(seeded.choice((200, len(wounded))))
        wounded[at : at + seeded.choice((1, 1, 40))] = seeded.randbytes(seeded.choice((1, 1, 30)))
    return bytes(wounded)


def tone(seconds: float, *, amplitude: float = 0.3, hertz: float = 440, rate: int = RATE) -> Samples:
    """A sine, 16-bit."""
    step = 2 * math.pi * hertz / rate
    return array.array("h", (round(32_000 * amplitude * math.sin(step * n)) for n in range(round(seconds * rate))))


def silence(seconds: float, rate: int = RATE) -> Samples:
    """Nothing, 16-bit."""
    return array.array("h", bytes(2 * round(seconds * rate)))


def interleaved(*channels: Samples) -> Samples:
    """Several channels of equal length as one row of samples."""
    mixed = array.array("h", bytes(2 * len(channels) * len(channels[0])))
    for number, channel in enumerate(channels):
        mixed[number :: len(channels)] = channel
    return mixed


def write_sound(
    path: Path,
    samples: Samples,
    codec: str = "pcm_s16le",
    *,
    container_format: str | None = None,
    layout: str = "mono",
    rate: int = RATE,
    begin_seconds: float = 0.0,
    also: Callable[[av.container.OutputContainer], None] | None = None,
) -> Path:
    """Encode 16-bit samples; `also` may add a picture track, which is then written first."""
    channels = av.AudioLayout(layout).nb_channels
    with av.open(str(path), "w", format=container_format) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        if also:
            also(out)
        for at in range(0, len(samples), rate * channels):
            block = samples[at : at + rate * channels]
            frame = av.AudioFrame(format="s16", layout=layout, samples=len(block) // channels)
            frame.sample_rate, frame.pts = rate, at // channels + round(begin_seconds * rate)
            frame.planes[0].update(block.tobytes())
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def heard(path: str | Path) -> Samples:
    """The samples of a mono recording, 16-bit."""
    samples = array.array("h")
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert (frame.sample_rate, frame.layout.nb_channels, frame.format.name) == (RATE, 1, "s16")
            samples.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
    return samples


def loudness(samples: Samples) -> float:
    """Root mean square, 0 to 32,768."""
    return math.sqrt(sum(value * value for value in samples) / max(1, len(samples)))
