"""Damaged JPEGs that would be passed through: the quick look finds what a full decode finds."""

import io
import random
from pathlib import Path

import pytest
from PIL import Image

from media.image import PictureLimits, prepare_picture
from models.failures import FailureError


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
