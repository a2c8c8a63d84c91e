"""What makes the comparison fair: all four send the same bytes, and the figures are compared the right way round."""

from pathlib import Path

import pytest

from benchmarks.contestants.by_hand import prepared
from benchmarks.pictures import draw_pictures
from benchmarks.report import ratio, verdicts
from media.image import PictureLimits, prepare_picture

SEED = 7


def test_by_hand_and_mediascribe_send_the_same_bytes(tmp_path: Path) -> None:
    for path in draw_pictures(tmp_path, 3, seed=SEED):
        assert prepared(str(path)) == prepare_picture(str(path), PictureLimits()).data


def test_the_pictures_hold_metadata_that_is_not_sent(tmp_path: Path) -> None:
    (path,) = draw_pictures(tmp_path, 1, seed=SEED)
    assert b"Exif" in path.read_bytes()
    assert b"Exif" not in prepared(str(path))


def test_the_pictures_are_distinct_about_fifty_kilobytes_and_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first = [path.read_bytes() for path in draw_pictures(tmp_path, 3, seed=SEED)]
    again = [path.read_bytes() for path in draw_pictures(tmp_path / "again", 3, seed=SEED)]
    assert first == again
    assert len(set(first)) == len(first)
    assert all(40_000 < len(data) < 65_000 for data in first)


def test_a_target_is_met_from_its_very_value() -> None:
    medians = {name: {"jobs_per_cpu_second": value} for name, value in {"a": 200.0, "c": 150.0, "d": 149.0}.items()}
    met, missed = verdicts(medians).splitlines()
    assert met.startswith("met    c")
    assert missed.startswith("MISSED d")


def test_a_ratio_is_how_many_times_the_other() -> None:
    medians = {"a": {"jobs_per_cpu_second": 100.0}, "c": {"jobs_per_cpu_second": 80.0}}
    assert ratio(medians, "c", "a") == pytest.approx(0.8)
    assert ratio(medians, "c", "b") is None
