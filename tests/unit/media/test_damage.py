"""Damage of any kind is survived or named, never a bug; and the quick look at a JPEG finds what a full decode finds."""

import contextlib
import io
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from media.image import PictureLimits, prepare_picture
from media.png import SIGNATURE, BrokenPngError, strip_ancillary
from media.tiff import page_places
from models.failures import FailureCode, FailureError
from tests.unit.media.pictures import (
    DISPLAY_P3,
    animation,
    chunk,
    encoded,
    heic,
    matrix_profile,
    oriented,
    photo,
    scene,
)
from tests.unit.media.samples import damaged

ALLOWED = {
    FailureCode.MEDIA_CORRUPT,
    FailureCode.MEDIA_UNSUPPORTED,
    FailureCode.MEDIA_TOO_LARGE,
}
PROFILE = matrix_profile(DISPLAY_P3, 2.2)
FRAMES = [scene(), photo(96, 64), scene().transpose(Image.Transpose.ROTATE_180)]
WHOLE = {
    "JPEG": encoded(photo(60, 44), "JPEG", exif=oriented(6), icc_profile=PROFILE),
    "JPEG of inks": encoded(photo(60, 44).convert("CMYK"), "JPEG", progressive=True),
    "PNG": encoded(photo(60, 44), "PNG", exif=oriented(6), icc_profile=PROFILE),
    "WEBP": encoded(photo(60, 44), "WEBP", exif=oriented(6), icc_profile=PROFILE),
    "BMP": encoded(photo(60, 44), "BMP"),
    "TIFF": encoded(photo(60, 44), "TIFF", compression="tiff_lzw", exif=oriented(6), icc_profile=PROFILE),
    "TIFF of JPEG": encoded(photo(60, 44), "TIFF", compression="jpeg"),
    "TIFF of pages": encoded(FRAMES[0], "TIFF", save_all=True, append_images=FRAMES[1:]),
    "AVIF": encoded(photo(60, 44), "AVIF", exif=oriented(6)),
    "HEIC": heic(photo(64, 48), orientation=6),
    **{f"{file_format} that moves": animation(FRAMES, file_format) for file_format in ("GIF", "WEBP", "PNG", "AVIF")},
}
FOUND = {
    "GIF with a transparent colour and without a palette": (
        "47494638396102000200260000ff000000000000000000000021ff0b4e45545343415045322e30030100000021f904000a0000002c000000"
        "00020002000008060001080410100021f904010a0001002c0000000002000200810000ff0000000085000000000806000108041010003b"
    ),
}
"""Files that once made a bug of their damage, as hexadecimal digits."""


def outcome(path: Path, data: bytes) -> FailureCode | None:
    path.write_bytes(data)
    try:
        prepare_picture(str(path), PictureLimits(max_pixels=4_000_000))
    except FailureError as error:
        return error.failure.code
    return None


def with_right_sums(data: bytes) -> bytes:
    """A damaged PNG whose sums are right again, so that what lies behind them is reached."""
    mended, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        mended += chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length])
        at += 12 + length
    return bytes(mended)


@pytest.mark.parametrize("name", WHOLE)
def test_damage_is_named_or_survived_in_every_format(tmp_path: Path, name: str) -> None:
    assert outcome(tmp_path / "whole", WHOLE[name]) is None
    seen = set()
    for seed in range(40):
        data = damaged(WHOLE[name], random.Random(seed))
        if name.startswith("PNG") and seed % 2:
            data = with_right_sums(data)
        seen.add(outcome(tmp_path / f"{seed}", data))
    assert seen <= {None, *ALLOWED}
    assert FailureCode.MEDIA_CORRUPT in seen


@pytest.mark.parametrize("digits", FOUND.values(), ids=FOUND)
def test_what_was_a_bug_once_is_none_again(tmp_path: Path, digits: str) -> None:
    assert outcome(tmp_path / "found", bytes.fromhex(digits)) in ALLOWED


@given(head=st.sampled_from([data[:40] for data in WHOLE.values()]), rest=st.binary(max_size=200))
def test_a_good_beginning_with_anything_after_it_is_named(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, rest: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    assert outcome(path, head + rest) in ALLOWED


@given(st.binary(max_size=300))
def test_the_chunks_of_a_png_are_read_or_refused(rest: bytes) -> None:
    with contextlib.suppress(BrokenPngError):
        assert strip_ancillary(SIGNATURE + rest).startswith(SIGNATURE)


@given(order=st.sampled_from([b"II*\0", b"MM\0*"]), rest=st.binary(max_size=300))
def test_the_pages_of_anything_are_some_or_none(order: bytes, rest: bytes) -> None:
    places, count = page_places(order + rest)
    assert len(places) <= count
    assert list(places) == sorted(set(places))


def jpeg(*, progressive: bool, subsampling: int) -> bytes:
    picture = Image.effect_noise((203, 157), 60).convert("RGB")
    picture.paste((200, 30, 40), (20, 20, 120, 90))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80, progressive=progressive, subsampling=subsampling)
    return buffer.getvalue()


def decodes_fully(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def is_passed(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        prepare_picture(str(path), PictureLimits())
    except FailureError:
        return False
    return True


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("subsampling", [0, 2], ids=["4:4:4", "4:2:0"])
def test_what_a_full_decode_refuses_is_never_passed_through(
    tmp_path: Path,
    progressive: bool,  # noqa: FBT001
    subsampling: int,
) -> None:
    whole = jpeg(progressive=progressive, subsampling=subsampling)
    chance = random.Random(subsampling)
    assert is_passed(tmp_path / "whole.jpg", whole)
    for _ in range(150):
        damaged = bytearray(whole[: chance.randrange(700, len(whole) + 1)])
        for _ in range(chance.randrange(8)):
            damaged[chance.randrange(650, len(damaged))] = chance.randrange(256)
        if not decodes_fully(bytes(damaged)):
            assert not is_passed(tmp_path / "damaged.jpg", bytes(damaged))
