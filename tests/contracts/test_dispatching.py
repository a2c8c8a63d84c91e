"""From queued to running: a job is announced once at a time and claimed once, whatever the messages do."""

import threading

from models.database import Database
from models.failures import FailureCode
from models.ids import new_id
from models.moves import Record, waits
from models.store import claims, dispatch, lanes, leases, queries
from models.store.outlook import look
from models.store.queries import JobFilter
from models.store.record import record
from models.store.submit import NewBatch
from tests.contracts.jobs import LEASE_SECONDS, TRANSIENT, claim, claim_one, new_worker, submit_jobs


def test_what_is_announced_is_not_announced_again_at_once(database: Database) -> None:
    ids = submit_jobs(database, 10).job_ids
    assert dispatch.announce(database, limit=6) == list(ids[:6])
    assert dispatch.announce(database, limit=6) == list(ids[6:])
    assert dispatch.announce(database, limit=6) == []


def test_an_announcement_that_failed_is_taken_back(database: Database) -> None:
    submit_jobs(database, 3)
    ids = dispatch.announce(database, limit=3)
    dispatch.unannounce(database, ids[1:])
    assert dispatch.announce(database, limit=3) == ids[1:]


def test_announced_jobs_are_counted_against_the_window(database: Database) -> None:
    new_worker(database, slots=10)
    submit_jobs(database, 20)
    dispatch.announce(database, limit=7)
    outlook = look(database, alive_seconds=60)
    assert (outlook.workers, outlook.slots, outlook.announced) == (1, 10, 7)


def test_a_worker_that_left_or_drains_has_no_room(database: Database) -> None:
    gone, leaving = new_worker(database), new_worker(database)
    leases.leave(database, gone)
    leases.beat(database, leaving, {}, lease_seconds=60, draining=True)
    assert look(database, alive_seconds=60).workers == 0


def test_a_claim_takes_each_job_once_however_often_it_is_announced(database: Database) -> None:
    ids = submit_jobs(database, 5).job_ids
    first, second = claim(database, ids), claim(database, ids)
    assert [job.id for job in first] == list(ids)
    assert second == []
    assert {(job.claim, job.attempts) for job in first} == {(1, 1)}


def test_claiming_an_unknown_job_is_no_error(database: Database) -> None:
    assert claim(database, [new_id("job")]) == []


def test_workers_that_claim_at_once_share_the_jobs_without_overlap(database: Database) -> None:
    ids = submit_jobs(database, 400).job_ids
    taken: list[str] = []

    def run() -> None:
        worker_id = new_id("wrk")
        while jobs := claims.claim_next(database, limit=7, worker_id=worker_id, lease_seconds=LEASE_SECONDS):
            taken.extend(job.id for job in jobs)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 400
    assert set(taken) == set(ids)


def test_claim_next_leaves_fresh_announcements_and_takes_lost_ones(database: Database) -> None:
    ids = submit_jobs(database, 4).job_ids
    dispatch.announce(database, limit=2)
    worker_id = new_id("wrk")
    fresh = claims.claim_next(database, limit=10, worker_id=worker_id, lease_seconds=60, announced_before_seconds=5.0)
    lost = claims.claim_next(database, limit=10, worker_id=worker_id, lease_seconds=60, announced_before_seconds=-1.0)
    assert [job.id for job in fresh] == list(ids[2:])
    assert [job.id for job in lost] == list(ids[:2])


def test_claim_next_of_a_batch_takes_no_other_jobs(database: Database) -> None:
    submit_jobs(database, 3)
    ours = submit_jobs(database, 2, batch=NewBatch(name="ours"))
    taken = claims.claim_next(database, limit=10, worker_id=new_id("wrk"), lease_seconds=60, batch_id=ours.batch_id)
    assert tuple(job.id for job in taken) == ours.job_ids


def test_a_waiting_job_is_queued_when_its_time_has_come_and_not_before(database: Database) -> None:
    due, later = claim_one(database), claim_one(database)
    record(
        database,
        [
            Record(job=due, ending=waits(TRANSIENT, delay_seconds=0.0)),
            Record(job=later, ending=waits(TRANSIENT, delay_seconds=60.0)),
        ],
    )
    assert dispatch.wake(database) == 1
    states = {job.id: job.state for job in queries.list_jobs(database, JobFilter(), limit=10)}
    assert states == {due.id: "queued", later.id: "waiting"}


def test_jobs_of_a_paused_lane_stay_and_others_go_on(database: Database) -> None:
    held = submit_jobs(database, 2, lane="paused").job_ids
    free = submit_jobs(database, 2, lane="open").job_ids
    lanes.pause(database, "paused", code=FailureCode.GEMINI_AUTH, reason="the key is wrong", seconds=None)
    assert set(dispatch.announce(database, limit=10)) == set(free)
    assert claim(database, held) == []
    assert lanes.resume(database, "paused")
    assert len(claim(database, held)) == 2


def test_a_pause_with_an_end_ends_by_itself(database: Database) -> None:
    submit_jobs(database, 1, lane="quota")
    lanes.pause(database, "quota", code=FailureCode.GEMINI_QUOTA, reason="per minute", seconds=-1.0)
    assert len(dispatch.announce(database, limit=10)) == 1
