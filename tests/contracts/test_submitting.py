"""Accepting jobs: what is returned was committed, once, in order, and fairly placed in the line."""

import threading

import pytest

from models.database import Database
from models.store import dispatch, queries
from models.store.queries import JobFilter
from models.store.submit import NewBatch, submit
from tests.contracts.jobs import new_job, new_worker, submit_jobs


def test_every_accepted_job_is_queued_in_the_order_of_submission(database: Database) -> None:
    submission = submit_jobs(database, 5_000)
    jobs = list(queries.iterate_jobs(database, JobFilter(batch_id=submission.batch_id)))
    assert [job.id for job in jobs] == list(submission.job_ids)
    assert {job.state for job in jobs} == {"queued"}
    assert submission.new == set(submission.job_ids)


def test_a_known_idempotency_key_returns_the_job_that_has_it(database: Database) -> None:
    first = submit(database, NewBatch(idempotency_key="b"), [new_job(1, idempotency_key="k1")])
    second = submit(
        database, NewBatch(idempotency_key="b"), [new_job(2, idempotency_key="k2"), new_job(1, idempotency_key="k1")]
    )
    assert second.batch_id == first.batch_id
    assert second.job_ids[1] == first.job_ids[0]
    assert second.new == {second.job_ids[0]}


def test_owners_do_not_share_idempotency_keys(database: Database) -> None:
    ours = submit(database, NewBatch(owner="a", idempotency_key="b"), [new_job(idempotency_key="k")])
    theirs = submit(database, NewBatch(owner="b", idempotency_key="b"), [new_job(idempotency_key="k")])
    assert ours.job_ids != theirs.job_ids
    assert ours.batch_id != theirs.batch_id


def test_twenty_submitters_with_one_key_make_one_job(database: Database) -> None:
    made: list[str] = []

    def run() -> None:
        made.extend(submit(database, NewBatch(idempotency_key="b"), [new_job(idempotency_key="k")]).job_ids)

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 20
    assert len(set(made)) == 1


def test_a_failing_submission_leaves_nothing(database: Database) -> None:
    with pytest.raises(AttributeError):
        submit(database, NewBatch(name="broken"), [new_job(1), "no job"])  # type: ignore[list-item]
    assert queries.list_jobs(database, JobFilter(), limit=10) == []


def test_a_single_job_does_not_wait_for_a_large_batch_before_it(database: Database) -> None:
    new_worker(database)
    submit_jobs(database, 1_000, batch=NewBatch(name="large"))
    first = dispatch.announce(database, limit=50)
    single = submit_jobs(database, 1, batch=NewBatch(name="single")).job_ids[0]
    assert len(first) == 50
    assert single in dispatch.announce(database, limit=10)


def test_an_owner_with_many_batches_gets_no_larger_share(database: Database) -> None:
    for number in range(20):
        submit_jobs(database, 20, batch=NewBatch(owner="many", name=str(number)))
    few = set(submit_jobs(database, 20, batch=NewBatch(owner="few")).job_ids)
    share = few.intersection(dispatch.announce(database, limit=40))
    assert 10 <= len(share) <= 20


def test_a_higher_priority_goes_first(database: Database) -> None:
    submit_jobs(database, 10)
    urgent = submit_jobs(database, 3, priority=5).job_ids
    assert tuple(dispatch.announce(database, limit=3)) == urgent
