"""Whatever a file stores, the colours that leave are those that were meant, in eight bits of sRGB."""

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageCms

from tests.unit.media import pictures
from tests.unit.media.pictures import ADOBE_RGB, D65_IN_D50, DISPLAY_P3, encoded, is_close, png, scene, without_adobe
from tests.unit.media.preparing import looks_like_scene, middle, opened, prepared

RED_INKS = (0, 255, 255, 0)
STORED = (60, 200, 90)


def flat(mode: str, colour: float | tuple[int, ...], side: int = 40) -> Image.Image:
    return Image.new(mode, (side, side), colour)


def meant(stored: Sequence[int], primaries: Sequence[Sequence[float]], gamma: float) -> tuple[int, ...]:
    """The sRGB colour of these values under a matrix profile, worked out by hand (IEC 61966-2-1)."""
    linear = [(value / 255) ** gamma for value in stored]
    xyz = [sum(linear[n] * primaries[n][axis] for n in range(3)) for axis in range(3)]
    inverse = ((3.1339, -1.6169, -0.4906), (-0.9788, 1.9161, 0.0335), (0.0719, -0.2290, 1.4052))  # from XYZ under D50
    light = [min(1.0, max(0.0, sum(row[axis] * xyz[axis] for axis in range(3)))) for row in inverse]
    return tuple(
        round(255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055)) for value in light
    )


@pytest.mark.parametrize(
    ("primaries", "gamma"), [(DISPLAY_P3, 2.2), (ADOBE_RGB, 2.2), (D65_IN_D50, 1.0)], ids=["P3", "Adobe", "linear"]
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_colour_profile_is_applied(
    tmp_path: Path, file_format: str, primaries: Sequence[Sequence[float]], gamma: float
) -> None:
    profile = pictures.matrix_profile(primaries, gamma)
    picture = prepared(tmp_path, encoded(flat("RGB", STORED), file_format, icc_profile=profile, quality=95))
    expected = meant(STORED, primaries, gamma)
    assert not is_close(expected, STORED, 20)
    assert is_close(middle(picture), expected, 8)
    assert not picture.degraded


def test_a_profile_that_only_calls_itself_srgb_is_applied(tmp_path: Path) -> None:
    profile = pictures.matrix_profile(D65_IN_D50, 1.0, name="sRGB, but linear")
    picture = prepared(tmp_path, encoded(flat("RGB", STORED), "JPEG", icc_profile=profile, quality=95))
    assert is_close(middle(picture), meant(STORED, D65_IN_D50, 1.0), 8)


def test_a_profile_of_megabytes_is_applied(tmp_path: Path) -> None:
    profile = pictures.matrix_profile(D65_IN_D50, 1.0, name="large " * 500_000)
    picture = prepared(tmp_path, encoded(flat("RGB", STORED), "PNG", icc_profile=profile))
    assert is_close(middle(picture), meant(STORED, D65_IN_D50, 1.0), 8)


def test_a_profile_that_means_srgb_lets_a_jpeg_pass(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = encoded(scene(), "JPEG", quality=90)
    assert prepared(tmp_path, encoded(scene(), "JPEG", quality=90, icc_profile=profile)).data == plain


def test_a_grey_profile_is_applied_to_grey_with_and_without_transparency(tmp_path: Path) -> None:
    profile = pictures.grey_profile(1.0)
    for picture in (flat("L", 128), flat("LA", (128, 255))):
        assert is_close(middle(prepared(tmp_path, encoded(picture, "PNG", icc_profile=profile))), (188, 188, 188), 3)


def test_inks_are_seen_through_their_profile(tmp_path: Path) -> None:
    """In this one full cyan is a Lab of (55, -38, -48), which is about (0, 150, 214)."""
    profile = pictures.ink_profile({(0, 0, 0, 0): (255, 128, 128), (1, 0, 0, 0): (140, 90, 80)})
    for file_format in ("JPEG", "TIFF"):
        data = encoded(flat("CMYK", (255, 0, 0, 0)), file_format, icc_profile=profile, quality=95)
        picture = prepared(tmp_path, data)
        assert is_close(middle(picture), (0, 150, 214), 6)
        assert not picture.degraded


@pytest.mark.parametrize(
    ("picture", "profile"),
    [
        (scene(), b"no profile at all"),
        (scene(), pictures.matrix_profile(DISPLAY_P3, 2.2)[:200]),
        (scene(), pictures.grey_profile(2.2)),
        (scene(), pictures.ink_profile({})),
    ],
    ids=["rubbish", "cut off", "of grey", "of inks"],
)
def test_a_profile_that_cannot_be_applied_is_left_out_and_said(
    tmp_path: Path, picture: Image.Image, profile: bytes
) -> None:
    ready = prepared(tmp_path, encoded(picture, "JPEG", icc_profile=profile, quality=95))
    assert ready.degraded
    assert looks_like_scene(ready)


def test_inks_as_adobe_stores_them_and_as_others_do_are_no_negatives(tmp_path: Path) -> None:
    adobe = encoded(flat("CMYK", RED_INKS), "JPEG", quality=95)
    others = without_adobe(encoded(ImageChops.invert(flat("CMYK", RED_INKS)), "JPEG", quality=95))
    inks = encoded(flat("CMYK", RED_INKS), "TIFF")
    for data in (adobe, others, inks):
        assert is_close(middle(prepared(tmp_path, data)), (255, 0, 0))


def test_inks_stored_as_brightness_and_colour_are_no_negatives(tmp_path: Path) -> None:
    """YCCK: a decoder takes Y, Cb, Cr to a colour and its negative for the inks, which Adobe stores as negatives."""
    y, cb, cr = Image.new("RGB", (1, 1), (0, 255, 255)).convert("YCbCr").tobytes()
    transformed = encoded(ImageChops.invert(flat("CMYK", (y, cb, cr, 255))), "JPEG", quality=95)
    at = transformed.index(b"Adobe") + 11
    assert is_close(middle(prepared(tmp_path, transformed[:at] + b"\2" + transformed[at + 1 :])), (255, 0, 0))


HALF = struct.pack(">H", 0x8000)


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (png(40, 40, HALF * 40, depth=16, colour_type=0), (128, 128, 128)),
        (png(40, 40, struct.pack(">3H", 0x8000, 0x4000, 0xFFFF) * 40, depth=16), (128, 64, 255)),
        (png(40, 40, (HALF + b"\0\0") * 40, depth=16, colour_type=4), (255, 255, 255)),
        (encoded(flat("I;16", 0x8000), "TIFF"), (128, 128, 128)),
        (encoded(flat("I;16", 0x0800), "TIFF"), (128, 128, 128)),
        (encoded(flat("1", 1), "TIFF"), (255, 255, 255)),
        (encoded(flat("1", 1), "PNG"), (255, 255, 255)),
    ],
    ids=["grey of 16", "colours of 16", "clear grey of 16", "TIFF of 16", "12 in 16", "1-bit TIFF", "1-bit PNG"],
)
def test_all_depths_are_scaled_and_none_clipped(tmp_path: Path, data: bytes, seen: tuple[int, int, int]) -> None:
    assert is_close(middle(prepared(tmp_path, data)), seen, 2)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_measurements_are_stretched_from_black_to_white(tmp_path: Path, mode: str) -> None:
    slope = Image.linear_gradient("L").convert(mode).point(lambda value: value * 100_000 + -500)
    seen = opened(prepared(tmp_path, encoded(slope, "TIFF"))).convert("L")
    assert seen.getextrema() == (0, 255)
    assert is_close(middle(prepared(tmp_path, encoded(slope, "TIFF"))), (128, 128, 128), 2)


def test_what_is_no_number_spoils_no_measurement(tmp_path: Path) -> None:
    picture = Image.new("F", (4, 1), 1.0)
    for place, value in enumerate((float("nan"), float("inf"), 0.0)):
        picture.putpixel((place, 0), value)
    tall = picture.resize((4, 4), Image.Resampling.NEAREST)
    assert list(opened(prepared(tmp_path, encoded(tall, "TIFF"))).convert("L").tobytes()[:4]) == [0, 0, 0, 255]


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    clear, red = flat("RGBA", (255, 0, 0, 0)), flat("RGB", (255, 0, 0))
    palette = flat("P", 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    for data in (
        *(encoded(clear, file_format) for file_format in ("PNG", "WEBP", "AVIF", "GIF", "TIFF")),
        pictures.heic(flat("RGBA", (255, 0, 0, 0), 64)),
        encoded(palette, "PNG", transparency=1),
        encoded(red, "PNG", transparency=(255, 0, 0)),
        encoded(flat("L", 5), "PNG", transparency=5),
        encoded(flat("LA", (5, 0)), "PNG"),
    ):
        assert is_close(middle(prepared(tmp_path, data)), (255, 255, 255), 3)


def test_half_transparent_colours_are_mixed_with_white(tmp_path: Path) -> None:
    assert is_close(middle(prepared(tmp_path, encoded(flat("RGBA", (255, 0, 0, 128)), "PNG"))), (255, 127, 127), 3)


def test_a_palette_keeps_its_colours(tmp_path: Path) -> None:
    assert looks_like_scene(prepared(tmp_path, encoded(scene().quantize(8), "PNG")))
