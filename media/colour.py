"""Colours: from whatever a file stores to eight bits of sRGB.

Three steps, because shrinking belongs between them: `plain` undoes palettes and odd packings, `eight_bits` brings what
has more of them (scans, measurements, linear light) into sight, `to_srgb` applies the colour profile.
"""

import io
import math
from array import array
from functools import lru_cache
from itertools import product

from PIL import Image, ImageChops, ImageCms

_PLAIN = frozenset({"L", "RGB", "RGBA", "CMYK", "LAB", "I", "F"})
_FULL_SCALES = (255, 4_095, 65_535)
"""What white is in a grey picture of sixteen bits: some hold twelve or eight."""
_SRGB_TOLERANCE = 3
_PROFILES_KEPT = 16
_BAD_PROFILE = (ImageCms.PyCMSError, OSError, ValueError, TypeError)
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}
"""The colour space, as profiles call it, of what is stored in a mode."""


def plain(image: Image.Image) -> Image.Image:
    """The loaded picture in L, RGB, RGBA, CMYK, LAB, or, with more than eight bits, I or F."""
    if image.mode.startswith("I;16"):
        return image.convert("I")
    if image.mode == "CMYK" and image.format in {"JPEG", "MPO"} and "adobe" not in image.info:
        return ImageChops.invert(image)  # Pillow takes every such JPEG for one of Adobe's, which store negatives
    if image.mode in {"La", "RGBa"}:
        return image.convert(image.mode.upper()).convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.has_transparency_data and image.mode != "RGBA":
        return image.convert("RGBA")
    return image if image.mode in _PLAIN else image.convert("RGB")


def eight_bits(image: Image.Image) -> Image.Image:
    """I and F as L, so that black to white is what the picture has room for; other modes as they are."""
    if image.mode not in {"I", "F"}:
        return image
    low, high = image.getextrema()
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if image.mode == "I" and low >= 0 and high <= _FULL_SCALES[-1]:
        low, high = 0, next(scale for scale in _FULL_SCALES if high <= scale)
    elif not math.isfinite(low) or not math.isfinite(high):
        image, low, high = _finite(image)
    scale = 255 / (high - low) if high > low else 1.0
    return image.point(lambda value: value * scale + (0.5 - low * scale)).convert("L")


def on_white(image: Image.Image) -> Image.Image:
    """What is transparent laid on white."""
    if image.mode != "RGBA":
        return image
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page


def to_srgb(image: Image.Image, icc_profile: bytes | None) -> tuple[Image.Image, bool]:
    """The picture in L, RGB, CMYK or LAB as sRGB (in L or RGB), and whether its colours could be told for sure."""
    is_faithful = True
    if icc_profile and not (image.mode in {"L", "RGB"} and is_srgb(icc_profile)):
        try:
            return _through(image, icc_profile), True
        except _BAD_PROFILE:
            is_faithful = False
    if image.mode == "LAB":
        return _applied(image, _transform(None, "LAB")), is_faithful
    return (image.convert("RGB") if image.mode == "CMYK" else image), is_faithful


@lru_cache(maxsize=_PROFILES_KEPT)
def is_srgb(icc_profile: bytes | None) -> bool:
    """Does the profile mean sRGB? Told from what it does to colours: names lie, as "linear sRGB" does."""
    if not icc_profile:
        return True
    colours = bytes(level for colour in product((0, 128, 255), repeat=3) for level in colour)
    strip = Image.frombytes("RGB", (27, 1), colours)
    try:
        seen = _applied(strip, _transform(icc_profile, "RGB")).tobytes()
    except _BAD_PROFILE:
        return False
    return all(abs(one - other) <= _SRGB_TOLERANCE for one, other in zip(colours, seen, strict=True))


def _through(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """The picture taken through its profile. Raises as ImageCms does where the two do not belong together."""
    space = _space(icc_profile)
    if image.mode == "L" and space == "RGB ":
        image = image.convert("RGB")
    elif image.mode == "RGB" and space == "GRAY" and _is_grey(image):
        image = image.convert("L")
    if _SPACES[image.mode] != space:
        raise ValueError(f"a profile for {space.strip()} on a picture in {image.mode}")
    converted = _applied(image, _transform(icc_profile, image.mode))
    return converted.convert("L") if image.mode == "L" else converted


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = image.split()
    return all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue))


def _space(icc_profile: bytes) -> str:
    """The four letters of the profile's colour space (ICC.1:2022, 7.2)."""
    return icc_profile[16:20].decode("ascii", "replace")


@lru_cache(maxsize=_PROFILES_KEPT)
def _transform(icc_profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform:
    source = ImageCms.getOpenProfile(io.BytesIO(icc_profile)) if icc_profile else ImageCms.createProfile("LAB")
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted


def _finite(image: Image.Image) -> tuple[Image.Image, float, float]:
    """A picture in F with its lowest value where there was none (NaN, infinite), and its lowest and highest value."""
    values = array("f", image.tobytes())
    known: list[float] = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    whole = Image.new("F", image.size)
    whole.frombytes(array("f", (value if math.isfinite(value) else low for value in values)).tobytes())
    return whole, low, high
