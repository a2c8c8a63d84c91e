"""Whole workers on the same bytes many times over: what is asked at the same time is paid for once."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

from models.database import open_database
from models.ids import new_id
from models.store import claims, questions, reports
from models.store.questions import Asker, Asking
from tasks.base import hash_question, read_options
from tasks.registry import find_kind
from tests.services.embedded import Bench
from worker.bootstrap import Worker

COPIES = 200


@contextmanager
def two_workers(bench: Bench) -> Iterator[tuple[Worker, Worker]]:
    """Two workers that share the database and nothing else: connections of their own, as in two processes."""
    database = open_database(bench.database_url)
    try:
        with bench.worker() as one, replace(bench, database=database).worker() as other:
            yield one, other
    finally:
        database.close()


def copies(path: Path, count: int) -> list[Path]:
    """The same bytes under so many names."""
    places = [path.with_name(f"{number}-{path.name}") for number in range(count)]
    for place in places:
        copyfile(path, place)
    return places


def calls_for(bench: Bench, ids: list[str]) -> int:
    """How many calls the simulator was asked for these jobs."""
    return sum(call["labels"].get("job") in ids for call in bench.gemini.ledger())


def test_two_hundred_equal_pictures_on_two_workers_cost_one_call(bench: Bench) -> None:
    paths = copies(bench.pictures(1)[0], COPIES)
    bench.gemini.set_faults([{"fault": {"kind": "late", "seconds": 0.5}}])
    with two_workers(bench) as (one, other):
        ids = bench.submit(paths)
        jobs = bench.wait_for(ids, "succeeded")
    (first,) = [job for job in jobs if job.reused_from is None]
    assert (calls_for(bench, ids), sum(job.calls for job in jobs)) == (1, 1)
    assert {str(job.output) for job in jobs} == {str(first.output)}
    assert {job.attempts for job in jobs} == {1}
    attempts = [attempt for job_id in ids for attempt in reports.attempts_of(bench.database, job_id)]
    assert {attempt.worker_id for attempt in attempts} == {one.id, other.id}


def test_equal_recordings_are_heard_once(bench: Bench) -> None:
    ids = bench.submit(copies(bench.recording(25.0), 3), "transcribe")
    with two_workers(bench):
        jobs = bench.wait_for(ids, "succeeded")
    (first,) = [job for job in jobs if job.reused_from is None]
    assert first.progress_total > 1
    assert calls_for(bench, ids) == sum(job.calls for job in jobs) == first.progress_total


def test_where_the_first_fails_for_good_the_next_asks_for_itself(bench: Bench) -> None:
    ids = bench.submit(copies(bench.pictures(1)[0], 12))
    bench.gemini.set_faults([{"match": {"nth": [1]}, "fault": {"kind": "blocked"}, "times": 1}])
    with two_workers(bench):
        jobs = bench.wait_for(ids, "succeeded", "failed")
    assert sum(job.state == "failed" for job in jobs) == 1
    assert calls_for(bench, ids) == 2


def test_a_twin_of_a_job_whose_worker_died_does_not_wait_for_ever(bench: Bench) -> None:
    """The dead worker took the question and never asked it."""
    path, *rest = copies(bench.pictures(1)[0], 3)
    lost, *twins = bench.submit([path, *rest])
    (held,) = claims.claim(bench.database, [lost], worker_id=new_id("wrk"), lease_seconds=1.5)
    assert questions.ask(bench.database, [asking(bench, held.id, held.claim, path)]) == [Asker.THIS_JOB]
    with bench.worker(lease_seconds=2.0):
        bench.wait_for(twins, "waiting")
        jobs = bench.wait_for([lost, *twins], "succeeded")
    assert calls_for(bench, [lost, *twins]) == sum(job.calls for job in jobs) == 1


def asking(bench: Bench, job_id: str, claim: int, path: Path) -> Asking:
    """What a worker would ask of that picture."""
    kind = find_kind("caption")
    question_hash = hash_question(
        kind, read_options(kind, {}), model=bench.loaded().settings.model,
        media_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )  # fmt: skip
    return Asking(owner="default", question_hash=question_hash, job_id=job_id, claim=claim)


def test_who_wants_an_answer_of_its_own_neither_waits_nor_is_waited_for(bench: Bench) -> None:
    (path,) = bench.pictures(1)
    (forced,) = bench.submit([path], reuse=False)
    bench.gemini.set_faults([{"match": {"label": {"job": forced}}, "fault": {"kind": "hang"}}])
    with bench.worker() as worker:
        bench.wait_for_calls_in_flight(1)
        ids = bench.submit([path])
        worker.housekeeper.wake()
        bench.wait_for(ids, "succeeded")
        assert bench.job(forced).state == "running"
        worker.close(grace_seconds=0.1)
