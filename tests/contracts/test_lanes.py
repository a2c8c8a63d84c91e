"""Lanes in SQL: who may pause and open them, one probe for all workers, limits that replace those of the settings."""

import threading
from typing import Any

import pytest

from models.database import Database
from models.failures import FailureCode, FailureError
from models.ids import new_id
from models.moves import ClaimedJob
from models.store import claims, dispatch, lanes
from models.store.lanes import LIMITS, Standing
from models.store.submit import NewBatch
from tests.contracts.jobs import LEASE_SECONDS, submit_jobs


def stop(database: Database, name: str = "m", **changes: Any) -> int:
    """A worker pauses the lane until somebody acts."""
    fields: dict[str, Any] = {"code": FailureCode.GEMINI_AUTH, "reason": "the key is wrong", "seconds": None}
    return lanes.pause(database, name, **{**fields, **changes}) or 0


def standing(database: Database, name: str = "m") -> Standing:
    """How the lane stands."""
    return next(row for row in lanes.standings(database) if row.name == name)


def probe(database: Database, lane: str = "m", **changes: Any) -> list[ClaimedJob]:
    """The job that may try the lane."""
    return claims.claim_probe(database, lane, worker_id=new_id("wrk"), lease_seconds=LEASE_SECONDS, **changes)


def test_a_stopped_lane_gives_one_job_to_one_worker_when_its_probe_is_due(database: Database) -> None:
    submit_jobs(database, 5)
    stop(database)
    assert probe(database) == []  # not yet
    lanes.probe_in(database, "m", seconds=0.0)
    assert standing(database).is_probe_due

    taken: list[ClaimedJob] = []
    threads = [threading.Thread(target=lambda: taken.extend(probe(database))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 1
    assert not standing(database).is_probe_due
    assert claims.claim_next(database, limit=9, worker_id=new_id("wrk"), lease_seconds=LEASE_SECONDS) == []


def test_a_worker_without_a_job_for_the_probe_leaves_it_to_others(database: Database) -> None:
    batch = submit_jobs(database, 1, batch=NewBatch(name="other")).batch_id
    ours = submit_jobs(database, 1, lane="another", batch=NewBatch(name="ours")).batch_id
    stop(database)
    lanes.probe_in(database, None, seconds=0.0)
    assert probe(database, batch_id=ours) == []
    assert probe(database, alone=True) == []
    assert len(probe(database, batch_id=batch)) == 1


@pytest.mark.parametrize(
    "how", [{"code": FailureCode.GEMINI_QUOTA, "seconds": 60.0}, None], ids=["until a time", "by a person"]
)
def test_only_a_lane_that_a_failure_stopped_is_probed(database: Database, how: dict[str, Any] | None) -> None:
    submit_jobs(database, 1)
    if how is None:
        lanes.pause_by_hand(database, "m", reason="later", seconds=None)
    else:
        stop(database, **how)
    lanes.probe_in(database, "m", seconds=0.0)
    assert not standing(database).is_probe_due
    assert probe(database) == []
    assert not lanes.open_after_probe(database, "m")


def test_a_probe_opens_the_lane_for_everybody(database: Database) -> None:
    submit_jobs(database, 2)
    stop(database)
    assert lanes.open_after_probe(database, "m")
    assert not standing(database).is_paused
    assert not lanes.open_after_probe(database, "m")
    assert len(dispatch.announce(database, limit=9)) == 2


@pytest.mark.parametrize("seconds", [None, 60.0])
def test_a_person_s_pause_stands_above_every_other(database: Database, seconds: float | None) -> None:
    stop(database)
    lanes.pause_by_hand(database, "m", reason="the bill is looked at", seconds=seconds)
    stop(database)
    stop(database, seconds=3_600.0)
    stop(database, is_probe=True)
    assert (standing(database).code, standing(database).reason) == (None, "the bill is looked at")
    assert lanes.resume(database, "m")
    assert not lanes.resume(database, "m")
    assert not standing(database).is_paused


def test_of_two_pauses_the_longer_one_stays_unless_a_probe_knows_better(database: Database) -> None:
    stop(database, code=FailureCode.GEMINI_QUOTA, reason="a minute", seconds=60.0)
    stop(database, code=FailureCode.GEMINI_QUOTA, reason="a day", seconds=9_000.0)
    stop(database, code=FailureCode.GEMINI_QUOTA, reason="a minute", seconds=60.0)
    assert standing(database).reason == "a day"
    stop(database)
    stop(database, code=FailureCode.GEMINI_QUOTA, reason="a day", seconds=9_000.0)
    assert standing(database).reason == "the key is wrong"
    stop(database, code=FailureCode.GEMINI_QUOTA, reason="a minute", seconds=60.0, is_probe=True)
    assert standing(database).reason == "a minute"
    seconds_left = standing(database).seconds_left
    assert seconds_left is not None
    assert 50.0 < seconds_left <= 60.0


def test_refusals_without_a_reason_are_counted_once_an_episode_and_for_all_workers(database: Database) -> None:
    def refuse(seconds: float) -> int:
        return stop(database, code=FailureCode.GEMINI_QUOTA, reason="no word why", seconds=seconds, is_unnamed=True)

    assert [refuse(-1.0) for _ in range(3)] == [1, 2, 3]  # each after the pause before it
    assert [refuse(30.0), refuse(31.0), refuse(32.0)] == [4, 4, 4]  # calls in flight that met the same wall
    lanes.resume(database, "m")
    assert refuse(30.0) == 1


def test_limits_of_a_lane_are_set_and_taken_away_one_by_one(database: Database) -> None:
    lanes.set_limits(database, "m", {"requests_per_minute": 60, "requests_per_day": 1_000})
    lanes.set_limits(database, "m", {"input_tokens_per_minute": 9, "requests_per_day": None})
    row = standing(database)
    assert [getattr(row, name) for name in LIMITS] == [60, 9, None]
    assert not row.is_paused
    stop(database)
    lanes.set_limits(database, "m", {"requests_per_minute": 5})
    assert standing(database).is_paused


@pytest.mark.parametrize("limit", [0, -1, lanes.MOST_LIMIT + 1])
def test_a_limit_that_cannot_be_is_refused_by_name(database: Database, limit: int) -> None:
    with pytest.raises(FailureError, match="requests_per_minute"):
        lanes.set_limits(database, "m", {"requests_per_minute": limit})
    assert lanes.standings(database) == []
