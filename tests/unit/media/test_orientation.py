"""Every picture leaves upright: what its container says about turning is done once, whoever does it."""

from pathlib import Path

import pytest

from tests.unit.media.pictures import (
    after_header,
    chunk,
    colour_at,
    encoded,
    heic,
    is_close,
    oriented,
    scene,
    stored,
    tiff,
)
from tests.unit.media.preparing import all_opened, looks_like_scene, opened, prepared
from tests.unit.media.samples import EXAMPLES

ORIENTATIONS = range(1, 9)


def turned(file_format: str, orientation: int) -> bytes:
    """The scene, stored turned, in a file that says so."""
    picture = stored(scene(), orientation)
    if file_format == "HEIC":
        return heic(picture, orientation=orientation)
    return encoded(picture, file_format, exif=oriented(orientation), quality=95)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_leaves_upright_from_every_container(
    tmp_path: Path, orientation: int, file_format: str
) -> None:
    picture = prepared(tmp_path, turned(file_format, orientation))
    assert (picture.width, picture.height) == opened(picture).size == (96, 64)
    assert looks_like_scene(picture)
    assert not opened(picture).getexif()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [0, 9, 600])
def test_an_impossible_orientation_is_ignored(tmp_path: Path, orientation: int, file_format: str) -> None:
    assert looks_like_scene(prepared(tmp_path, encoded(scene(), file_format, exif=oriented(orientation), quality=95)))


@pytest.mark.parametrize("file_format", ["AVIF", "HEIC"])
def test_where_the_container_turns_its_exif_alone_does_not(tmp_path: Path, file_format: str) -> None:
    """The angle in the box `irot` is made 0; the EXIF goes on saying 6 (ISO 23008-12 gives it no effect)."""
    data = heic(scene(), orientation=6) if file_format == "HEIC" else encoded(scene(), "AVIF", exif=oriented(6))
    assert b"irot\x03" in data
    assert looks_like_scene(prepared(tmp_path, data.replace(b"irot\x03", b"irot\x00")))


def test_exif_that_imagemagick_put_into_a_text_counts(tmp_path: Path) -> None:
    exif = oriented(6).tobytes()
    text = f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode()
    data = after_header(encoded(stored(scene(), 6), "PNG"), chunk(b"tEXt", b"Raw profile type exif\0" + text))
    assert looks_like_scene(prepared(tmp_path, data))


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_damaged_exif_turns_nothing(tmp_path: Path, exif: bytes) -> None:
    for file_format in ("JPEG", "PNG", "WEBP"):
        assert looks_like_scene(prepared(tmp_path, encoded(scene(), file_format, exif=exif, quality=95)))


def test_each_page_of_a_tiff_is_turned_by_its_own_orientation(tmp_path: Path) -> None:
    page = [(256, 4, 4), (257, 4, 2), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1), (278, 4, 2), (279, 4, 8)]
    pages = [sorted([*page, (273, 4, 400), (274, 3, orientation)]) for orientation in (1, 6)]
    data = tiff(*pages).ljust(400, b"\0") + bytes((255, 255, 0, 0)) * 2
    picture = prepared(tmp_path, data)
    assert (picture.width, picture.height) == (4, 2)
    first, second = (image.convert("L") for image in all_opened(picture))
    assert (first.size, first.tobytes()) == ((4, 2), bytes((255, 255, 0, 0)) * 2)
    assert (second.size, second.tobytes()) == ((2, 4), bytes((255,)) * 4 + bytes(4))


def test_example_photo_of_a_phone_is_upright(tmp_path: Path) -> None:
    picture = prepared(tmp_path, (EXAMPLES / "house.jpg").read_bytes())
    assert (picture.width, picture.height) == (480, 640)
    assert is_close(colour_at(opened(picture), 390, 90), (255, 211, 77), 20)  # the sun
