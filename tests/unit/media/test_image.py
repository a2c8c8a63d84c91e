"""Pictures leave upright, sRGB, JPEG or PNG, without metadata, and whole."""

import contextlib
import io
import random
import struct
import zlib
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageFilter

from media.image import Picture, PictureLimits, prepare_picture
from models.failures import FailureCode, FailureError
from tests.unit.media.samples import CORNERS, EXAMPLES, colour_at, corners, damaged, encoded, is_close, photo, scene

LIMITS = PictureLimits()
TURNS = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}
"""How an upright picture is stored under each orientation."""


def prepared(tmp_path: Path, data: bytes, limits: PictureLimits = LIMITS) -> Picture:
    path = tmp_path / "picture.bin"
    path.write_bytes(data)
    return prepare_picture(str(path), limits)


def opened(picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.data))
    assert Image.MIME[image.format or ""] == picture.mime_type
    image.load()
    return image


def code_of(tmp_path: Path, data: bytes) -> FailureCode:
    with pytest.raises(FailureError) as raised:
        prepared(tmp_path, data)
    assert "picture.bin" in raised.value.failure.message
    return raised.value.failure.code


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x0110] = "Camera of Ann"
    tags.get_ifd(0x8825)[1] = "N"
    return tags


def looks_like_scene(picture: Picture) -> bool:
    return all(is_close(seen, meant) for seen, meant in zip(corners(opened(picture)), CORNERS, strict=True))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", TURNS)
def test_every_orientation_leaves_upright(tmp_path: Path, orientation: int, file_format: str) -> None:
    stored = scene()
    for turn in TURNS[orientation]:
        stored = stored.transpose(turn)
    picture = prepared(tmp_path, encoded(stored, file_format, exif=exif(orientation), quality=95))
    assert (picture.width, picture.height) == (96, 64)
    assert opened(picture).size == (96, 64)
    assert looks_like_scene(picture)
    assert not opened(picture).getexif()


@pytest.mark.parametrize("orientation", [0, 9, 600])
def test_impossible_orientation_is_ignored(tmp_path: Path, orientation: int) -> None:
    assert looks_like_scene(prepared(tmp_path, encoded(scene(), "JPEG", exif=exif(orientation), quality=95)))


def test_heic_is_turned_once(tmp_path: Path) -> None:
    target = io.BytesIO()
    pillow_heif.from_pillow(scene().transpose(Image.Transpose.ROTATE_90)).save(
        target, quality=95, exif=exif(6).tobytes()
    )
    picture = prepared(tmp_path, target.getvalue())
    assert (picture.width, picture.height, picture.source_format) == (96, 64, "heif")
    assert looks_like_scene(picture)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_comes_out_as_the_same_picture(tmp_path: Path, file_format: str) -> None:
    picture = prepared(tmp_path, encoded(scene(), file_format, quality=95))
    assert picture.source_format == file_format.lower()
    assert looks_like_scene(picture)
    assert not picture.degraded


def test_example_photo_of_a_phone_is_upright(tmp_path: Path) -> None:
    picture = prepared(tmp_path, (EXAMPLES / "house.jpg").read_bytes())
    assert (picture.width, picture.height) == (480, 640)
    assert is_close(colour_at(opened(picture), 390, 90), (255, 211, 77), 20)  # the sun


def test_fitting_jpeg_keeps_its_compressed_data_and_loses_its_metadata(tmp_path: Path) -> None:
    plain = encoded(photo(), "JPEG", quality=88)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tagged = encoded(
        photo(), "JPEG", quality=88, exif=exif(1), icc_profile=srgb, comment=b"secret", xmp=b"<x>secret</x>"
    )
    picture = prepared(tmp_path, tagged + b"trailing secret")
    assert picture.data == plain
    assert b"secret" not in picture.data
    assert b"Ann" not in picture.data


def test_only_the_first_picture_of_several_in_a_jpeg_passes(tmp_path: Path) -> None:
    picture = prepared(tmp_path, encoded(photo(), "MPO", save_all=True, append_images=[scene(200, 150)]))
    assert picture.source_format == "mpo"
    assert picture.data == encoded(photo(), "JPEG")


def test_progressive_and_grey_jpegs_pass_through(tmp_path: Path) -> None:
    for plain in (encoded(photo(), "JPEG", progressive=True), encoded(photo().convert("L"), "JPEG")):
        assert prepared(tmp_path, plain).data == plain


def test_large_picture_shrinks_to_the_limit_and_keeps_its_own_measures(tmp_path: Path) -> None:
    picture = prepared(tmp_path, encoded(photo(3000, 1000), "JPEG"))
    assert (picture.width, picture.height) == (3000, 1000)
    assert opened(picture).size == (1536, 512)


def test_sent_bytes_stay_within_the_limit(tmp_path: Path) -> None:
    noise = Image.effect_noise((600, 600), 90)
    picture = prepared(tmp_path, encoded(noise, "PNG"), PictureLimits(max_bytes=30_000))
    assert len(picture.data) <= 30_000


def test_drawing_leaves_as_png_and_photo_as_jpeg(tmp_path: Path) -> None:
    drawing = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(drawing).text((20, 20), "Umbrellas sold", fill="black")
    picture = prepared(tmp_path, encoded(drawing, "PNG"))
    assert picture.mime_type == "image/png"
    assert opened(picture).tobytes() == drawing.tobytes()
    assert prepared(tmp_path, encoded(photo(), "PNG")).mime_type == "image/jpeg"


def test_cmyk_is_converted_and_not_a_negative(tmp_path: Path) -> None:
    picture = prepared(tmp_path, encoded(scene().convert("CMYK"), "JPEG", quality=95))
    assert opened(picture).mode == "RGB"
    assert all(is_close(seen, meant, 40) for seen, meant in zip(corners(opened(picture)), CORNERS, strict=True))


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    palette = Image.new("P", (40, 40), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    for data in (encoded(clear, "PNG"), encoded(clear, "WEBP"), encoded(palette, "PNG", transparency=1)):
        assert is_close(colour_at(opened(prepared(tmp_path, data)), 20, 20), (255, 255, 255))


def test_palette_keeps_its_colours(tmp_path: Path) -> None:
    assert looks_like_scene(prepared(tmp_path, encoded(scene().quantize(8), "PNG")))


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    grey = Image.new("I;16", (40, 40), 0x8000)
    assert is_close(colour_at(opened(prepared(tmp_path, encoded(grey, "PNG"))), 20, 20), (128, 128, 128), 3)


def test_foreign_colour_profile_is_converted(tmp_path: Path) -> None:
    """In a profile whose red and green are exchanged, stored green means red."""
    swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    swapped = swapped.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "xxxx".encode("utf-16-be")).replace(b"sRGB", b"xxxx")
    picture = prepared(tmp_path, encoded(Image.new("RGB", (40, 40), (0, 255, 0)), "PNG", icc_profile=bytes(swapped)))
    assert is_close(colour_at(opened(picture), 20, 20), (255, 0, 0))
    assert "icc_profile" not in opened(picture).info


def test_unreadable_colour_profile_is_said(tmp_path: Path) -> None:
    picture = prepared(tmp_path, encoded(scene(), "JPEG", icc_profile=b"no profile at all", quality=95))
    assert picture.degraded
    assert looks_like_scene(picture)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP"])
def test_first_frame_that_shows_something_is_taken(tmp_path: Path, file_format: str) -> None:
    blank = Image.new("RGB", scene().size, "white")
    data = encoded(blank, file_format, save_all=True, append_images=[scene(), blank], duration=100, quality=95)
    assert looks_like_scene(prepared(tmp_path, data))


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


@pytest.mark.parametrize("side", [10_001, 30_000, 65_535])
def test_bomb_is_refused_from_its_header(tmp_path: Path, side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    assert code_of(tmp_path, data) == FailureCode.MEDIA_TOO_LARGE


def test_picture_too_small_to_show_anything_is_refused(tmp_path: Path) -> None:
    assert code_of(tmp_path, encoded(Image.new("RGB", (1, 1)), "PNG")) == FailureCode.MEDIA_UNSUPPORTED
    assert code_of(tmp_path, encoded(Image.new("RGB", (1, 20_000)), "PNG")) == FailureCode.MEDIA_UNSUPPORTED


def test_extreme_shape_still_leaves(tmp_path: Path) -> None:
    assert opened(prepared(tmp_path, encoded(Image.new("RGB", (2, 20_000)), "PNG"))).size == (1, 1536)


def test_other_formats_that_pillow_reads_are_not_tried(tmp_path: Path) -> None:
    assert code_of(tmp_path, encoded(scene(), "PPM")) == FailureCode.MEDIA_CORRUPT


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF"])
def test_damage_is_a_failure_or_is_survived_and_never_a_bug(tmp_path: Path, file_format: str) -> None:
    data = encoded(photo(), file_format)
    for seed in range(60):
        with contextlib.suppress(FailureError):
            prepared(tmp_path, damaged(data, random.Random(seed)))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FailureError) as raised:
        prepare_picture(str(tmp_path / "gone.jpg"), LIMITS)
    assert raised.value.failure.code == FailureCode.SOURCE_NOT_FOUND


def test_preparing_leaves_pillow_as_it_was(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    prepared(tmp_path, encoded(scene().filter(ImageFilter.BLUR), "PNG"))
    assert before == Image.MAX_IMAGE_PIXELS
