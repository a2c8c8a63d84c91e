"""Several worker processes of the server mode on one ground: what benchmarks of shared quotas and budgets stand on."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.contest import end, wait_for_ready
from benchmarks.ground import DURABLE, ROOT
from benchmarks.mediascribe_side import Side
from benchmarks.pictures import draw_pictures
from tests.services.postgres import postgres_server
from tests.services.redis import redis_server
from tests.services.simulator import Simulator, simulator

SEED = 20_260_102


@dataclass(frozen=True, kw_only=True)
class Crew:
    """Workers at work, and the producer beside them."""

    side: Side
    gemini: Simulator
    redis_url: str
    pictures: list[Path]


@contextmanager
def crew(
    workers: int, *, settings: Mapping[str, str], pictures: int, gemini: Mapping[str, Any] | None = None
) -> Iterator[Crew]:
    """That many `mediascribe worker` processes on PostgreSQL and Redis; `gemini` is how the simulator is started."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mediascribe-bench-")))
        postgres = stack.enter_context(postgres_server(DURABLE))
        redis_url = stack.enter_context(redis_server()).empty_database(1)
        running = stack.enter_context(simulator(**(gemini or {})))
        own = {
            "MEDIASCRIBE_DATABASE_URL": postgres.create_database(), "MEDIASCRIBE_BROKER_URL": redis_url,
            "MEDIASCRIBE_DECODER_PROCESSES": "1", **settings,
        }  # fmt: skip
        side = stack.enter_context(Side(own))
        drawn = draw_pictures(folder, pictures, seed=SEED)
        for number in range(workers):
            stack.enter_context(worker_process(folder / f"worker-{number}.log", {**running.environment(), **own}))
        yield Crew(side=side, gemini=running, redis_url=redis_url, pictures=drawn)


@contextmanager
def worker_process(log: Path, settings: Mapping[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.contestants.server"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **settings}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        try:
            wait_for_ready(process, log)
            yield
        finally:
            end(process)
