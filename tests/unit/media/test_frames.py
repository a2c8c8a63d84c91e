"""Of an animation the frames that show most are sent, of a TIFF its first pages, of everything else one picture."""

import io
import struct
import time
from collections.abc import Sequence
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from media.image import PictureLimits
from models.failures import FailureCode
from tests.unit.media.pictures import animation, chunk, colour_at, encoded, gif, grey_page, is_close, photo, scene, tiff
from tests.unit.media.preparing import all_opened, code_of, looks_like_scene, prepared, shows_scene

ANIMATED = ["GIF", "WEBP", "PNG", "AVIF"]
COLOURS = [(200, 0, 0), (0, 150, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200), (200, 0, 200)]


def blank(colour: str | tuple[int, int, int] = "white") -> Image.Image:
    return Image.new("RGB", scene().size, colour)


def marked(colour: tuple[int, int, int]) -> Image.Image:
    """A frame of one colour, with a mark that keeps it from being blank."""
    frame = blank(colour)
    frame.paste((255, 255, 255), (0, 0, 8, 8))
    return frame


def colours(images: Sequence[Image.Image]) -> list[tuple[int, int, int]]:
    return [min(COLOURS, key=lambda known: distance(known, colour_at(image, 60, 40))) for image in images]


def distance(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("file_format", ANIMATED)
def test_frames_that_differ_are_sent_in_order_and_the_others_are_not(tmp_path: Path, file_format: str) -> None:
    story = [marked(colour) for colour in COLOURS[:3] for _ in range(3)]
    for number, frame in enumerate(story):
        frame.putpixel((90, 60), (number, number, number))  # or an encoder makes one frame of three
    picture = prepared(tmp_path, animation(story, file_format))
    assert colours(all_opened(picture)) == COLOURS[:3]
    assert picture.animated
    assert picture.frames == 9
    assert picture.seconds == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize("file_format", ANIMATED)
def test_no_more_than_four_frames_are_sent(tmp_path: Path, file_format: str) -> None:
    picture = prepared(tmp_path, animation([marked(colour) for colour in COLOURS], file_format))
    assert (len(all_opened(picture)), picture.frames) == (4, 6)


@pytest.mark.parametrize("file_format", ANIMATED)
def test_frames_that_show_nothing_are_passed_over(tmp_path: Path, file_format: str) -> None:
    picture = prepared(tmp_path, animation([blank(), scene(), blank("black")], file_format))
    (only,) = all_opened(picture)
    assert shows_scene(only)


def test_an_animation_of_nothing_still_leaves(tmp_path: Path) -> None:
    (only,) = all_opened(prepared(tmp_path, animation([blank(), blank("black")], "GIF")))
    assert is_close(colour_at(only, 50, 50), (255, 255, 255))


def test_a_change_that_nobody_sees_is_no_second_picture(tmp_path: Path) -> None:
    blinking = scene()
    blinking.paste((0, 0, 0), (40, 30, 42, 32))
    picture = prepared(tmp_path, animation([scene(), blinking], "PNG"))
    assert (len(picture.more), picture.frames, picture.animated) == (0, 2, True)


@pytest.mark.parametrize("file_format", ANIMATED)
def test_a_still_picture_in_an_animated_format_is_no_animation(tmp_path: Path, file_format: str) -> None:
    picture = prepared(tmp_path, encoded(scene(), file_format, quality=95))
    assert (picture.animated, picture.frames, picture.seconds, picture.more) == (False, 1, 0.0, ())


def test_frames_share_the_pixels_and_the_bytes_of_one_picture(tmp_path: Path) -> None:
    frames = [photo(320, 240).rotate(90 * turn) for turn in range(3)]
    limits = PictureLimits(max_sent_pixels=30_000, max_bytes=9_000)
    picture = prepared(tmp_path, animation(frames, "WEBP"), limits)
    images = all_opened(picture)
    assert len(images) > 1
    assert 25_000 < sum(image.width * image.height for image in images) <= 30_000
    assert sum(map(len, (picture.data, *picture.more))) <= 9_000


def test_only_as_many_frames_are_looked_at_as_allowed(tmp_path: Path) -> None:
    data = animation([marked(colour) for colour in COLOURS[:4]], "GIF")
    few = prepared(tmp_path, data, PictureLimits(max_frames=2))
    tight = prepared(tmp_path, data, PictureLimits(max_pixels=2 * 96 * 64))
    for picture in (few, tight):
        assert colours(all_opened(picture)) == COLOURS[:2]
        assert picture.frames == 4


def test_frames_that_enlarge_the_canvas_are_looked_at_until_the_pixels_are_spent(tmp_path: Path) -> None:
    large = animation([Image.new("L", (400, 400), 9 * number) for number in range(25)], "GIF")
    palette_bytes = 3 << (large[10] & 7) + 1
    data = gif(1)[:-1] + large[13 + palette_bytes :]
    picture = prepared(tmp_path, data, PictureLimits(max_pixels=10 * 400 * 400))
    assert picture.frames == 26
    assert picture.seconds == pytest.approx(1.0, abs=0.15)  # ten of them, a tenth of a second each


def test_a_hundred_thousand_frames_are_counted_and_a_few_looked_at(tmp_path: Path) -> None:
    started = time.process_time()
    picture = prepared(tmp_path, gif(100_000))
    assert (picture.frames, picture.animated) == (100_000, True)
    assert time.process_time() - started < 10


def test_an_animation_that_is_cut_off_is_corrupt(tmp_path: Path) -> None:
    for file_format in ("WEBP", "PNG", "AVIF"):
        data = animation([photo(96, 64), scene(), marked(COLOURS[0])], file_format)
        assert code_of(tmp_path, data[: len(data) * 2 // 3]) == FailureCode.MEDIA_CORRUPT


def test_a_png_with_fewer_frames_than_it_says_is_corrupt(tmp_path: Path) -> None:
    data = animation([scene(), marked(COLOURS[0])], "PNG")
    at = data.index(b"acTL") - 4
    lying = data[:at] + chunk(b"acTL", struct.pack(">II", 2_000, 0)) + data[at + 20 :]
    assert code_of(tmp_path, lying) == FailureCode.MEDIA_CORRUPT


def test_the_first_pages_of_a_tiff_are_sent_each_in_full_size(tmp_path: Path) -> None:
    pages = [marked(colour) for colour in COLOURS]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    picture = prepared(tmp_path, data, PictureLimits(max_sent_pixels=96 * 64))
    images = all_opened(picture)
    assert colours(images) == COLOURS[:4]
    assert {image.size for image in images} == {(96, 64)}
    assert (picture.animated, picture.frames, picture.seconds) == (False, 6, 0.0)


def test_pages_that_are_too_many_pixels_together_are_left_out(tmp_path: Path) -> None:
    data = encoded(scene(), "TIFF", save_all=True, append_images=[scene()] * 3)
    picture = prepared(tmp_path, data, PictureLimits(max_pixels=2 * 96 * 64))
    assert (1 + len(picture.more), picture.frames) == (2, 4)


def test_reduced_copies_and_masks_in_a_tiff_are_no_pages(tmp_path: Path) -> None:
    kinds = (0, 1, 4, 2, 0)
    data = tiff(*(grey_page(1_000, subfile=kind) for kind in kinds)).ljust(1_000, b"\0") + bytes(range(64))
    picture = prepared(tmp_path, data)
    assert (1 + len(picture.more), picture.frames) == (3, 3)


def test_pages_are_not_looked_for_behind_a_crowd_of_copies(tmp_path: Path) -> None:
    """Pillow's way to a directory takes time by the square of its number."""
    kinds = (0, *[1] * 100, 0)
    data = tiff(*(grey_page(20_000, subfile=kind) for kind in kinds)).ljust(20_000, b"\0") + bytes(range(64))
    picture = prepared(tmp_path, data)
    assert (1 + len(picture.more), picture.frames) == (1, 2)


def test_a_chain_of_pages_that_bites_its_tail_has_an_end(tmp_path: Path) -> None:
    data = tiff(grey_page(1_000), grey_page(1_000), chain_to=8).ljust(1_000, b"\0") + bytes(range(64))
    assert prepared(tmp_path, data).frames == 2


def test_a_hundred_thousand_pages_are_counted_in_no_time(tmp_path: Path) -> None:
    data = tiff(*(grey_page(8) for _ in range(4)), *([] for _ in range(99_996)))
    started = time.process_time()
    assert prepared(tmp_path, data).frames == 100_000
    assert time.process_time() - started < 5


def test_the_raw_file_of_a_camera_is_not_taken_for_its_preview(tmp_path: Path) -> None:
    pixels = bytes(range(64))
    preview_first = tiff(grey_page(1_000, subfile=1)).ljust(1_000, b"\0") + pixels
    negative = tiff([*grey_page(1_000), (50706, 1, 0x0401)]).ljust(1_000, b"\0") + pixels
    mosaic = tiff([row if row[0] != 262 else (262, 3, 32803) for row in grey_page(1_000)]).ljust(1_000, b"\0") + pixels
    for data in (preview_first, negative, mosaic):
        assert code_of(tmp_path, data) == FailureCode.MEDIA_UNSUPPORTED


def test_of_a_burst_its_primary_picture_is_sent_whichever_it_is(tmp_path: Path) -> None:
    burst = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]
    for frame in (blank(), scene(), blank("black")):
        burst.add_from_pillow(frame)
    target = io.BytesIO()
    burst.save(target, primary_index=1, quality=95)
    picture = prepared(tmp_path, target.getvalue())
    assert looks_like_scene(picture)
    assert (picture.animated, picture.frames, picture.more) == (False, 1, ())


def test_only_the_first_picture_of_several_in_a_jpeg_is_sent(tmp_path: Path) -> None:
    data = encoded(photo(), "MPO", save_all=True, append_images=[scene(200, 150)])
    picture = prepared(tmp_path, data)
    assert (picture.source_format, picture.animated, picture.frames) == ("mpo", False, 1)
    assert picture.data == encoded(photo(), "JPEG")
