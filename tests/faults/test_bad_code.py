"""Code that breaks in every way that code can: the item in hand fails with a reason, and the worker works on.

The workers run in the tests' own process, because the kind of work that breaks is one that no shipped worker knows.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from models.failures import FailureCode
from models.store import reports
from models.store.queries import JobView
from tasks import registry
from tests.faults.hostile import DEEDS, HOSTILE, NAME, RAISED
from tests.services.databases import migrated
from tests.services.embedded import Bench
from tests.services.simulator import Simulator
from worker.bootstrap import Worker

SLOTS = 2
"""Jobs in hand at concurrency 1."""
TIMES = 3 * SLOTS


@pytest.fixture
def bench(tmp_path: Path, gemini: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench whose workers know the hostile kind; one attempt a job, few slots."""
    monkeypatch.setitem(registry.KINDS, NAME, HOSTILE)
    url = f"sqlite:///{tmp_path}/jobs.db"
    database = migrated(url)
    quick = {"concurrency": 1, "max_attempts": 1, "decoder_processes": 2}
    # Plain tracebacks, as workers write them: the coloured ones of a recursion take seconds.
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])
    yield Bench(database=database, database_url=url, gemini=gemini, folder=tmp_path, settings=quick)
    structlog.reset_defaults()
    database.close()


def named(bench: Bench, *names: str) -> list[Path]:
    """Pictures of these names, no two alike."""
    renamed = []
    for number, (name, path) in enumerate(zip(names, bench.pictures(len(names)), strict=True)):
        renamed.append(path.rename(path.with_name(f"{name}-{number}.jpg")))
    return renamed


def assert_works(bench: Bench, worker: Worker) -> None:
    """All slots of the worker are in use again, by good jobs, which succeed."""
    assert worker.runner.slots == SLOTS
    good = bench.submit(named(bench, *["good"] * 4), kind=NAME, reuse=False)
    worker.housekeeper.wake()
    bench.wait_for(good, "succeeded", seconds=10.0)
    assert worker.runner.wait_until_idle(timeout_seconds=5.0)
    assert worker.runner.free == SLOTS


EXPECTED = {
    "MemoryError": (FailureCode.MEDIA_TOO_LARGE, "memory"),
    "memory_limit": (FailureCode.MEDIA_TOO_LARGE, "memory"),
    "SystemExit": (FailureCode.INTERNAL, "SystemExit"),
    "KeyboardInterrupt": (FailureCode.INTERNAL, "KeyboardInterrupt"),
    "RecursionError": (FailureCode.INTERNAL, "RecursionError"),
    "segfault": (FailureCode.DECODER_CRASHED, "exit code"),
    "cpu_limit": (FailureCode.DECODER_CRASHED, "exit code"),
    "leave": (FailureCode.DECODER_CRASHED, "exit code 3"),
}


OFTEN = {"MemoryError", "segfault"}
"""Of the kinds above, those that every run of the tests tries."""


@pytest.mark.parametrize(
    "deed", [deed if deed in OFTEN else pytest.param(deed, marks=pytest.mark.long) for deed in EXPECTED]
)
def test_f10_decoding_that_breaks_fails_its_item_with_a_reason_and_the_worker_works_on(bench: Bench, deed: str) -> None:
    assert set(EXPECTED) == {*RAISED, *DEEDS}
    paths = named(bench, *[deed, "good"] * TIMES)
    ids = bench.submit(paths, kind=NAME)
    with bench.worker() as worker:
        jobs = bench.wait_for(ids, "succeeded", "failed", seconds=90.0)  # a new decoder for each takes its time
        assert_works(bench, worker)
    bad, good = jobs[::2], jobs[1::2]
    assert {job.state for job in good} == {"succeeded"}
    code, word = EXPECTED[deed]
    assert {(job.state, job.error_code) for job in bad} == {("failed", code)}
    for job, path in zip(bad, paths[::2], strict=True):
        assert word in str(job.error_message)
        assert path.name in str(job.error_message)


@pytest.mark.parametrize("where", ["ask", "check", pytest.param("assemble", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "clips",
    [pytest.param("good", id="one_clip", marks=pytest.mark.long), pytest.param("three_clips", id="three_clips")],
)
def test_f10_code_that_breaks_beside_a_call_fails_its_job_keeps_the_bill_and_the_worker_works_on(
    bench: Bench, clips: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loud: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", loud.append)
    monkeypatch.setattr("threading.excepthook", loud.append)
    paths = iter(named(bench, *[clips] * len(RAISED) * TIMES))
    ids = {
        job_id: raised
        for raised in RAISED
        for job_id in bench.submit([next(paths) for _ in range(TIMES)], kind=NAME, options={where: raised})
    }
    with bench.worker() as worker:
        jobs = bench.wait_for(list(ids), "failed", seconds=20.0)
        assert_works(bench, worker)
    assert {job.error_code for job in jobs} == {FailureCode.INTERNAL}
    assert [job.id for job in jobs if ids[job.id] not in str(job.error_message)] == []
    assert not loud
    assert booked(bench, jobs) == paid(bench, list(ids))


def booked(bench: Bench, jobs: list[JobView]) -> int:
    """How many calls are in the books of these jobs."""
    stored = sum(len(reports.calls_of(bench.database, job.id)) for job in jobs)
    assert stored == sum(job.calls for job in jobs)
    return stored


def paid(bench: Bench, ids: list[str]) -> int:
    """How many calls about these jobs were paid for."""
    ledger: list[dict[str, Any]] = bench.gemini.ledger()
    return sum(call["paid"] for call in ledger if call["labels"]["job"] in ids)
