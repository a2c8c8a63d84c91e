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
    worker_pids: list[int]
    server_pids: list[int]
    """Simulator, PostgreSQL and Redis."""
    postgres_log: Path


@contextmanager
def crew(
    workers: int,
    *,
    settings: Mapping[str, str],
    pictures: int,
    gemini: Mapping[str, Any] | None = None,
    postgres: Mapping[str, str] | None = None,
) -> Iterator[Crew]:
    """That many `mediascribe worker` processes on PostgreSQL and Redis; `gemini` and `postgres` are how these are started."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mediascribe-bench-")))
        database = stack.enter_context(postgres_server({**DURABLE, **(postgres or {})}))
        redis = stack.enter_context(redis_server())
        redis_url = redis.empty_database(1)
        running = stack.enter_context(simulator(**(gemini or {})))
        own = {
            "MEDIASCRIBE_DATABASE_URL": database.create_database(), "MEDIASCRIBE_BROKER_URL": redis_url,
            "MEDIASCRIBE_DECODER_PROCESSES": "1", **settings,
        }  # fmt: skip
        side = stack.enter_context(Side(own))
        drawn = draw_pictures(folder, pictures, seed=SEED)
        environment = {**running.environment(), **own}
        logs = [folder / f"worker-{number}.log" for number in range(workers)]
        yield Crew(
            side=side, gemini=running, redis_url=redis_url, pictures=drawn,
            worker_pids=[stack.enter_context(worker_process(log, environment)) for log in logs],
            server_pids=[running.process.pid, database.pid, redis.pid], postgres_log=database.log,
        )  # fmt: skip


@contextmanager
def worker_process(log: Path, settings: Mapping[str, str]) -> Iterator[int]:
    """A worker of the server mode, from when it is ready; its process id."""
    command = [sys.executable, "-m", "benchmarks.contestants.server"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **settings}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        try:
            wait_for_ready(process, log)
            yield process.pid
        finally:
            end(process)
