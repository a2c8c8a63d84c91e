"""Which frames of an animation, and which pages of a TIFF, are shown.

An animation is walked once from its beginning, within limits, and up to two dozen of its frames, evenly spread, are
looked at as thumbnails. Of these the first that shows anything is taken, then again and again the one that is least
like any taken so far, as long as it differs to the eye: a blinking cursor gives one picture, a story four.
A TIFF shows its first pages. The other pictures in an MPO or a HEIC (a burst, a depth map) are not shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageStat

from media.colour import eight_bits, on_white, plain
from media.image import PictureLimits
from media.tiff import page_places

MOST_SHOWN = 4
"""Frames or pages of one picture that are sent, at most."""

_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})
_LOOKS = 24
_LOOK_SIZE = (32, 32)
_DIFFERENCE = 10.0
"""Root of the mean square by which two thumbnails differ, of 255, to be two pictures to the eye."""
_DEFAULT_MILLISECONDS = 100.0
"""What browsers take for a frame that gives no time."""
_LONGEST_MILLISECONDS = 65_535_000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """What there is and what of it is shown."""

    places: tuple[int, ...]
    """The frames to be shown, in order, from 0; none where there is no picture that is ours to develop."""
    count: int
    is_animated: bool
    seconds: float
    """How long those that were walked over last together; 0 where nothing moves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    place: int
    thumbnail: Image.Image
    is_blank: bool


def chosen_frames(image: Image.Image, data: bytes, limits: PictureLimits) -> Frames:
    """What to show of an opened picture, of which `data` are the bytes; leaves it at any frame. Raises as Pillow does."""
    if image.format == "TIFF":
        places, count = page_places(data)
        return Frames(
            places=_affordable(image, places[:MOST_SHOWN], limits), count=count, is_animated=False, seconds=0.0
        )
    count = getattr(image, "n_frames", 1) if image.format in _ANIMATED else 1
    if count > 1:
        return _of_animation(image, count, limits)
    return Frames(places=(image.tell(),), count=1, is_animated=False, seconds=0.0)


def _affordable(image: Image.Image, places: Sequence[int], limits: PictureLimits) -> tuple[int, ...]:
    """The first pages, as many as may be decoded together; the first in any case."""
    spent = 0
    taken: list[int] = []
    for place in places:
        image.seek(place)
        spent += image.width * image.height
        if taken and spent > limits.max_pixels:
            break
        taken.append(place)
    return tuple(taken)


def _of_animation(image: Image.Image, count: int, limits: PictureLimits) -> Frames:
    reach = min(count, limits.max_frames, max(1, limits.max_pixels // (image.width * image.height)))
    step = math.ceil(reach / _LOOKS)
    looks: list[_Look] = []
    milliseconds, spent = 0.0, 0
    for place in range(reach):
        image.seek(place)
        spent += image.width * image.height  # a frame may enlarge the canvas
        if place and spent > limits.max_pixels:
            break
        image.load()
        milliseconds += _milliseconds(image)
        if place % step == 0:
            looks.append(_look(image, place))
    return Frames(places=_most_different(looks), count=count, is_animated=True, seconds=milliseconds / 1000)


def _milliseconds(image: Image.Image) -> float:
    given = image.info.get("duration", 0)
    is_believable = isinstance(given, int | float) and 0 < given <= _LONGEST_MILLISECONDS
    return float(given) if is_believable else _DEFAULT_MILLISECONDS


def _look(image: Image.Image, place: int) -> _Look:
    seen = on_white(eight_bits(plain(image))).convert("RGB")
    thumbnail = seen.resize(_LOOK_SIZE, Image.Resampling.BOX)
    return _Look(place=place, thumbnail=thumbnail, is_blank=seen.getcolors(1) is not None)


def _most_different(looks: Sequence[_Look]) -> tuple[int, ...]:
    rest = [look for look in looks if not look.is_blank] or [looks[0]]
    taken = [rest.pop(0)]
    while rest and len(taken) < MOST_SHOWN:
        strangest = max(rest, key=lambda look: _strangeness(look, taken))
        if _strangeness(strangest, taken) < _DIFFERENCE:
            break
        rest.remove(strangest)
        taken.append(strangest)
    return tuple(sorted(look.place for look in taken))


def _strangeness(look: _Look, others: Sequence[_Look]) -> float:
    """How much it differs from the one that is most like it."""
    return min(_difference(look.thumbnail, other.thumbnail) for other in others)


def _difference(one: Image.Image, other: Image.Image) -> float:
    squares = ImageStat.Stat(ImageChops.difference(one, other)).rms
    return math.sqrt(sum(value**2 for value in squares) / len(squares))
