"""Pictures to caption: distinct JPEGs of about 50 KB, drawn by code from a seed, the same on every machine.

Each has a size that Gemini takes as it is, so that nothing has to be encoded anew, and EXIF with a place in it, so that
metadata has to be cut out.
"""

import io
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

SIZE = (960, 720)
QUALITY = 80
GRAIN = 0.055
"""Share of noise in each picture, which is what makes it 50 KB large."""

_MAKER, _MODEL, _GPS = 0x010F, 0x0110, 0x8825
_LATITUDE = {1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 22.0, 12.0)}


def draw_pictures(folder: Path, count: int, *, seed: int) -> list[Path]:
    """That many JPEGs in that folder, which must exist; their paths, in order."""
    chance = random.Random(seed)
    noise = Image.frombytes("L", SIZE, chance.randbytes(SIZE[0] * SIZE[1])).filter(ImageFilter.GaussianBlur(0.8))
    grain = Image.merge("RGB", (noise, noise, noise))
    exif = _exif().tobytes()
    paths = []
    for number in range(count):
        path = folder / f"picture-{seed}-{number:05}.jpg"
        path.write_bytes(_drawn(chance, grain, exif))
        paths.append(path)
    return paths


def _drawn(chance: random.Random, grain: Image.Image, exif: bytes) -> bytes:
    canvas = Image.new("RGB", SIZE, _colour(chance))
    draw = ImageDraw.Draw(canvas)
    for _ in range(24):
        left, top = chance.randrange(SIZE[0]), chance.randrange(SIZE[1])
        box = (left, top, left + chance.randrange(20, 300), top + chance.randrange(20, 300))
        (draw.ellipse if chance.random() < 0.5 else draw.rectangle)(box, fill=_colour(chance))
    textured = Image.blend(canvas, grain, GRAIN)
    target = io.BytesIO()
    textured.save(target, "JPEG", quality=QUALITY, exif=exif)
    return target.getvalue()


def _colour(chance: random.Random) -> tuple[int, int, int]:
    return chance.randrange(256), chance.randrange(256), chance.randrange(256)


def _exif() -> Image.Exif:
    """Maker, model and place, as a phone writes them."""
    exif = Image.Exif()
    exif[_MAKER], exif[_MODEL] = "Example", "Example One"
    exif.get_ifd(_GPS).update(_LATITUDE)
    return exif
