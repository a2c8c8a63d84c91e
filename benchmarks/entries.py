"""Who takes part: each entry starts one contestant on the ground and knows how to give it work."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.contest import Contestant, running
from benchmarks.ground import Ground
from benchmarks.mediascribe_side import Side
from benchmarks.peers import celery, number, plain, procrastinate, taskiq


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One contestant, and what the table calls it."""

    title: str
    run: Callable[[Ground], AbstractContextManager[Contestant]]


def bare(transport: str) -> Callable[[Ground], AbstractContextManager[Contestant]]:
    """A script written by hand, on that HTTP library."""

    @contextmanager
    def run(ground: Ground) -> Iterator[Contestant]:
        address = plain(ground.postgres.create_database())
        command = [sys.executable, "-m", "benchmarks.contestants.bare", str(ground.question), address]
        own = {"BENCH_TRANSPORT": transport}
        with running(command, ground, own) as (process, seconds), psycopg.connect(address, autocommit=True) as sql:
            yield Contestant(
                pid=process.pid, startup_seconds=seconds,
                submit=lambda batch, paths: _tell(process, batch=batch, paths=[str(path) for path in paths]),
                count=lambda batch: number(sql, "SELECT count(*) FROM result WHERE batch = %s", batch),
                stored=lambda batch: sql.execute(
                    "SELECT began, ended, output FROM result WHERE batch = %s", (batch,)
                ).fetchall(),
            )  # fmt: skip

    return run


def yardstick(
    way: str, transport: str = "httpx", decoders: int = 2
) -> Callable[[Ground], AbstractContextManager[Contestant]]:
    """Preparation and call alone; `way` is `sdk` or `door`, which has that many decoding processes."""
    own = {"BENCH_TRANSPORT": transport, "MEDIASCRIBE_DECODER_PROCESSES": str(decoders)}

    @contextmanager
    def run(ground: Ground) -> Iterator[Contestant]:
        command = [sys.executable, "-m", "benchmarks.contestants.yardstick", way, str(ground.question)]
        with running(command, ground, own) as (process, seconds):

            def answers(batch: str) -> Path:
                return ground.folder / f"answers-{process.pid}-{batch}.json"

            def stored(batch: str) -> Any:
                return json.loads(answers(batch).read_text()) if answers(batch).exists() else []

            yield Contestant(
                pid=process.pid, startup_seconds=seconds,
                submit=lambda batch, paths: _tell(
                    process, paths=[str(path) for path in paths], answers=str(answers(batch))
                ),
                count=lambda batch: len(stored(batch)), stored=stored,
            )  # fmt: skip

    return run


@contextmanager
def embedded(ground: Ground) -> Iterator[Contestant]:
    """Mediascribe on SQLite, without a broker."""
    home = ground.folder / f"embedded-{len(list(ground.folder.glob('embedded-*')))}"
    home.mkdir()
    yield from _mediascribe(ground, "benchmarks.contestants.embedded", {"MEDIASCRIBE_HOME": str(home)})


@contextmanager
def server(ground: Ground) -> Iterator[Contestant]:
    """Mediascribe on Celery, Redis and PostgreSQL."""
    settings = {
        "MEDIASCRIBE_DATABASE_URL": ground.postgres.create_database(),
        "MEDIASCRIBE_BROKER_URL": ground.redis.empty_database(2),
    }
    yield from _mediascribe(ground, "benchmarks.contestants.server", settings)


def _mediascribe(ground: Ground, module: str, settings: Mapping[str, str]) -> Iterator[Contestant]:
    with (
        Side(settings) as side,
        running([sys.executable, "-m", module], ground, settings) as (process, seconds),
    ):
        yield Contestant(
            pid=process.pid, startup_seconds=seconds, submit=side.submit, count=side.count, stored=side.stored
        )


def _tell(process: Any, **told: object) -> None:
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()


ENTRIES: Mapping[str, Entry] = {
    "bare": Entry(title="bare asyncio script", run=bare("httpx")),
    "bare_aiohttp": Entry(title="bare asyncio script, google-genai[aiohttp]", run=bare("aiohttp")),
    "celery_threads": Entry(title="Celery, a task a job, threads", run=celery("threads", 16)),
    "celery_gevent": Entry(title="Celery, a task a job, gevent", run=celery("gevent", 64)),
    "procrastinate": Entry(title="Procrastinate, async", run=procrastinate),
    "taskiq": Entry(title="taskiq, Redis streams", run=taskiq),
    "embedded": Entry(title="mediascribe, SQLite", run=embedded),
    "server": Entry(title="mediascribe, Celery + Redis + PostgreSQL", run=server),
    "sdk": Entry(title="(google-genai and Pillow alone)", run=yardstick("sdk")),
    "door": Entry(title="(mediascribe's preparation and call alone)", run=yardstick("door")),
}
"""Of threads 8 to 64 were tried on two cores, and came out within a few percent of each other."""

NAMES: Sequence[str] = tuple(ENTRIES)
