"""What makes the comparison fair: all send the same bytes, and the figures are compared the right way round."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.contestants.by_hand import prepared
from benchmarks.idle import statements_since
from benchmarks.measuring import Measured
from benchmarks.photo import by_mediascribe, by_pillow
from benchmarks.pictures import draw_pictures
from benchmarks.report import at_least, at_most
from benchmarks.throughput import median_ratio
from media.image import PictureLimits, prepare_picture

SEED = 7


def test_by_hand_and_mediascribe_send_the_same_bytes(tmp_path: Path) -> None:
    for path in draw_pictures(tmp_path, 3, seed=SEED):
        assert prepared(str(path)) == prepare_picture(str(path), PictureLimits()).data


def test_pillow_alone_and_mediascribe_make_the_same_of_a_photo(tmp_path: Path) -> None:
    (drawn,) = draw_pictures(tmp_path, 1, seed=SEED)
    path = tmp_path / "photo.jpg"
    with Image.open(drawn) as image:
        image.resize((3_200, 2_400)).save(path, quality=90)
    assert by_pillow(str(path)) == by_mediascribe(str(path))


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


def measured(*, seconds: float) -> Measured:
    """Of a hundred jobs, and as much CPU."""
    return Measured(
        startup_seconds=1.0, seconds=seconds, cpu_seconds=seconds, server_cpu_seconds=0.0, peak_bytes=0, jobs=100,
        cores_of_others=0.0,
    )  # fmt: skip


def test_a_target_is_met_from_its_very_value() -> None:
    assert [at_least("", value, 2.0).met for value in (1.99, 2.0)] == [False, True]
    assert [at_most("", value, 2.0).met for value in (2.01, 2.0)] == [False, True]
    assert at_least("", 1.0, None).met is None


def test_a_ratio_is_how_many_times_the_other_within_a_round() -> None:
    runs = {"server": [measured(seconds=s) for s in (1, 10, 4)], "bare": [measured(seconds=s) for s in (2, 20, 4)]}
    assert median_ratio(runs, "bare", lambda run: run.jobs_per_second) == pytest.approx(2.0)
    assert median_ratio(runs, "taskiq", lambda run: run.jobs_per_second) is None


def test_statements_are_counted_from_where_the_log_was(tmp_path: Path) -> None:
    log = tmp_path / "log"
    early = "sql LOG:  statement: SELECT 0\n"
    log.write_text(
        early + "sql LOG:  execute <unnamed>: SELECT 1\n\tFROM job\nsql DETAIL:  none\nsql LOG:  statement: BEGIN\n"
    )
    assert statements_since(log, len(early)) == {"SELECT 1": 1, "BEGIN": 1}
