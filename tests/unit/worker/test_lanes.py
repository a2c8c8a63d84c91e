"""Lanes: one wall is met once, told to everybody, and forgotten when somebody opens it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import migrations
from models.database import Database, open_database
from models.failures import Failure, FailureCode, Nature, failure
from models.store import admin, reports
from worker.lanes import LONGEST_PAUSE_SECONDS, PAUSE_SECONDS, Lanes

KEY = failure(FailureCode.GEMINI_AUTH, "the key is wrong", pauses_lane=True)


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/jobs.db")
    migrations.upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def lanes(database: Database, clock: Clock) -> Lanes:
    return Lanes(database, clock=clock)


def quota(seconds: float | None) -> Failure:
    return failure(FailureCode.GEMINI_QUOTA, "wait", retry_after_seconds=seconds)


def test_a_lane_is_open_until_something_closes_it(lanes: Lanes) -> None:
    assert lanes.blocking("m") is None


@pytest.mark.parametrize("nature", [nature for nature in Nature if nature is not Nature.THROTTLED])
def test_what_concerns_one_job_closes_no_lane(lanes: Lanes, nature: Nature) -> None:
    assert lanes.note("m", failure(FailureCode.GEMINI_REJECTED, "words", nature=nature)) is None
    assert lanes.blocking("m") is None


def test_a_closed_lane_says_why_and_leaves_others_open(lanes: Lanes) -> None:
    assert lanes.note("m", KEY) == PAUSE_SECONDS
    blocking = lanes.blocking("m")
    assert blocking is not None
    assert (blocking.code, blocking.message, blocking.nature) == (KEY.code, KEY.message, Nature.THROTTLED)
    assert lanes.blocking("n") is None


@pytest.mark.parametrize(
    ("asked", "pause"),
    [(7.0, 7.0), (None, PAUSE_SECONDS), (10.0**9, LONGEST_PAUSE_SECONDS)],
)
def test_a_pause_lasts_as_long_as_was_asked_for_within_reason(
    lanes: Lanes, clock: Clock, asked: float | None, pause: float
) -> None:
    assert lanes.note("m", quota(asked)) == pause
    clock.now += pause - 0.1
    assert lanes.blocking("m") is not None
    clock.now += 0.2
    assert lanes.blocking("m") is None


def test_a_job_that_meets_a_closed_lane_looks_again_soon_but_not_before_it_can_open(lanes: Lanes, clock: Clock) -> None:
    lanes.note("m", quota(30.0))
    waits = []
    for _ in range(2):
        blocking = lanes.blocking("m")
        assert blocking is not None
        waits.append(blocking.retry_after_seconds)
        clock.now += 28.0
    assert waits == [5.0, 2.0]


def test_those_in_flight_that_meet_the_same_wall_do_not_announce_it_again(lanes: Lanes, clock: Clock) -> None:
    assert lanes.note("m", quota(30.0)) == 30.0
    clock.now += 0.5
    assert lanes.note("m", quota(30.0)) is None
    assert lanes.note("m", quota(1.0)) is None
    assert lanes.note("m", quota(60.0)) == 60.0


def test_after_the_pause_the_wall_can_be_met_again(lanes: Lanes, clock: Clock) -> None:
    lanes.note("m", quota(30.0))
    clock.now += 31.0
    assert lanes.note("m", quota(30.0)) == 30.0


def test_what_was_published_is_seen_by_everybody(lanes: Lanes, database: Database) -> None:
    lanes.publish("m", KEY, 60.0)
    (lane,) = reports.paused_lanes(database)
    assert (lane.name, lane.code, lane.reason) == ("m", "gemini_auth", "the key is wrong")


def test_a_pause_that_somebody_ended_is_forgotten_and_others_stay(lanes: Lanes, database: Database) -> None:
    for name, why in (("m", KEY), ("n", quota(60.0))):
        seconds = lanes.note(name, why)
        assert seconds is not None
        lanes.publish(name, why, seconds)
    admin.resume_lanes(database, code=FailureCode.GEMINI_AUTH)
    lanes.refresh()
    assert lanes.blocking("m") is None
    assert lanes.blocking("n") is not None


def test_a_database_that_is_away_keeps_nobody_from_noting_a_pause(clock: Clock) -> None:
    away = open_database("postgresql://nobody@127.0.0.1:1/none")
    lanes = Lanes(away, clock=clock)
    lanes.note("m", KEY)
    lanes.publish("m", KEY, 60.0)
    assert lanes.blocking("m") is not None
    away.close()


def test_a_pause_that_is_not_published_yet_is_not_taken_for_one_that_was_ended(lanes: Lanes) -> None:
    lanes.note("m", KEY)
    lanes.refresh()
    assert lanes.blocking("m") is not None


def test_what_may_be_this_machine_s_own_trouble_pauses_the_lane_for_this_machine_alone(database: Database) -> None:
    unreachable = failure(
        FailureCode.GEMINI_UNAVAILABLE, "Nobody is reached.", nature=Nature.THROTTLED, retry_after_seconds=5.0
    )
    lanes = Lanes(database)
    seconds = lanes.note("m", unreachable)
    assert seconds == 5.0
    lanes.publish("m", unreachable, seconds)
    assert lanes.blocking("m") is not None
    assert reports.paused_lanes(database) == []
