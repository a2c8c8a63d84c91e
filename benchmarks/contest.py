"""Starting a contestant, giving it jobs and reading what it stored; one function for each of the four.

A contestant starts with no work. It is given a small batch to warm up, then the batch that counts; times are those
that it stored with each job itself, from the first begin to the last end.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.ground import ROOT, Ground, environment
from benchmarks.mediascribe_side import Side

READY_SECONDS = 60.0
LEAVE_SECONDS = 30.0

Spans = list[tuple[float, float, Mapping[str, Any] | None]]
"""Of each stored job: begin and end, seconds since 1970, and what was stored."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One that runs and waits for work."""

    pid: int
    startup_seconds: float
    submit: Callable[[str, Sequence[Path]], None]
    """Give it a batch, by name."""
    count: Callable[[str], int]
    """How many jobs of the batch are stored."""
    stored: Callable[[str], Spans]


Entry = Callable[[Ground], Iterator[Contestant]]


@contextmanager
def bare(ground: Ground) -> Iterator[Contestant]:
    """(a) A script written by hand."""
    address = _plain(ground.postgres.create_database())
    command = [sys.executable, "-m", "benchmarks.contestants.bare", str(ground.question), address]
    with _running(command, ground, {}) as (process, seconds), psycopg.connect(address, autocommit=True) as sql:

        def submit(batch: str, paths: Sequence[Path]) -> None:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"batch": batch, "paths": [str(path) for path in paths]}) + "\n")
            process.stdin.flush()

        yield Contestant(
            pid=process.pid, startup_seconds=seconds, submit=submit,
            count=lambda batch: _number(sql, "SELECT count(*) FROM result WHERE batch = %s", batch),
            stored=lambda batch: sql.execute(
                "SELECT began, ended, output FROM result WHERE batch = %s", (batch,)
            ).fetchall(),
        )  # fmt: skip


def usual(threads: int) -> Callable[[Ground], Any]:
    """(b) The usual Celery shape, with that many threads."""

    @contextmanager
    def run(ground: Ground) -> Iterator[Contestant]:
        database, broker = ground.postgres.create_database(), ground.redis.empty_database(1)
        own = {
            "BENCH_DATABASE": database, "BENCH_BROKER": broker, "BENCH_QUESTION": str(ground.question),
            "BENCH_THREADS": str(threads),
        }  # fmt: skip
        command = [
            sys.executable, "-m", "celery", "--app", "benchmarks.contestants.usual", "worker", "--pool", "threads",
            "--concurrency", str(threads), "--loglevel", "info",
        ]  # fmt: skip
        address = _plain(database)
        with psycopg.connect(address, autocommit=True) as sql:
            sql.execute(_USUAL_TABLES)
            with _running(command, ground, own) as (process, seconds):
                yield Contestant(
                    pid=process.pid, startup_seconds=seconds,
                    submit=lambda batch, paths: _enqueue(sql, broker, batch, paths),
                    count=lambda batch: _number(sql, "SELECT count(*) FROM job WHERE ended > 0 AND batch = %s", batch),
                    stored=lambda batch: sql.execute(
                        "SELECT began, ended, output FROM job LEFT JOIN result ON job_id = id WHERE batch = %s", (batch,)
                    ).fetchall(),
                )  # fmt: skip

    return run


@contextmanager
def embedded(ground: Ground) -> Iterator[Contestant]:
    """(c) mediascribe on SQLite, without a broker."""
    number = len(list(ground.folder.glob("embedded-*")))
    home = ground.folder / f"embedded-{number}"
    home.mkdir()
    yield from _mediascribe(ground, "benchmarks.contestants.embedded", {"MEDIASCRIBE_HOME": str(home)})


@contextmanager
def server(ground: Ground) -> Iterator[Contestant]:
    """(d) mediascribe on Celery, Redis and PostgreSQL."""
    settings = {
        "MEDIASCRIBE_DATABASE_URL": ground.postgres.create_database(),
        "MEDIASCRIBE_BROKER_URL": ground.redis.empty_database(2),
    }
    yield from _mediascribe(ground, "benchmarks.contestants.server", settings)


def _mediascribe(ground: Ground, module: str, settings: Mapping[str, str]) -> Iterator[Contestant]:
    with (
        Side(settings) as side,
        _running([sys.executable, "-m", module], ground, settings) as (process, seconds),
    ):
        yield Contestant(
            pid=process.pid, startup_seconds=seconds, submit=side.submit, count=side.count, stored=side.stored
        )


@contextmanager
def _running(
    command: Sequence[str], ground: Ground, own: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[str]", float]]:
    """The process, once it says that it is ready, and how long that took. Its log goes with the ground's folder."""
    started = time.monotonic()
    log = ground.folder / "contestant.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(ground, own), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        try:
            wait_for_ready(process, log)
            yield process, time.monotonic() - started
        finally:
            end(process)


def wait_for_ready(process: "subprocess.Popen[str]", log: Path) -> None:
    """Returns when it has said so (Celery prints a banner before). Raises RuntimeError with the end of its log."""
    assert process.stdout is not None
    patience = threading.Timer(READY_SECONDS, process.kill)
    patience.start()
    try:
        for line in process.stdout:
            if line.strip() == "ready":
                return
    finally:
        patience.cancel()
    raise RuntimeError(f"a contestant did not start:\n{log.read_text()[-2_000:]}")


def end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


_USUAL_TABLES = """
CREATE TABLE job (
    id serial PRIMARY KEY, batch text NOT NULL, path text NOT NULL, state text NOT NULL DEFAULT 'queued',
    began double precision, ended double precision
);
CREATE TABLE result (job_id integer PRIMARY KEY REFERENCES job, output json NOT NULL);
"""


def _enqueue(sql: "psycopg.Connection[Any]", broker: str, batch: str, paths: Sequence[Path]) -> None:
    """Insert the jobs, put their messages aside, and let all of them appear at once."""
    import redis
    from celery import Celery

    numbers = [
        sql.execute("INSERT INTO job (batch, path) VALUES (%s, %s) RETURNING id", (batch, str(path))).fetchone()
        for path in paths
    ]
    with Celery(broker=broker, set_as_current=False) as app, app.connection_for_write() as connection:
        producer = app.amqp.Producer(connection)
        for number, path in zip(numbers, paths, strict=True):
            arguments = [(number or (0,))[0], str(path)]
            app.send_task("usual.caption", args=arguments, queue="aside", producer=producer, ignore_result=True)
    with redis.Redis.from_url(broker) as client:
        client.rename("aside", "usual")


def _number(sql: "psycopg.Connection[Any]", statement: str, batch: str) -> int:
    row = sql.execute(statement, (batch,)).fetchone()
    return int(row[0]) if row else 0


def _plain(address: str) -> str:
    """An address as psycopg takes it."""
    return address.replace("postgresql+psycopg://", "postgresql://")
