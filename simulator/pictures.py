"""Looking at a picture: its size, its colour, how it lies, and which corner is which.

A picture may carry a corner mark: four quarters, each of one saturated colour, no two alike. Naming them in order
shows whether a picture was turned or mirrored on its way. Looking is cheap: a JPEG is decoded at an eighth of its
size, and any picture is judged by sixteen pixels.
"""

import colorsys
import io
import struct
from collections import Counter
from dataclasses import dataclass

from PIL import Image

_SIDE = 4
_HALF = _SIDE // 2
_PALE = frozenset({"black", "white", "grey"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What was seen. Sizes are those of the stored pixels, before any EXIF orientation; 0 where unknown."""

    format: str
    width: int
    height: int
    colour: str
    orientation: int
    corners: tuple[str, ...] = ()
    """The colours of the corner mark: top left, top right, bottom left, bottom right; empty where there is none."""


def see(data: bytes, name: str) -> Picture:
    """The picture in these bytes, which must be of the format of that name. Raises whatever Pillow raises."""
    with Image.open(io.BytesIO(data), formats=(name,)) as picture:
        width, height = picture.size
        orientation = picture.getexif().get(0x0112, 1) if "exif" in picture.info else 1
        picture.draft("RGB", (32, 32))
        small = (picture if picture.mode == "RGB" else picture.convert("RGB")).resize((_SIDE, _SIDE))
    pixels = small.tobytes()
    colours = [_colour(*pixels[start : start + 3]) for start in range(0, len(pixels), 3)]
    return Picture(
        format=name,
        width=width,
        height=height,
        colour=Counter(colours).most_common(1)[0][0],
        orientation=int(orientation),
        corners=_corners(colours),
    )


def see_heif(data: bytes) -> Picture:
    """HEIF is not decoded here, only measured: the largest image spatial extents box (ISO 23008-12, `ispe`)."""
    sizes = [(0, 0)]
    position = data.find(b"ispe")
    while 0 <= position <= len(data) - 16:
        sizes.append(struct.unpack_from(">II", data, position + 8))
        position = data.find(b"ispe", position + 4)
    width, height = max(sizes)
    return Picture(format="HEIF", width=width, height=height, colour="unknown", orientation=1)


def _corners(colours: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    for top in (0, _HALF):
        for left in (0, _HALF):
            rows = range(top, top + _HALF)
            quarter = {colours[row * _SIDE + column] for row in rows for column in range(left, left + _HALF)}
            if len(quarter) != 1 or quarter & _PALE:
                return ()
            found += quarter
    return tuple(found) if len(set(found)) == len(found) else ()


_HUES = ((0.04, "red"), (0.11, "orange"), (0.19, "yellow"), (0.45, "green"), (0.54, "turquoise"), (0.72, "blue"))
_LATE_HUES = ((0.86, "purple"), (0.95, "pink"), (1.01, "red"))


def _colour(red: int, green: int, blue: int) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if value < 0.15:  # noqa: PLR2004 the borders between colours are a matter of taste
        return "black"
    if saturation < 0.15:  # noqa: PLR2004
        return "white" if value > 0.85 else "grey"  # noqa: PLR2004
    return next(name for end, name in (*_HUES, *_LATE_HUES) if hue < end)
