"""Who owns a job when things cross: a worker that leaves while it takes a job, and one that takes its own job back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.store import leases, reports
from tests.services.databases import migrated
from tests.services.embedded import Bench
from tests.services.simulator import simulator
from worker.bootstrap import Worker


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    url = f"sqlite:///{tmp_path}/jobs.db"
    database = migrated(url)
    with simulator() as gemini:
        yield Bench(database=database, database_url=url, gemini=gemini, folder=tmp_path)
    database.close()


@contextmanager
def core_held_up(worker: Worker) -> Iterator[None]:
    """While the block lasts, the worker's loop runs nothing: what is asked of it piles up."""
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        free.wait(20.0)

    worker._core.loop.call_soon_threadsafe(hold)
    assert held.wait(20.0)
    try:
        yield
    finally:
        free.set()


def test_a_job_that_was_taken_at_the_moment_of_leaving_is_given_back(bench: Bench) -> None:
    with bench.worker() as worker:
        with core_held_up(worker):
            ids = bench.submit(bench.pictures(3))
            worker.housekeeper.wake()
            bench.wait_for(ids, "running")
            worker.drain()
        assert worker.close(grace_seconds=0.5)
    assert {(job.state, job.attempts) for job in bench.jobs(ids)} == {("queued", 0)}


def test_a_worker_that_leaves_again_and_again_while_it_takes_jobs_loses_none(bench: Bench) -> None:
    ids = bench.submit(bench.pictures(12))
    for _ in range(5):
        with bench.worker(concurrency=2) as worker:
            worker.drain()
            assert worker.close(grace_seconds=5.0)
        assert "running" not in {job.state for job in bench.jobs(ids)}
    with bench.worker():
        assert {job.attempts for job in bench.wait_for(ids, "succeeded")} == {1}
    assert "lapse" not in {a.outcome for job_id in ids for a in reports.attempts_of(bench.database, job_id)}


def test_a_worker_that_takes_its_own_lost_job_again_finishes_it_once(bench: Bench) -> None:
    (job_id,) = bench.submit(bench.pictures(1))
    bench.gemini.set_faults([{"match": {"nth": [1]}, "fault": {"kind": "hang"}}])
    with bench.worker(lease_seconds=60.0) as worker:
        bench.wait_for_calls_in_flight(1)
        assert leases.lapse(bench.database, worker_id=worker.id) == 1
        worker.housekeeper.wake()
        (job,) = bench.wait_for([job_id], "succeeded")
        worker._heartbeat.beat()  # tells the worker that the first claim is not its own any more
        assert worker.runner.wait_until_idle(timeout_seconds=10.0)
    assert job.attempts == 1
    assert bench.job(job_id).state == "succeeded"
    assert [a.outcome for a in reports.attempts_of(bench.database, job_id)] == ["lapse", "succeed"]
