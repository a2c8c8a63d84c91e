"""One picture as Gemini should see it: upright, sRGB, without metadata, no larger than the model makes use of.

A JPEG that already is all this passes with its compressed data untouched: it is decoded once, which proves it whole,
and only its metadata is cut out. Everything else is decoded, turned, converted and encoded anew: lossless WebP where
there are few colours and it is the smaller one (drawings, screenshots of text, charts), JPEG else. What is transparent
is laid on white, as a page would show it.

Of an animation a few frames that differ are shown, of a TIFF with several pages the first ones.
`prepare_picture` belongs into a decoding process; importing this module is cheap and safe anywhere.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureLimits:
    """How much of a picture is read and sent."""

    max_pixels: int = 100_000_000
    """Width times height as the header says; more is refused before any memory is taken for pixels. Over all frames of
    an animation together no more are decoded either: the frames after that are not looked at."""
    max_frames: int = 500
    """Frames of an animation that are looked at, from its beginning, to find those that show most."""
    max_sent_pixels: int = 1_290_240
    """Width times height sent: what a model makes use of (gemini/abilities.toml). The frames of an animation share it;
    of a TIFF each page may have as many."""
    max_side: int = 8_192
    """Longest side sent, pixels; matters for banners and strips only."""
    max_bytes: int = 4_000_000
    """Size sent, all frames or pages together; well under what one request may carry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture ready to be sent."""

    data: bytes
    more: tuple[bytes, ...] = ()
    """Further frames of an animation or pages of a TIFF, in order, of the same type."""
    mime_type: str
    """`image/jpeg` or `image/webp`."""
    width: int
    """Pixels of the original, seen upright; what is sent may be smaller."""
    height: int
    animated: bool
    frames: int
    """All there are: frames of an animation, pages of a TIFF, otherwise 1."""
    seconds: float
    """How long the frames that were looked at are shown, together; 0 exactly where nothing moves."""
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
