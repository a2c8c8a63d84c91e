"""The way of one job through an idle system: from the submit to the stored result, and until the client that waits has it.

Gemini is a simulator that takes the same time for each answer; what is told is the time above that.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.crew import worker_process
from benchmarks.ground import DURABLE
from benchmarks.pictures import draw_pictures
from benchmarks.serving import Serving, serving
from benchmarks.tree import resident_bytes
from tests.services.databases import migrated
from tests.services.postgres import postgres_server
from tests.services.redis import redis_server
from tests.services.simulator import simulator

GEMINI_SECONDS = 0.3
WARM_UP = 5
PAUSE_SECONDS = 0.7
"""Between two jobs, each time another, so that the system is idle and no rhythm of its own is met."""
SEED = 20_260_103
LOOK_SECONDS = 0.02


def measure(system: str, count: int) -> dict[str, float]:
    """Submit so many jobs one after the other; milliseconds above Gemini's own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mediascribe-bench-")))
        pictures = draw_pictures(folder, WARM_UP + count, seed=SEED)
        gemini = stack.enter_context(simulator(latency=str(GEMINI_SECONDS)))
        running = stack.enter_context(SYSTEMS[system](folder, gemini.environment()))
        ways = [_way(running, picture, number) for number, picture in enumerate(pictures)][WARM_UP:]
    stored, seen = ([1_000 * (way[part] - GEMINI_SECONDS) for way in ways] for part in (0, 1))
    return {
        "jobs": count, "gemini_seconds": GEMINI_SECONDS,
        "stored_ms": round(statistics.median(stored), 1), "stored_worst_ms": round(max(stored), 1),
        "seen_ms": round(statistics.median(seen), 1), "seen_worst_ms": round(max(seen), 1),
    }  # fmt: skip


def _way(running: Serving, picture: Path, number: int) -> tuple[float, float]:
    """Seconds until the result was stored, and until it was seen."""
    time.sleep(PAUSE_SECONDS + (number % 10) * 0.037)
    began = time.time()
    job = running.ask("/v1/jobs", {"kind": "caption", "source": str(picture)})
    done = running.ask(f"/v1/jobs/{job['id']}?wait=30")
    seen = time.time()
    if done["state"] != "succeeded":
        raise RuntimeError(f"a job is {done['state']}: {done['error']}")
    return datetime.fromisoformat(done["finished_at"]).timestamp() - began, seen - began


@contextmanager
def _embedded(folder: Path, gemini: dict[str, str]) -> Iterator[Serving]:
    with serving("up", {**gemini, "MEDIASCRIBE_DECODER_PROCESSES": "1"}, folder) as running:
        yield running


@contextmanager
def _server(folder: Path, gemini: dict[str, str]) -> Iterator[Serving]:
    with ExitStack() as stack:
        url = stack.enter_context(postgres_server(DURABLE)).create_database()
        migrated(url).close()
        redis_url = stack.enter_context(redis_server()).empty_database(1)
        settings = {
            **gemini, "MEDIASCRIBE_DATABASE_URL": url, "MEDIASCRIBE_BROKER_URL": redis_url, "MEDIASCRIBE_DECODER_PROCESSES": "1",
        }  # fmt: skip
        stack.enter_context(worker_process(folder / "worker.log", settings))
        yield stack.enter_context(serving("api", settings, folder))


SYSTEMS: dict[str, Callable[[Path, dict[str, str]], Any]] = {
    "mediascribe up": _embedded, "api and worker": _server,
}  # fmt: skip


@contextmanager
def peak_memory(pid: int) -> Iterator[Sequence[int]]:
    """The most resident bytes of a process and its children while the block lasts."""
    peak, left = [resident_bytes([pid])], threading.Event()

    def look() -> None:
        while not left.wait(LOOK_SECONDS):
            peak[0] = max(peak[0], resident_bytes([pid]))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        left.set()
        thread.join()
