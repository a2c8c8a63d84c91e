"""Pictures to caption: distinct JPEGs, drawn by code from a seed, the same on every machine.

A picture of about 50 KB has a size that Gemini takes as it is, so that nothing has to be encoded anew. A photo has the
12 megapixels and the 3 MB of a camera's, so that it has to be made smaller. Both have EXIF with a place in it, so that
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

PHOTO_SIZE = (4_000, 3_000)
PHOTO_QUALITY = 92
PHOTO_GRAIN = 0.05
"""Share of noise in a photo, as a sensor adds it."""
_LAYERS = ((1_000, 1.0), (250, 0.5), (60, 0.5), (15, 0.5), (4, 0.6))
"""Of which a photo is laid: how many spots wide, from texture to gradient, and the share that is seen of each over those before."""

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


def draw_photos(folder: Path, count: int, *, seed: int) -> list[Path]:
    """That many JPEGs of 12 megapixels in that folder, which must exist; their paths, in order. A second of CPU each."""
    chance = random.Random(seed)
    exif = _exif().tobytes()
    paths = []
    for number in range(count):
        path = folder / f"photo-{seed}-{number:05}.jpg"
        colours = Image.merge("RGB", [_laid(chance) for _ in range(3)])
        noise = Image.frombytes("L", PHOTO_SIZE, chance.randbytes(PHOTO_SIZE[0] * PHOTO_SIZE[1]))
        grain = Image.merge("RGB", [noise] * 3)
        Image.blend(colours, grain, PHOTO_GRAIN).save(path, "JPEG", quality=PHOTO_QUALITY, exif=exif)
        paths.append(path)
    return paths


def _laid(chance: random.Random) -> Image.Image:
    """One colour of a photo: light and dark spots of every size, soft at their edges."""
    laid = Image.new("L", PHOTO_SIZE)
    for width, share in _LAYERS:
        height = width * 3 // 4
        spots = Image.frombytes("L", (width, height), chance.randbytes(width * height))
        layer = spots.resize(PHOTO_SIZE, Image.Resampling.BICUBIC)
        laid = Image.blend(laid, layer, share)
    return laid


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
