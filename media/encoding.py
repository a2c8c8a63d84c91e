"""The form in which pictures leave: how large, and as JPEG or lossless WebP.

What was measured on generated pictures of 1.3 megapixels (photograph, page of text, noisy scan, chart, screenshot; SSIM
of the grey picture in blocks of 8 x 8, CPU time of Pillow 13 on one core):

- photograph: at equal SSIM (0.969) JPEG needs 93 KB and WebP 100 KB, in 3 ms against 104 ms. JPEG 80 instead of 85
  saves 15 % of the bytes for 0.003 of SSIM; below 80 the worst blocks of text begin to show it (0.99 to 0.985).
- page of text: lossless WebP 29 KB in 41 ms, PNG 169 KB in 38 ms, JPEG 354 KB. Chart: 18, 36 and 81 KB.
- scans and screenshots with photographs in them: lossless costs twice the bytes or 100 times the CPU of JPEG.

Hence: lossless WebP for few colours, where it is not larger than JPEG, and JPEG 80 for everything else.
"""

import io
import math
from collections.abc import Sequence

from PIL import Image

_QUALITIES = (80, 65, 50)
_FEW_COLOURS = 2048
_SMALLEST_SIDE_SENT = 64
_LONGEST_SIDE_OF_WEBP = 16_383
_LEAST_SIDE = 2


def size_within(size: tuple[int, int], max_pixels: int, max_side: int) -> tuple[int, int]:
    """The size of a picture of that shape that has no more pixels and no longer side; never larger than it is."""
    width, height = size
    ratio = min(max_side / max(size), math.sqrt(max_pixels / (width * height)))
    if ratio >= 1:
        return size
    return max(_LEAST_SIDE, int(width * ratio)), max(_LEAST_SIDE, int(height * ratio))


def shrunk(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in that size."""
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def encoded(images: Sequence[Image.Image], max_bytes: int) -> tuple[str, tuple[bytes, ...]]:
    """MIME type and bytes of pictures in L or RGB, all of one type, together within `max_bytes`; no metadata.

    Raises ValueError where no picture fits into so little.
    """
    for image in images:
        image.info.clear()  # or Pillow writes comments, profiles and resolutions back
    share = max_bytes // len(images)
    jpegs = tuple(_small_jpeg(image, share) for image in images)
    if all(_is_drawing(image) for image in images):
        drawn = tuple(_saved(image, "WEBP", lossless=True, quality=40, method=2) for image in images)
        if sum(map(len, drawn)) <= sum(map(len, jpegs)):
            return "image/webp", drawn
    return "image/jpeg", jpegs


def _is_drawing(image: Image.Image) -> bool:
    return max(image.size) <= _LONGEST_SIDE_OF_WEBP and image.getcolors(_FEW_COLOURS) is not None


def _small_jpeg(image: Image.Image, max_bytes: int) -> bytes:
    for quality in _QUALITIES:
        data = _saved(image, "JPEG", quality=quality)
        if len(data) <= max_bytes:
            return data
    if max(image.size) <= _SMALLEST_SIDE_SENT:
        raise ValueError(f"no picture fits into {max_bytes} bytes")
    width, height = image.size
    return _small_jpeg(shrunk(image, size_within(image.size, width * height // 2, max(image.size))), max_bytes)


def _saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, file_format, **options)
    return target.getvalue()
