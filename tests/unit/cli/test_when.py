from datetime import UTC, datetime, timedelta, timezone

import pytest

from cli.exits import CommandError, Exit
from cli.when import parse_duration, parse_time

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800), ("1.5h", 5_400)]
)
def test_durations_have_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text, name="--older-than") == seconds


@pytest.mark.parametrize("text", ["", "7", "soon", "-1d", "1y", "d"])
def test_a_duration_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(CommandError, match="--older-than") as caught:
        parse_duration(text, name="--older-than")
    assert caught.value.code is Exit.USAGE


def test_times_are_absolute_or_so_long_ago() -> None:
    assert parse_time("2h", name="--since", now=NOW) == NOW - timedelta(hours=2)
    assert parse_time("2026-11-01", name="--since", now=NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    assert parse_time("2026-11-01T10:00:00Z", name="--since", now=NOW) == datetime(2026, 11, 1, 10, tzinfo=UTC)
    shifted = parse_time("2026-11-01T10:00:00+02:00", name="--since", now=NOW)
    assert shifted == datetime(2026, 11, 1, 10, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "99999999999d"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--since"):
        parse_time(text, name="--since", now=NOW)
