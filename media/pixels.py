"""Pillow's part in preparing a picture: check, decode, shrink, colour, turn, encode, in this order.

Shrinking comes before everything that costs time per pixel. Which frames of a picture are shown stands in
`media/frames.py`, how it gets its colours in `media/colour.py`, in what form it leaves in `media/encoding.py`.
"""

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pillow_heif
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from media.colour import eight_bits, is_srgb, on_white, plain, to_srgb
from media.encoding import encoded, shrunk, size_within
from media.failures import translated
from media.frames import Frames, chosen_frames
from media.image import Picture, PictureLimits
from media.jpeg import needed_parts
from media.png import SIGNATURE, strip_ancillary
from media.sniff import describe, sniff
from media.tiff import page_places
from models.failures import FailureCode, FailureError, failure

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "BMP", "TIFF")
"""The only decoders that are ever tried; AVIF before HEIF, whose reader takes what it cannot decode."""

_ORIENTATION = 0x0112
_MIN_SIDE = 2
_MAX_PROFILE_BYTES = 8 << 20
_TURNED_BY_DECODER = frozenset({"tiff", "heif"})
"""Pillow turns a TIFF while it loads it, libheif a HEIF as its boxes say; both leave the EXIF to be misread."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """One frame as it will be seen: its own size, and what is left of it after shrinking."""

    image: Image.Image
    width: int
    height: int
    is_faithful: bool


def prepared(path: str, limits: PictureLimits) -> Picture:
    """See `media.image.prepare_picture`."""
    with translated(path), _bounded(limits.max_pixels):
        data = Path(path).read_bytes()
        if data.startswith(SIGNATURE):
            data = strip_ancillary(data)
        with _opened(path, data) as image:
            _check_size(path, image, limits)
            orientation = _orientation(image)
            if image.format in {"JPEG", "MPO"}:
                needed = needed_parts(data)  # proves that the picture has an end
                if orientation == 1 and _passes(sum(map(len, needed)), image, limits):
                    return _untouched(b"".join(needed), image)
            return _made_anew(path, image, chosen_frames(image, data, limits), orientation, limits)


@contextlib.contextmanager
def _bounded(max_pixels: int) -> Iterator[None]:
    """Make Pillow refuse, from the header, what has more pixels than this, and silence what it merely warns of."""
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2  # it warns of more than this, and refuses twice as many
        PngImagePlugin.MAX_TEXT_CHUNK = _MAX_PROFILE_BYTES  # texts are gone by then: only profiles are unpacked
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = before


def _opened(path: str, data: bytes) -> Image.Image:
    pillow_heif.register_heif_opener(thumbnails=False)
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        known = sniff(data)
        if known is None:
            words = f"{path} is {describe(data)}, not a picture that is read; convert it to JPEG or PNG."
            raise FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, words)) from None
        if known.name == "tiff" and page_places(data)[1]:
            words = f"{path} is a TIFF that is damaged or stores its pixels in a way that is not read; convert it to JPEG or PNG."
            raise FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, words)) from None
        raise


def _check_size(path: str, image: Image.Image, limits: PictureLimits) -> None:
    width, height = image.size
    if width * height > limits.max_pixels:
        words = f"{path} has {width} x {height} pixels, more than the {limits.max_pixels} allowed; make it smaller."
        raise FailureError(failure(FailureCode.MEDIA_TOO_LARGE, words, width=width, height=height))
    if min(width, height) < _MIN_SIDE:
        words = f"{path} has {width} x {height} pixels: too small to show anything; send a larger picture."
        raise FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, words, width=width, height=height))


def _orientation(image: Image.Image) -> int:
    """How the EXIF says the stored pixels are turned, 1 to 8; 1 where that is missing, damaged or out of range."""
    if (image.format or "").lower() in _TURNED_BY_DECODER:
        return 1
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except (SyntaxError, ValueError, LookupError, TypeError, OSError, struct.error):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _passes(size_bytes: int, image: Image.Image, limits: PictureLimits) -> bool:
    """May this JPEG, of so many bytes without its metadata, leave as it is?"""
    return (
        image.mode in {"RGB", "L"}
        and size_bytes <= limits.max_bytes
        and image.size == size_within(image.size, limits.max_sent_pixels, limits.max_side)
        and is_srgb(image.info.get("icc_profile"))
    )


def _untouched(stripped: bytes, image: Image.Image) -> Picture:
    """The JPEG without its metadata, proved whole.

    Every coded byte is read, but at an eighth of the size, which spares most of the arithmetic: half of the time of a
    full decode, and it finds the same damage (compared over thousands of cut and altered files).
    """
    width, height = image.size
    image.draft(None, (max(1, width // 8), max(1, height // 8)))
    image.load()
    return Picture(
        data=stripped,
        mime_type="image/jpeg",
        width=width,
        height=height,
        animated=False,
        frames=1,
        seconds=0.0,
        degraded=False,
        source_format=(image.format or "").lower(),
    )


def _made_anew(path: str, image: Image.Image, frames: Frames, orientation: int, limits: PictureLimits) -> Picture:
    if not frames.places:
        words = f"{path} is the raw file of a camera, or holds previews only; export it as JPEG."
        raise FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, words))
    max_sent_pixels = limits.max_sent_pixels // (len(frames.places) if frames.is_animated else 1)
    shown = []
    for place in frames.places:
        if place != image.tell():
            image.seek(place)
            _check_size(path, image, limits)
        shown.append(_shown(image, orientation, max_sent_pixels, limits.max_side))
    mime_type, sent = encoded([each.image for each in shown], limits.max_bytes)
    return Picture(
        data=sent[0],
        more=sent[1:],
        mime_type=mime_type,
        width=shown[0].width,
        height=shown[0].height,
        animated=frames.is_animated,
        frames=frames.count,
        seconds=frames.seconds,
        degraded=not all(each.is_faithful for each in shown),
        source_format=(image.format or "").lower(),
    )


def _shown(image: Image.Image, orientation: int, max_pixels: int, max_side: int) -> _Shown:
    size = image.size
    if image.format in {"JPEG", "MPO"}:  # the decoder itself halves what is much too large
        image.draft(None, size_within(size, max_pixels, max_side))
    image.load()
    if image.format == "TIFF":
        size = image.size  # as it was turned while loading
    small = shrunk(plain(image), size_within(size, max_pixels, max_side))
    coloured, is_faithful = to_srgb(on_white(eight_bits(small)), image.info.get("icc_profile"))
    turned = coloured if orientation not in _TURNS else coloured.transpose(_TURNS[orientation])
    width, height = (size[1], size[0]) if orientation >= 5 else size
    kept = turned.copy() if turned is image else turned  # the reader of a file becomes its next frame when it seeks
    return _Shown(image=kept, width=width, height=height, is_faithful=is_faithful)
