"""What the documentation says about each kind of picture is what happens."""

from pathlib import Path

import pytest

from media.image import Picture, PictureLimits, prepare_picture
from media.sniff import Family
from media.source import open_local
from models.failures import FailureError
from tests.unit.media.inputs import Input
from tests.unit.media.picture_inputs import INPUTS
from tests.unit.media.preparing import all_opened

LIMITS = PictureLimits()


def taken(path: Path) -> Picture:
    """The picture, by the way that a submitted file goes."""
    source = open_local(str(path), max_bytes=1 << 30)
    assert source.media_type.family is Family.PICTURE
    return prepare_picture(str(source.path), LIMITS)


@pytest.mark.parametrize("row", INPUTS, ids=lambda row: row.name)
def test_each_kind_of_picture_ends_as_the_documentation_says(tmp_path: Path, row: Input) -> None:
    path = row.make(tmp_path)
    if row.ends is not None:
        with pytest.raises(FailureError) as raised:
            taken(path)
        assert raised.value.failure.code is row.ends
        return
    for image in all_opened(taken(path)):
        assert image.format in {"JPEG", "WEBP"}
        assert image.mode in {"L", "RGB"}
        assert image.width * image.height <= LIMITS.max_sent_pixels
        assert not {"exif", "icc_profile", "comment", "xmp"} & set(image.info)


def test_each_kind_is_said_once() -> None:
    assert len({row.name for row in INPUTS}) == len(INPUTS)
    assert all(row.says.endswith(".") for row in INPUTS)
