"""One picture as Gemini should see it: upright, sRGB, JPEG or PNG, without metadata, no larger than is made use of.

A JPEG that already is all this passes with its compressed data untouched: it is decoded once, which proves it whole,
and only its metadata is cut out. Everything else is decoded, turned, converted and encoded anew.
`prepare_picture` belongs into a decoding process; importing this module is cheap and safe anywhere.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureLimits:
    """How much of a picture is read and sent."""

    max_pixels: int = 100_000_000
    """Width times height as the header says; more is refused before any memory is taken for pixels."""
    max_side: int = 1536
    """Longest side sent, pixels. Gemini 3 spends about 1,120 tokens on a picture and sees no more than this holds."""
    max_bytes: int = 4_000_000
    """Size sent; well under what one request may carry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture ready to be sent."""

    data: bytes
    mime_type: str
    """`image/jpeg` or `image/png`."""
    width: int
    """Pixels of the original, seen upright; what is sent may be smaller."""
    height: int
    degraded: bool
    """The colours may be off, for the picture's colour profile could not be read."""
    source_format: str
    """As Pillow names it, in lower case: `jpeg`, `png`, `heif` …"""


def prepare_picture(path: str, limits: PictureLimits) -> Picture:
    """Decode, check and prepare the picture in this file.

    Raises FailureError: media_corrupt (damaged or cut off), media_too_large (pixels), media_unsupported (a format
    that is not read, or a side under 2 pixels), source_not_found, source_forbidden.
    """
    from media import pixels  # Pillow is only for the process that decodes

    return pixels.prepared(path, limits)
