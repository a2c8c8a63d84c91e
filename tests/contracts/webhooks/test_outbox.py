"""The outbox: what ends is told once, in the transaction in which it ends, whichever way that is and whoever else ends something."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from sqlalchemy import event, literal, select, update

from models.base import db_after
from models.batch import Batch
from models.database import Database
from models.ids import new_id
from models.job import Job
from models.moves import Record, failed, waits
from models.state import JobState
from models.store import admin, leases
from models.store.record import record
from models.store.submit import NewBatch, close_abandoned, close_batch
from models.store.webhooks import endpoints, outbox
from models.store.webhooks.outbox import ended_columns, put_messages, tell_ended
from models.webhook import EventType
from tests.contracts.jobs import PERMANENT, TRANSIENT, claim, claim_one, submit_jobs
from tests.contracts.webhooks.telling import BOTH, DONE, endpoint, told

LONG_ENOUGH_SECONDS = 0.5
"""Whoever is not held up is done by then."""


def set_job(database: Database, job_id: str, **values: Any) -> None:
    """As if it had come to be so."""
    with database.write() as connection:
        connection.execute(update(Job).where(Job.id == job_id).values(values))


def end_running(ending: Any) -> Callable[[Database, str], object]:
    return lambda database, job_id: record(database, [Record(job=claim(database, [job_id])[0], ending=ending)])


def cancel_running(database: Database, job_id: str) -> None:
    (job,) = claim(database, [job_id])
    admin.cancel(database, [job_id])
    record(database, [Record(job=job, ending=waits(TRANSIENT, delay_seconds=5.0))])


def pass_deadline(database: Database, job_id: str) -> None:
    set_job(database, job_id, deadline_at=db_after(literal(-1.0)))
    assert leases.expire(database) == 1


def lose(database: Database, job_id: str) -> None:
    worker_id = new_id("wrk")
    claim(database, [job_id], worker_id=worker_id)
    set_job(database, job_id, losses=leases.LOSSES_AT_MOST - 1)
    assert leases.lapse(database, worker_id=worker_id) == 1


WAYS: Mapping[str, tuple[Callable[[Database, str], object], JobState]] = {
    "it succeeds": (end_running(DONE), JobState.SUCCEEDED),
    "it fails": (end_running(failed(PERMANENT)), JobState.FAILED),
    "it is cancelled while it waits": (lambda database, job_id: admin.cancel(database, [job_id]), JobState.CANCELLED),
    "it is cancelled while it runs": (cancel_running, JobState.CANCELLED),
    "its deadline passes": (pass_deadline, JobState.FAILED),
    "its worker is lost too often": (lose, JobState.FAILED),
}


def test_whichever_way_its_last_job_ends_a_batch_is_told_once_with_its_counts(database: Database) -> None:
    endpoint(database, *BOTH)
    for way, (end, state) in WAYS.items():
        made = submit_jobs(database, 2, batch=NewBatch(name=way))
        admin.cancel(database, made.job_ids[:1])
        before = told(database)
        assert before[-1].event_type == "job.finished", way
        end(database, made.job_ids[1])
        job, batch = told(database)[len(before) :]
        assert (job.event["data"]["id"], job.event["data"]["state"]) == (made.job_ids[1], state), way
        counts = {"succeeded": 0, "partial": 0, "failed": 0, "cancelled": 1}
        counts[state] += 1
        assert batch.event["data"] == {"id": made.batch_id, "name": way, "total": 2, "states": counts}, way
        assert (batch.event["type"], batch.state) == ("batch.finished", "pending")


def test_a_batch_that_ends_again_is_told_again(database: Database) -> None:
    endpoint(database)
    job = claim_one(database)
    record(database, [Record(job=job, ending=failed(PERMANENT))])
    admin.retry(database, [job.id])
    assert len(told(database)) == 1
    record(database, [Record(job=claim(database, [job.id])[0], ending=DONE)])
    assert [each.event["data"]["states"]["succeeded"] for each in told(database)] == [0, 1]
    record(database, [Record(job=job, ending=DONE)])  # of a claim that is over
    assert len(told(database)) == 2


def test_a_job_that_goes_back_to_the_line_ends_nothing(database: Database) -> None:
    endpoint(database, *BOTH)
    job = claim_one(database)
    record(database, [Record(job=job, ending=waits(TRANSIENT, delay_seconds=5.0))])
    leases.lapse(database)
    assert told(database) == []


def test_of_two_that_end_the_last_jobs_at_the_same_time_one_tells(database: Database) -> None:
    """The first has ended its job and not committed; the second waits for it before it looks."""
    endpoint(database)
    first, second = claim(database, submit_jobs(database, 2).job_ids)
    other = threading.Thread(target=record, args=(database, [Record(job=second, ending=DONE)]))
    values = {
        "state": JobState.CANCELLED,
        "finished_at": db_after(literal(0.0)),
        "lease_owner": None,
        "lease_until": None,
    }
    with database.write() as connection:
        ended = update(Job).where(Job.id == first.id).values(values).returning(*ended_columns())
        tell_ended(connection, database.dialect, connection.execute(ended).all())
        other.start()
        other.join(0.3)
        assert other.is_alive()
    other.join(20.0)
    (batch,) = told(database)
    assert batch.event["data"]["states"] == {"succeeded": 1, "partial": 0, "failed": 0, "cancelled": 1}


def test_nothing_is_told_to_whom_it_does_not_concern(database: Database) -> None:
    """Not to other owners, not to an endpoint that is disabled or asks for something else."""
    endpoint(database, *BOTH, owner="other")
    endpoints.update_endpoint(database, endpoint(database, *BOTH).id, is_enabled=False)
    only_jobs = endpoint(database, EventType.JOB_FINISHED)
    record(database, [Record(job=claim_one(database), ending=DONE)])
    assert [(each.endpoint_id, each.event_type) for each in told(database)] == [(only_jobs.id, "job.finished")]


def test_one_event_has_one_id_for_all_endpoints(database: Database) -> None:
    two = {endpoint(database).id, endpoint(database).id}
    record(database, [Record(job=claim_one(database), ending=DONE)])
    assert {each.endpoint_id for each in told(database)} == two
    assert len({each.event_id for each in told(database)}) == 1


def test_where_an_owner_has_no_endpoint_ending_jobs_takes_no_statement_more(database: Database) -> None:
    endpoint(database, *BOTH, owner="other")
    seen: list[str] = []

    def see(*of: Any) -> None:
        seen.append(of[2])

    event.listen(database.writer, "before_cursor_execute", see)
    record(database, [Record(job=claim_one(database), ending=DONE)])
    admin.cancel(database, submit_jobs(database, 1).job_ids)
    event.remove(database.writer, "before_cursor_execute", see)
    assert len(seen) > 3
    assert not [statement for statement in seen if "webhook" in statement.partition("RETURNING")[0]]


def test_a_batch_that_is_still_coming_in_has_not_ended(database: Database) -> None:
    endpoint(database)
    coming = NewBatch(idempotency_key=new_id("bat"), open_seconds=60.0)
    made, more = (submit_jobs(database, 1, batch=coming) for _ in range(2))
    admin.cancel(database, made.job_ids)
    admin.cancel(database, more.job_ids)
    assert told(database) == []
    close_batch(database, made.batch_id)
    (batch,) = told(database)
    assert batch.event["data"]["total"] == 2
    close_batch(database, made.batch_id)
    assert len(told(database)) == 1


def test_a_batch_that_was_left_open_ends_by_itself(database: Database) -> None:
    endpoint(database)
    made = submit_jobs(database, 1, batch=NewBatch(idempotency_key=new_id("bat"), open_seconds=60.0))
    admin.cancel(database, made.job_ids)
    close_abandoned(database)
    assert told(database) == []
    with database.write() as connection:
        late = update(Batch).where(Batch.id == made.batch_id).values(open_until=db_after(literal(-1.0)))
        connection.execute(late)
    close_abandoned(database)
    assert len(told(database)) == 1
    with database.read() as connection:
        assert connection.execute(select(Batch.open_until).where(Batch.id == made.batch_id)).scalar_one() is None


def test_purging_forgets_what_has_been_delivered_and_an_endpoint_takes_its_log_along(database: Database) -> None:
    there = endpoint(database)
    record(database, [Record(job=claim_one(database), ending=DONE)])
    admin.purge(database, older_than_seconds=-1)
    assert len(told(database)) == 1  # it is still to be sent
    endpoints.update_endpoint(database, there.id, is_enabled=False)
    admin.purge(database, older_than_seconds=-1)
    assert told(database) == []
    endpoints.put_test(database, there.id, owner="default")
    endpoints.delete_endpoint(database, there.id)
    assert told(database) == []


def test_of_a_group_of_ends_each_is_told(database: Database) -> None:
    """Each in a batch of its own, in the same transaction."""
    endpoint(database, *BOTH)
    made = [claim_one(database) for _ in range(3)]
    assert record(database, [Record(job=job, ending=DONE) for job in made]) == [True] * 3
    assert sorted(each.event_type for each in told(database)) == ["batch.finished"] * 3 + ["job.finished"] * 3


def test_what_is_told_while_an_endpoint_is_disabled_ends_with_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would wait for as long as the endpoint is disabled, and be sent when it is enabled again."""
    hook = endpoint(database, EventType.JOB_FINISHED)
    is_telling, may_go_on = threading.Event(), threading.Event()

    def slowly(*words: Any) -> None:
        is_telling.set()
        may_go_on.wait(10.0)
        put_messages(*words)

    monkeypatch.setattr(outbox, "put_messages", slowly)
    with ThreadPoolExecutor(2) as threads:
        job = claim_one(database)
        recording = threads.submit(record, database, [Record(job=job, ending=DONE)])
        assert is_telling.wait(10.0)
        disabling = threads.submit(endpoints.update_endpoint, database, hook.id, is_enabled=False)
        wait([disabling], LONG_ENOUGH_SECONDS)
        may_go_on.set()
        assert recording.result() == [True]
        disabling.result()
    assert [delivery.state for delivery in told(database)] == ["cancelled"]
