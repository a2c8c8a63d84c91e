"""Pillow's part in preparing a picture: decode, normalise, shrink, colour, turn, encode, in this order.

Shrinking comes before everything that costs time per pixel. Transparent pictures are laid on white, as a page would
show them; of an animation the first frame that shows anything is taken.
"""

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
from PIL import Image, ImageCms, ImageSequence

from media.failures import translated
from media.image import Picture, PictureLimits
from media.jpeg import strip_metadata
from models.failures import FailureCode, FailureError, failure

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF", "BMP", "TIFF")
"""The only decoders that are ever tried."""

_ORIENTATION = 0x0112
_QUALITIES = (85, 70, 50)
_FEW_COLOURS = 2048
_SMALLEST_SIDE_SENT = 64
_MAX_FRAMES_LOOKED_AT = 50
_MIN_SIDE = 2


def prepared(path: str, limits: PictureLimits) -> Picture:
    """See `media.image.prepare_picture`."""
    with translated(path), _bounded_pixels(limits.max_pixels):
        data = Path(path).read_bytes()
        pillow_heif.register_heif_opener(thumbnails=False)
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(path, image, limits.max_pixels)
            return _prepared(data, image, limits)


def _prepared(data: bytes, image: Image.Image, limits: PictureLimits) -> Picture:
    source_format = (image.format or "").lower()
    width, height = image.size
    orientation = _orientation(image)
    icc_profile = image.info.get("icc_profile")
    if source_format == "png":
        _check_sums(data)
    passed = None
    if source_format in {"jpeg", "mpo"}:
        stripped = strip_metadata(data)  # proves that the picture has an end
        if orientation == 1 and max(width, height) <= limits.max_side and len(stripped) <= limits.max_bytes:
            passed = _passed_through(stripped, image, icc_profile)
        if passed is None:
            image.draft(None, _size_within(image, limits.max_side))  # the decoder itself halves what is much too large
    is_faithful = True
    if passed is None:
        shown = _first_visible_frame(image)
        shown, is_faithful = _srgb(_shrunk(_plain(shown), limits.max_side), icc_profile)
        passed = _encoded(_turned(_on_white(shown), orientation), limits.max_bytes)
    upright = (height, width) if orientation >= 5 else (width, height)
    return Picture(
        data=passed[0],
        mime_type=passed[1],
        width=upright[0],
        height=upright[1],
        degraded=not is_faithful,
        source_format=source_format,
    )


@contextlib.contextmanager
def _bounded_pixels(max_pixels: int) -> Iterator[None]:
    """Make Pillow refuse, from the header, what has more pixels than this; only warns by itself."""
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _check_size(path: str, image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        words = f"{path} has {width} x {height} pixels, more than the {max_pixels} allowed; make it smaller."
        raise FailureError(failure(FailureCode.MEDIA_TOO_LARGE, words, width=width, height=height))
    if min(width, height) < _MIN_SIDE:
        words = f"{path} has {width} x {height} pixels: too small to show anything; send a larger picture."
        raise FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, words, width=width, height=height))


def _check_sums(data: bytes) -> None:
    """Pillow checks the sums over a PNG's pixels only when asked to."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.verify()


def _orientation(image: Image.Image) -> int:
    """How the EXIF says the picture is turned, 1 to 8; 1 where that is missing, damaged or out of range."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except (SyntaxError, ValueError, LookupError, TypeError, OSError, struct.error):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _first_visible_frame(image: Image.Image) -> Image.Image:
    """The image itself, decoded, at the first frame that is not of one colour; at the first where all are."""
    image.load()
    if getattr(image, "n_frames", 1) == 1 or image.format == "MPO":
        return image
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number == _MAX_FRAMES_LOOKED_AT:
            break
        if frame.convert("RGBA").getcolors(1) is None:
            return frame
    image.seek(0)
    image.load()
    return image


def _passed_through(stripped: bytes, image: Image.Image, icc_profile: bytes | None) -> tuple[bytes, str] | None:
    """The JPEG without its metadata, proved whole; None where its pixels have to change.

    Every coded byte is read, but at an eighth of the size, which spares most of the arithmetic: half of the time of a
    full decode, and it finds the same damage (compared over thousands of cut and altered files).
    """
    if image.mode not in {"RGB", "L"} or not _is_srgb(icc_profile):
        return None
    image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
    image.load()
    return stripped, "image/jpeg"


def _is_srgb(icc_profile: bytes | None) -> bool:
    if not icc_profile:
        return True
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(icc_profile))
        return "srgb" in ImageCms.getProfileDescription(profile).lower()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False


def _plain(image: Image.Image) -> Image.Image:
    """Eight bits a channel: L, RGB, RGBA or CMYK."""
    if image.mode.startswith("I;16"):
        image = image.convert("I")
    if image.mode == "I":  # sixteen bits in thirty-two
        return image.point(lambda value: value * (1 / 256) + 0).convert("L")
    if image.mode == "F":
        return _stretched(image)
    if image.mode in {"L", "RGB", "CMYK"} and not image.has_transparency_data:
        return image
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Floating-point grey, whatever its range, from black to white."""
    low, high = image.getextrema()
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise TypeError("a floating-point picture with more than one channel")
    scale = 255 / (high - low) if high > low else 1.0
    return image.point(lambda value: value * scale - low * scale).convert("L")


def _size_within(image: Image.Image, max_side: int) -> tuple[int, int]:
    ratio = min(1.0, max_side / max(image.size))
    return max(1, round(image.width * ratio)), max(1, round(image.height * ratio))


def _shrunk(image: Image.Image, max_side: int) -> Image.Image:
    size = _size_within(image, max_side)
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _srgb(image: Image.Image, icc_profile: bytes | None) -> tuple[Image.Image, bool]:
    """The picture in L, RGB or RGBA as sRGB, and whether its colours could be told for sure."""
    if icc_profile and not (_is_srgb(icc_profile) and image.mode != "CMYK"):
        try:
            profile = ImageCms.getOpenProfile(io.BytesIO(icc_profile))
            mode = "RGBA" if image.mode == "RGBA" else "RGB"
            converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            return (image.convert("RGB") if image.mode == "CMYK" else image), False
        if converted is not None:
            return converted, True
    return (image.convert("RGB") if image.mode == "CMYK" else image), True


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    method = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    return image if method is None else image.transpose(method)


def _encoded(image: Image.Image, max_bytes: int) -> tuple[bytes, str]:
    """PNG for drawings of few colours, where it is sharper, if it is smaller too; JPEG else, as good as fits."""
    image.info.clear()  # or Pillow writes comments, profiles and resolutions back
    jpeg = _small_jpeg(image, max_bytes)
    if image.getcolors(_FEW_COLOURS) is not None:
        png = _saved(image, "PNG", compress_level=6)
        if len(png) <= min(len(jpeg), max_bytes):
            return png, "image/png"
    return jpeg, "image/jpeg"


def _small_jpeg(image: Image.Image, max_bytes: int) -> bytes:
    for quality in _QUALITIES:
        data = _saved(image, "JPEG", quality=quality)
        if len(data) <= max_bytes:
            return data
    if max(image.size) <= _SMALLEST_SIDE_SENT:
        raise ValueError(f"no picture fits into {max_bytes} bytes")
    return _small_jpeg(_shrunk(image, round(max(image.size) * 0.7)), max_bytes)


def _saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, file_format, **options)
    return target.getvalue()
