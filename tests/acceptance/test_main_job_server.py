"""An app on a server: submit, worker processes, real Redis and PostgreSQL; what breaks is the business of `tests/faults`."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.people import Person, make_pictures, make_recordings, paid_calls, paid_questions, person
from tests.services.embedded import eventually
from tests.services.simulator import Simulator, simulator

PICTURES, RECORDINGS = 120, 3
ITEMS = PICTURES + RECORDINGS


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder of pictures and recordings."""
    folder = tmp_path / "media"
    make_pictures(folder, PICTURES)
    make_recordings(folder, RECORDINGS)
    return folder


@pytest.fixture
def gemini() -> Iterator[Simulator]:
    """A Gemini that takes a moment."""
    with simulator(latency="0.1-0.4") as running:
        yield running


@pytest.fixture
def somebody(tmp_path: Path, gemini: Simulator, postgres_url: str, redis_url: str) -> Person:
    """An administrator with a migrated database."""
    settings = {
        "database_url": postgres_url, "broker_url": redis_url, "concurrency": "8", "lease_seconds": "3",
        "log_level": "warning", "retry_base_seconds": "0.2", "decoder_processes": "1",
    }  # fmt: skip
    administrator = person(tmp_path, gemini, **settings)
    upgraded = administrator.runs("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    return administrator


@contextmanager
def workers(somebody: Person, count: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """So many worker processes, live and registered; ended at the end."""
    started = [somebody.starts("worker") for _ in range(count)]
    try:
        eventually(lambda: _alive(somebody) >= count, f"{count} live workers")
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.communicate(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _alive(somebody: Person) -> int:
    return sum(1 for worker in somebody.reads("workers")["workers"] if worker["alive"])


def _done(somebody: Person, batch: str) -> int:
    states = somebody.reads("status", batch)["states"]
    return sum(states.get(state, 0) for state in ("succeeded", "partial", "failed", "cancelled"))


def _submit(somebody: Person, media: Path, name: str) -> None:
    submitted = somebody.runs("submit", str(media), "--batch", name)
    assert submitted.returncode == 0, submitted.stderr


def test_two_workers_finish_a_batch_and_the_commands_tell_the_truth(
    somebody: Person, media: Path, gemini: Simulator
) -> None:
    with workers(somebody, 2) as (first, second):
        _submit(somebody, media, "holiday")
        eventually(lambda: _done(somebody, "holiday") > 10, "some jobs")
        listed = somebody.reads("jobs", "list", "--batch", "holiday", "--state", "running", "--limit", "100")["jobs"]
        assert all(job["state"] == "running" for job in listed)
        eventually(lambda: _done(somebody, "holiday") == ITEMS, "all jobs")
        assert somebody.reads("status", "holiday")["states"]["succeeded"] == ITEMS
        first.send_signal(signal.SIGTERM)
        second.send_signal(signal.SIGTERM)
        assert [first.wait(40), second.wait(40)] == [0, 0]
    assert len(paid_questions(gemini.ledger())) == ITEMS
    assert paid_calls(gemini.ledger()) == ITEMS
    results = somebody.runs("results", "holiday", "--format", "jsonl")
    assert len(results.stdout.splitlines()) == ITEMS


def test_a_bare_celery_producer_gets_its_output(somebody: Person, media: Path, redis_url: str, tmp_path: Path) -> None:
    from celery import Celery

    backend = redis_url
    settings = {**somebody.settings, "MEDIASCRIBE_CELERY_RESULT_BACKEND": backend}
    producer = Celery("producer", broker=redis_url, backend=backend, set_as_current=False)
    with workers(Person(folder=tmp_path, settings=settings), 1):
        picture = str(media / "picture-0000.jpg")
        arguments = {"source": picture, "options": {"max_tags": 2}}
        first = producer.send_task("mediascribe.caption", kwargs=arguments, task_id="mine-1", queue="mediascribe")
        assert first.get(timeout=40)["caption"].startswith("Simulated")
        missing = {"source": str(media / "nowhere.jpg"), "options": {}}
        second = producer.send_task("mediascribe.caption", kwargs=missing, queue="mediascribe")
        with pytest.raises(Exception, match="source_not_found"):
            second.get(timeout=40)
        wrong = producer.send_task(
            "mediascribe.caption", kwargs={"source": picture, "options": {"x": 1}}, queue="mediascribe"
        )
        with pytest.raises(Exception, match="invalid_options"):
            wrong.get(timeout=40)
        # The same task id again is the same job.
        producer.send_task("mediascribe.caption", kwargs=arguments, task_id="mine-1", queue="mediascribe").get(
            timeout=40
        )
        (job,) = somebody.reads("jobs", "list", "--search", "mine-1")["jobs"]
        told = _runs_the_page(redis_url, picture, str(media / "nowhere.jpg"))
        assert ["Simulated" in told[0], "source_not_found" in told[1]] == [True, True], told
    assert job["client_ref"] == "mine-1"
    producer.close()


def _runs_the_page(broker: str, *sources: str) -> list[str]:
    """What the program of the how-to page prints."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "celery-producer.md"
    program = page.read_text().partition("```python\n")[2].partition("```")[0]
    program = re.sub(r"redis://localhost:6379/\d", broker, program)
    command = [sys.executable, "-c", program, *sources]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
