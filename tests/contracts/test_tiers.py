"""What a claim says of how long its job was refused and how near its deadline is; and moving jobs to another lane."""

import pytest

from models.database import Database
from models.moves import ClaimedJob, Ending, Record, failed, succeeded, waits
from models.store import admin, dispatch, queries
from models.store.record import record
from models.store.reports import calls_of
from models.store.usage import UsageBy, UsageFilter, usage_by
from tests.contracts.jobs import PERMANENT, TRANSIENT, claim, claim_one, new_call, submit_jobs


def ended(database: Database, job: ClaimedJob, ending: Ending) -> None:
    assert record(database, [Record(job=job, ending=ending)]) == [True]


def claimed_again(database: Database, job: ClaimedJob) -> ClaimedJob:
    dispatch.wake(database)
    (again,) = claim(database, [job.id])
    return again


def test_a_claim_says_since_when_its_job_finds_no_room_in_flex(database: Database) -> None:
    job = claim_one(database, lane="m:flex")
    assert job.refused_seconds is None
    ended(database, job, waits(TRANSIENT, delay_seconds=-1.0, counts_attempt=False))
    again = claimed_again(database, job)
    assert again.refused_seconds is not None
    assert 0.0 <= again.refused_seconds < 30.0
    ended(database, again, waits(TRANSIENT, delay_seconds=-1.0, counts_attempt=False))
    third = claimed_again(database, again)
    assert third.refused_seconds is not None
    assert third.refused_seconds >= again.refused_seconds  # since the first time, not the last


@pytest.mark.parametrize(("lane", "why"), [("m", TRANSIENT), ("m:flex", PERMANENT)])
def test_other_lanes_and_other_failures_are_no_refusal(database: Database, lane: str, why: object) -> None:
    job = claim_one(database, lane=lane)
    ended(database, job, waits(why, delay_seconds=-1.0, counts_attempt=False))  # type: ignore[arg-type]
    assert claimed_again(database, job).refused_seconds is None


def test_a_job_that_is_retried_by_hand_has_its_patience_anew(database: Database) -> None:
    job = claim_one(database, lane="m:flex")
    ended(database, job, waits(TRANSIENT, delay_seconds=-1.0, counts_attempt=False))
    ended(database, claimed_again(database, job), failed(PERMANENT))
    assert admin.retry(database, [job.id]) == [job.id]
    assert claimed_again(database, job).refused_seconds is None


def test_a_claim_says_how_near_its_deadline_is(database: Database) -> None:
    job = claim_one(database, deadline_seconds=1_000.0)
    assert job.deadline_in_seconds is not None
    assert 970.0 < job.deadline_in_seconds <= 1_000.0
    assert job.deadline_after_seconds == pytest.approx(1_000.0, abs=0.01)
    assert claim_one(database).deadline_in_seconds is None


def test_a_call_is_booked_in_the_lane_in_which_it_was_made(database: Database) -> None:
    job = claim_one(database, lane="m:flex")
    done = succeeded({"caption": "A cat."}, question_hash=None, model_version=None)
    record(database, [Record(job=job, calls=(new_call(lane="m:flex"), new_call(lane="m")), ending=done)])
    assert sorted(call.lane for call in calls_of(database, job.id)) == ["m", "m:flex"]
    spent = usage_by(database, UsageBy.LANE, UsageFilter())
    assert {lane: used.calls for lane, used in spent.items()} == {"m": 1, "m:flex": 1}


def test_only_jobs_that_do_not_run_and_have_not_ended_go_to_another_lane(database: Database) -> None:
    ids = submit_jobs(database, 4, lane="m:flex").job_ids
    running, waiting, over = claim(database, ids[:3])
    ended(database, waiting, waits(TRANSIENT, delay_seconds=60.0))
    ended(database, over, succeeded({}, question_hash=None, model_version=None))
    admin.change_lane(database, ids, "m")
    lanes = {job.id: job.lane for job in queries.get_jobs(database, ids).values()}
    assert lanes == {running.id: "m:flex", waiting.id: "m", over.id: "m:flex", ids[3]: "m"}
