"""Pictures leave whole, as JPEG or lossless WebP, as large as is made use of and no larger."""

from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageDraw, ImageFilter, PngImagePlugin

from media.image import PictureLimits, prepare_picture
from models.failures import FailureCode, FailureError
from tests.unit.media.pictures import encoded, oriented, photo, scene
from tests.unit.media.preparing import LIMITS, all_opened, code_of, looks_like_scene, opened, prepared


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_comes_out_as_the_same_picture(tmp_path: Path, file_format: str) -> None:
    picture = prepared(tmp_path, encoded(scene(), file_format, quality=95))
    assert picture.source_format == file_format.lower()
    assert looks_like_scene(picture)
    assert not picture.degraded


def test_fitting_jpeg_keeps_its_compressed_data_and_loses_its_metadata(tmp_path: Path) -> None:
    plain = encoded(photo(), "JPEG", quality=88)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tagged = encoded(
        photo(), "JPEG", quality=88, exif=oriented(1), icc_profile=srgb, comment=b"secret", xmp=b"<x>secret</x>"
    )
    picture = prepared(tmp_path, tagged + b"trailing secret")
    assert picture.data == plain
    assert b"secret" not in picture.data
    assert b"Ann" not in picture.data


@pytest.mark.parametrize(
    ("size", "max_pixels", "sent"),
    [
        ((4032, 3024), 1_290_240, (1311, 983)),
        ((3000, 1000), 1_290_240, (1967, 655)),
        ((640, 480), 1_290_240, (640, 480)),
        ((1000, 1000), 1_000_000, (1000, 1000)),
        ((1, 3), 147_456, None),
        ((2, 20_000), 1_290_240, (2, 8192)),
        ((20_000, 40), 1_290_240, (8192, 16)),
        ((600, 12_000), 1_290_240, (253, 5079)),
    ],
)
def test_a_picture_is_as_large_as_its_pixels_may_be_and_never_larger_than_it_was(
    tmp_path: Path, size: tuple[int, int], max_pixels: int, sent: tuple[int, int] | None
) -> None:
    data = encoded(Image.new("L", size, 77), "PNG")
    if sent is None:
        assert code_of(tmp_path, data) == FailureCode.MEDIA_UNSUPPORTED
        return
    picture = prepared(tmp_path, data, PictureLimits(max_sent_pixels=max_pixels))
    assert (picture.width, picture.height) == size
    assert opened(picture).size == sent


def test_a_jpeg_passes_up_to_the_last_pixel_that_may_be_sent(tmp_path: Path) -> None:
    data = encoded(photo(), "JPEG")
    assert prepared(tmp_path, data, PictureLimits(max_sent_pixels=200 * 150)).data == data
    smaller = prepared(tmp_path, data, PictureLimits(max_sent_pixels=200 * 150 - 1))
    assert opened(smaller).size == (199, 149)


@pytest.mark.parametrize("max_bytes", [3_000, 20_000, 200_000])
def test_sent_bytes_stay_within_the_limit(tmp_path: Path, max_bytes: int) -> None:
    noise = Image.effect_noise((300, 300), 90)
    few_colours = noise.quantize(16).convert("RGB")
    for picture in (noise, few_colours):
        for file_format in ("PNG", "JPEG"):
            limits = PictureLimits(max_bytes=max_bytes)
            assert len(prepared(tmp_path, encoded(picture, file_format), limits).data) <= max_bytes


def test_a_drawing_leaves_as_it_is_and_a_photo_as_jpeg(tmp_path: Path) -> None:
    drawing = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(drawing).text((20, 20), "Umbrellas sold", fill="black")
    picture = prepared(tmp_path, encoded(drawing, "PNG"))
    assert picture.mime_type == "image/webp"
    assert opened(picture).convert("RGB").tobytes() == drawing.tobytes()
    assert len(picture.data) < len(encoded(drawing, "PNG", optimize=True))
    assert prepared(tmp_path, encoded(photo(), "PNG")).mime_type == "image/jpeg"


def test_frames_of_one_picture_are_all_of_one_type(tmp_path: Path) -> None:
    pages = encoded(scene(), "TIFF", save_all=True, append_images=[photo(96, 64)])
    picture = prepared(tmp_path, pages)
    assert picture.mime_type == "image/jpeg"
    assert len(all_opened(picture)) == 2


def test_progressive_and_grey_jpegs_pass_through(tmp_path: Path) -> None:
    for plain in (encoded(photo(), "JPEG", progressive=True), encoded(photo().convert("L"), "JPEG")):
        assert prepared(tmp_path, plain).data == plain


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_truncated_picture_is_corrupt(tmp_path: Path, file_format: str, share: float) -> None:
    data = encoded(photo(400, 300), file_format)
    assert code_of(tmp_path, data[: int(len(data) * share)]) == FailureCode.MEDIA_CORRUPT


def test_jpeg_without_its_last_two_bytes_is_corrupt(tmp_path: Path) -> None:
    for size in ((200, 150), (3000, 100)):
        assert code_of(tmp_path, encoded(photo(*size), "JPEG")[:-2]) == FailureCode.MEDIA_CORRUPT


def test_heads_without_a_picture_are_corrupt(tmp_path: Path) -> None:
    for data in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"):
        assert code_of(tmp_path, data) == FailureCode.MEDIA_CORRUPT


def test_png_with_damaged_data_is_corrupt(tmp_path: Path) -> None:
    data = bytearray(encoded(photo(), "PNG"))
    middle = len(data) // 2
    data[middle : middle + 20] = bytes(20)
    assert code_of(tmp_path, bytes(data)) == FailureCode.MEDIA_CORRUPT


def test_picture_too_small_to_show_anything_is_refused(tmp_path: Path) -> None:
    assert code_of(tmp_path, encoded(Image.new("RGB", (1, 1)), "PNG")) == FailureCode.MEDIA_UNSUPPORTED
    assert code_of(tmp_path, encoded(Image.new("RGB", (1, 20_000)), "PNG")) == FailureCode.MEDIA_UNSUPPORTED


@pytest.mark.parametrize("file_format", ["PPM", "ICO", "JPEG2000", "TGA", "PDF"])
def test_other_formats_that_pillow_reads_are_not_tried(tmp_path: Path, file_format: str) -> None:
    assert code_of(tmp_path, encoded(scene(), file_format)) == FailureCode.MEDIA_UNSUPPORTED


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FailureError) as raised:
        prepare_picture(str(tmp_path / "gone.jpg"), LIMITS)
    assert raised.value.failure.code == FailureCode.SOURCE_NOT_FOUND


def test_preparing_leaves_pillow_as_it_was(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
    prepared(tmp_path, encoded(scene().filter(ImageFilter.BLUR), "PNG"))
    assert before == (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK)
