"""The fallback of a lane: who is asked with which model, and who waits."""

from typing import Any

import pytest

from models.database import Database
from models.failures import FailureCode
from models.ids import new_id
from models.job import Job
from models.moves import ClaimedJob, Progress, Record, given_back
from models.store import claims, dispatch, lanes
from models.store.record import record
from tests.contracts.jobs import LEASE_SECONDS, claim, submit_jobs


def pause(database: Database, name: str = "m", **changes: Any) -> None:
    """A worker pauses the lane."""
    fields: dict[str, Any] = {
        "code": FailureCode.GEMINI_QUOTA,
        "reason": "the day",
        "seconds": 60.0,
        "may_fall_back": True,
    }
    lanes.pause(database, name, **{**fields, **changes})


def take(database: Database) -> list[ClaimedJob]:
    """Whatever may be taken."""
    return claims.claim_next(database, limit=9, worker_id=new_id("wrk"), lease_seconds=LEASE_SECONDS)


def asked(jobs: list[ClaimedJob]) -> list[tuple[str, str, str]]:
    return [(job.own_model, job.model, job.lane) for job in jobs]


def let_go(database: Database, job: ClaimedJob, *, done: int) -> None:
    """The job goes back to the line with so many clips answered."""
    progress = Progress(done=done, total=9, seconds_done=None, seconds_total=None)
    record(database, [Record(job=job, progress=progress)])
    record(database, [Record(job=job, ending=given_back())])


def test_while_a_lane_is_paused_its_jobs_are_asked_with_its_fallback(database: Database) -> None:
    ids = submit_jobs(database, 3).job_ids
    lanes.set_fallback(database, "m", "f")
    assert asked(claim(database, ids[:1])) == [("m", "m", "m")]
    pause(database)
    assert dispatch.announce(database, limit=9) == list(ids[1:])
    assert asked(claim(database, ids[1:2])) == [("m", "f", "f")]
    lanes.resume(database, "m")
    assert asked(claim(database, ids[2:])) == [("m", "m", "m")]
    with database.read() as connection:
        assert set(connection.execute(Job.__table__.select().with_only_columns(Job.model)).scalars()) == {"m"}


@pytest.mark.parametrize(
    ("how", "falls_back"),
    [
        ({}, True),
        ({"code": FailureCode.GEMINI_MODEL_NOT_FOUND, "seconds": None}, True),
        ({"code": FailureCode.GEMINI_AUTH, "seconds": None, "may_fall_back": False}, False),
        ({"may_fall_back": False}, False),
        (None, True),
    ],
    ids=["day", "model", "key", "minute", "person"],
)
def test_only_what_is_wrong_with_the_one_model_lets_another_be_asked(
    database: Database,
    how: dict[str, Any] | None,
    falls_back: bool,  # noqa: FBT001
) -> None:
    submit_jobs(database, 1)
    lanes.set_fallback(database, "m", "f")
    if how is None:
        lanes.pause_by_hand(database, "m", reason="by hand", seconds=None)
    else:
        pause(database, **how)
    assert [job.model for job in take(database)] == (["f"] if falls_back else [])


def test_a_fallback_that_is_paused_itself_is_not_asked_nor_is_its_own(database: Database) -> None:
    submit_jobs(database, 1)
    lanes.set_fallback(database, "m", "f")
    lanes.set_fallback(database, "f", "g")
    pause(database)
    pause(database, "f")
    assert take(database) == []
    lanes.resume(database, "f")
    assert [job.model for job in take(database)] == ["f"]


def test_without_a_fallback_the_jobs_wait(database: Database) -> None:
    submit_jobs(database, 1)
    lanes.set_fallback(database, "m", "f")
    lanes.set_fallback(database, "m", None)
    pause(database)
    assert take(database) == []


def test_a_recording_that_has_begun_goes_on_with_the_model_that_it_began_with(database: Database) -> None:
    submit_jobs(database, 1)
    lanes.set_fallback(database, "m", "f")
    (job,) = take(database)
    let_go(database, job, done=2)
    pause(database)
    assert take(database) == []  # its clips are answered by its own model
    lanes.resume(database, "m")
    assert [job.model for job in take(database)] == ["m"]


def test_a_recording_that_has_begun_with_the_fallback_stays_with_it(database: Database) -> None:
    submit_jobs(database, 1)
    lanes.set_fallback(database, "m", "f")
    pause(database)
    (job,) = take(database)
    let_go(database, job, done=2)
    lanes.resume(database, "m")
    (again,) = take(database)
    assert asked([again]) == [("m", "f", "f")]
    let_go(database, again, done=3)
    pause(database, "f")
    assert take(database) == []


def test_whoever_tries_a_stopped_lane_asks_its_own_model(database: Database) -> None:
    submit_jobs(database, 2)
    lanes.set_fallback(database, "m", "f")
    pause(database, code=FailureCode.GEMINI_MODEL_NOT_FOUND, seconds=None)
    (begun,) = claims.claim_next(database, limit=1, worker_id=new_id("wrk"), lease_seconds=LEASE_SECONDS)
    let_go(database, begun, done=1)
    lanes.probe_in(database, "m", seconds=0.0)
    (probe,) = claims.claim_probe(database, "m", worker_id=new_id("wrk"), lease_seconds=LEASE_SECONDS)
    assert asked([probe]) == [("m", "m", "m")]
    assert probe.id != begun.id  # clips of that one are answered by the fallback
