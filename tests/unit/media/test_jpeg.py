"""Only metadata leaves a JPEG, whatever its segments are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.jpeg import BrokenJpegError, strip_metadata
from tests.unit.media.pictures import encoded, photo

PLAIN = encoded(photo(), "JPEG")


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


@given(
    extras=st.lists(st.tuples(st.sampled_from([*range(0xE1, 0xEE), 0xEF, 0xFE]), st.binary(max_size=300)), max_size=6),
    junk=st.binary(max_size=50),
)
def test_application_data_comments_and_trailing_bytes_go(extras: list[tuple[int, bytes]], junk: bytes) -> None:
    tagged = PLAIN[:2] + b"".join(segment(*extra) for extra in extras) + PLAIN[2:] + junk
    assert strip_metadata(tagged) == PLAIN


def test_adobe_segment_stays_and_of_jfif_only_its_thumbnail_goes() -> None:
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")
    bare, rest = PLAIN[2:20], PLAIN[20:]
    assert bare[4:9] == b"JFIF\0"
    with_thumbnail = segment(0xE0, bare[4:16] + b"\1\1abc")
    extension = segment(0xE0, b"JFXX\0\x10 another thumbnail")
    assert strip_metadata(PLAIN[:2] + with_thumbnail + extension + adobe + rest) == PLAIN[:2] + bare + adobe + rest


def test_endless_scans_are_refused() -> None:
    start = PLAIN.index(b"\xff\xda")
    scan = PLAIN[start : start + 14] + b"\0"
    assert strip_metadata(PLAIN[:start] + scan * 150 + b"\xff\xd9")
    with pytest.raises(BrokenJpegError):
        strip_metadata(PLAIN[:start] + scan * 201 + b"\xff\xd9")


@given(cut=st.integers(min_value=0, max_value=len(PLAIN) - 1))
def test_every_truncation_is_noticed(cut: int) -> None:
    with pytest.raises(BrokenJpegError):
        strip_metadata(PLAIN[:cut])


@given(st.binary(max_size=200))
def test_garbage_never_hangs_or_escapes(data: bytes) -> None:
    with pytest.raises(BrokenJpegError):
        strip_metadata(b"\xff\xd8" + data.replace(b"\xff\xd9", b""))
