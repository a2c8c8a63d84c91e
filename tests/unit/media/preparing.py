"""What the tests of pictures share: prepare some bytes, look at what would be sent."""

import io
from pathlib import Path

import pytest
from PIL import Image

from media.image import Picture, PictureLimits, prepare_picture
from models.failures import FailureCode, FailureError
from tests.unit.media.pictures import CORNERS, colour_at, corners, is_close

LIMITS = PictureLimits()


def prepared(folder: Path, data: bytes, limits: PictureLimits = LIMITS) -> Picture:
    """The picture that these bytes are, made ready."""
    path = folder / "picture.bin"
    path.write_bytes(data)
    return prepare_picture(str(path), limits)


def opened(picture: Picture) -> Image.Image:
    """The first of what would be sent."""
    return all_opened(picture)[0]


def all_opened(picture: Picture) -> list[Image.Image]:
    """All that would be sent; each is what its label says."""
    images: list[Image.Image] = [Image.open(io.BytesIO(data)) for data in (picture.data, *picture.more)]
    for image in images:
        assert Image.MIME[image.format or ""] == picture.mime_type
        image.load()
    return images


def code_of(folder: Path, data: bytes, limits: PictureLimits = LIMITS) -> FailureCode:
    """Why these bytes are refused; the message names the file."""
    with pytest.raises(FailureError) as raised:
        prepared(folder, data, limits)
    assert "picture.bin" in raised.value.failure.message
    return raised.value.failure.code


def middle(picture: Picture) -> tuple[int, int, int]:
    """The colour in the middle of what would be sent."""
    image = opened(picture)
    return colour_at(image, image.width // 2, image.height // 2)


def shows_scene(image: Image.Image) -> bool:
    """Is this the scene of the samples, the right way round?"""
    return all(is_close(seen, meant, 20) for seen, meant in zip(corners(image), CORNERS, strict=True))


def looks_like_scene(picture: Picture) -> bool:
    """Would the scene of the samples be sent, the right way round?"""
    return shows_scene(opened(picture))
