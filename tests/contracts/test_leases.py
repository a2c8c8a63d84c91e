"""Leases: a silent worker loses its jobs, a live one keeps them, and a job that kills its workers ends."""

import threading

import pytest

from models.database import Database
from models.failures import FailureCode
from models.ids import new_id
from models.job import LOSSES_IN_COMPANY
from models.moves import Record, succeeded, waits
from models.state import JobState
from models.store import admin, claims, dispatch, leases, queries, reports
from models.store.queries import JobView
from models.store.record import record
from models.store.submit import NewBatch, submit
from tests.contracts.jobs import TRANSIENT, claim, claim_one, new_job, new_worker, submit_jobs


def view(database: Database, job_id: str) -> JobView:
    return queries.get_jobs(database, [job_id])[job_id]


def test_a_lapsed_job_is_queued_again_and_has_spent_no_attempt(database: Database) -> None:
    (job,) = claim(database, submit_jobs(database, 1).job_ids, lease_seconds=-1.0)
    assert leases.lapse(database) == 1
    assert (view(database, job.id).state, view(database, job.id).attempts) == ("queued", 0)
    (attempt,) = reports.attempts_of(database, job.id)
    assert (attempt.outcome, attempt.code) == ("lapse", "worker_lost")
    (again,) = claim(database, [job.id])
    assert (again.claim, again.attempts) == (2, 1)


def test_a_lease_that_has_not_ended_is_kept(database: Database) -> None:
    claim_one(database)
    assert leases.lapse(database) == 0


def test_a_beat_renews_what_the_worker_holds_and_nothing_else(database: Database) -> None:
    worker_id = new_worker(database)
    held, orphan = claim(database, submit_jobs(database, 2).job_ids, worker_id=worker_id, lease_seconds=-1.0)
    found = leases.beat(database, worker_id, {held.id: held.claim}, lease_seconds=60, draining=False)
    assert [beat.job_id for beat in found] == [held.id]
    assert leases.lapse(database) == 1
    assert view(database, orphan.id).state == "queued"
    assert view(database, held.id).state == "running"


def test_a_beat_tells_what_was_lost_and_what_was_cancelled(database: Database) -> None:
    worker_id = new_worker(database)
    lost, stopped = claim(database, submit_jobs(database, 2).job_ids, worker_id=worker_id)
    held = {lost.id: lost.claim, stopped.id: stopped.claim}
    admin.cancel(database, [stopped.id])
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE job SET claim = claim + 1 WHERE NOT cancel_requested")
    (found,) = leases.beat(database, worker_id, held, lease_seconds=60, draining=False)
    assert (found.job_id, found.cancel_requested) == (stopped.id, True)


def test_a_job_that_loses_its_worker_twice_runs_alone_and_after_three_more_losses_fails(database: Database) -> None:
    job_id = submit_jobs(database, 1).job_ids[0]
    for _ in range(LOSSES_IN_COMPANY):
        assert claim(database, [job_id], lease_seconds=-1.0)
        assert leases.lapse(database) == 1
    assert claim(database, [job_id]) == []
    assert dispatch.announce(database, limit=10) == []
    for _ in range(leases.LOSSES_ALONE):
        assert dispatch.any_alone(database)
        (alone,) = claims.claim_next(database, limit=1, worker_id=new_id("wrk"), lease_seconds=-1.0, alone=True)
        assert alone.id == job_id
        assert leases.lapse(database) == 1
    after = view(database, job_id)
    assert (after.state, after.error_code, after.attempts) == ("failed", FailureCode.WORKER_LOST, 0)


def test_a_lost_job_that_was_to_be_cancelled_ends_as_cancelled(database: Database) -> None:
    (job,) = claim(database, submit_jobs(database, 1).job_ids, lease_seconds=-1.0)
    admin.cancel(database, [job.id])
    leases.lapse(database)
    assert view(database, job.id).state == "cancelled"


def test_a_job_finished_in_time_is_not_taken_back(database: Database) -> None:
    (job,) = claim(database, submit_jobs(database, 1).job_ids, lease_seconds=-1.0)
    record(database, [Record(job=job, ending=succeeded({}, question_hash=None, model_version=None))])
    assert leases.lapse(database) == 0
    assert view(database, job.id).state == "succeeded"


def test_a_job_past_its_deadline_fails_unless_it_runs(database: Database) -> None:
    ids = submit(database, NewBatch(), [new_job(1, deadline_seconds=-1.0), new_job(2, deadline_seconds=-1.0)]).job_ids
    claim(database, ids[:1])
    assert leases.expire(database) == 1
    assert view(database, ids[0]).state == "running"
    assert view(database, ids[1]).error_code == "deadline_exceeded"


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.WAITING])
def test_cancelling_what_does_not_run_ends_it_at_once(database: Database, state: JobState) -> None:
    if state is JobState.WAITING:
        job = claim_one(database)
        record(database, [Record(job=job, ending=waits(TRANSIENT, delay_seconds=60))])
        job_id = job.id
    else:
        job_id = submit_jobs(database, 1).job_ids[0]
    assert admin.cancel(database, [job_id]) == [job_id]
    assert view(database, job_id).state == "cancelled"
    assert admin.cancel(database, [job_id]) == []


def test_a_cancelled_job_that_is_lost_for_good_says_cancelled_in_its_history_too(database: Database) -> None:
    job_id = submit_jobs(database, 1).job_ids[0]
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE job SET losses = 4")  # one below leases.LOSSES_AT_MOST
    claims.claim_next(database, limit=1, worker_id=new_id("wrk"), lease_seconds=-1.0, alone=True)
    admin.cancel(database, [job_id])
    assert leases.lapse(database) == 1
    (attempt,) = reports.attempts_of(database, job_id)
    assert (view(database, job_id).state, attempt.outcome) == ("cancelled", "cancel")


def test_a_cancel_that_meets_a_claim_misses_no_job(database: Database) -> None:
    ids = list(submit_jobs(database, 300).job_ids)
    worker_id = new_worker(database)

    def claim_all() -> None:
        while claims.claim_next(database, limit=5, worker_id=worker_id, lease_seconds=60):
            pass

    claimer = threading.Thread(target=claim_all)
    claimer.start()
    touched = [job_id for start in range(0, 300, 10) for job_id in admin.cancel(database, ids[start : start + 10])]
    claimer.join()
    assert sorted(touched) == sorted(ids)
    running = leases.beat(database, worker_id, dict.fromkeys(ids, 1), lease_seconds=60, draining=False)
    assert all(held.cancel_requested for held in running)
    ended = {job_id for job_id in ids if view(database, job_id).state == "cancelled"}
    assert len(ended) + len(running) == 300
