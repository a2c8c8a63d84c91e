"""The queues that mediascribe is compared with, each started from its own command and given work by its own means.

Their packages are in `.venv-bench` (`make bench` makes it), so they are imported when they are needed only. All jobs of
a batch are there before the first may begin: none of them has to share the machine with its producer.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from benchmarks.contest import Contestant, running
from benchmarks.contestants.tables import JOBS_AND_RESULTS, RESULTS
from benchmarks.ground import Ground


def celery(pool: str, concurrency: int) -> Callable[[Ground], AbstractContextManager[Contestant]]:
    """The usual Celery shape, one task a job, on that pool."""

    @contextmanager
    def run(ground: Ground) -> Iterator[Contestant]:
        database, broker = ground.postgres.create_database(), ground.redis.empty_database(1)
        own = {
            "BENCH_DATABASE": database, "BENCH_BROKER": broker, "BENCH_QUESTION": str(ground.question),
            "BENCH_THREADS": str(concurrency),
        }  # fmt: skip
        command = [
            sys.executable, "-m", "celery", "--app", "benchmarks.contestants.usual", "worker", "--pool", pool,
            "--concurrency", str(concurrency), "--loglevel", "info",
        ]  # fmt: skip
        yield from _with_jobs(ground, command, own, lambda jobs: _send_by_celery(broker, jobs))

    return run


@contextmanager
def taskiq(ground: Ground) -> Iterator[Contestant]:
    """Taskiq, one worker process; it brings aiohttp, which google-genai then uses."""
    broker = ground.redis.empty_database(3)
    own = {
        "BENCH_DATABASE": plain(ground.postgres.create_database()), "BENCH_BROKER": broker,
        "BENCH_QUESTION": str(ground.question), "BENCH_TRANSPORT": "aiohttp",
    }  # fmt: skip
    command = [
        sys.executable, "-m", "taskiq", "worker", "benchmarks.contestants.on_taskiq:broker", "--workers", "1",
        "--max-async-tasks", "64",
    ]  # fmt: skip
    yield from _with_jobs(ground, command, own, lambda jobs: _send_by_taskiq(broker, jobs))


@contextmanager
def procrastinate(ground: Ground) -> Iterator[Contestant]:
    """Procrastinate, one async worker; its jobs are in PostgreSQL, and their results beside them."""
    from procrastinate import App, SyncPsycopgConnector

    address = plain(ground.postgres.create_database())
    app = App(connector=SyncPsycopgConnector(conninfo=address, min_size=1, max_size=2))
    own = {"BENCH_DATABASE": address, "BENCH_QUESTION": str(ground.question)}
    command = [sys.executable, "-m", "benchmarks.contestants.on_procrastinate"]
    with app.open(), psycopg.connect(address, autocommit=True) as sql:
        app.schema_manager.apply_schema()
        sql.execute(RESULTS)

        def submit(batch: str, paths: Sequence[Path]) -> None:
            jobs = [{"path": str(path), "batch": batch} for path in paths]
            app.configure_task("caption", queue="captions", allow_unknown=True).batch_defer(*jobs)

        with running(command, ground, own) as (process, seconds):
            yield Contestant(
                pid=process.pid, startup_seconds=seconds, submit=submit,
                count=lambda batch: number(sql, "SELECT count(*) FROM result WHERE batch = %s", batch),
                stored=lambda batch: sql.execute(
                    "SELECT began, ended, output FROM result WHERE batch = %s", (batch,)
                ).fetchall(),
            )  # fmt: skip


def number(sql: "psycopg.Connection[Any]", statement: str, batch: str) -> int:
    """The one number that the statement yields."""
    row = sql.execute(statement, (batch,)).fetchone()
    return int(row[0]) if row else 0


def plain(address: str) -> str:
    """An address as psycopg takes it."""
    return address.replace("postgresql+psycopg://", "postgresql://")


Jobs = Sequence[tuple[int, str]]
"""Id and path of each job."""


def _with_jobs(
    ground: Ground, command: Sequence[str], own: Mapping[str, str], send: Callable[[Jobs], None]
) -> Iterator[Contestant]:
    """A contestant whose jobs are rows of its own, and whose messages `send` brings to it."""
    with psycopg.connect(plain(own["BENCH_DATABASE"]), autocommit=True) as sql:
        sql.execute(JOBS_AND_RESULTS)
        with running(command, ground, own) as (process, seconds):
            yield Contestant(
                pid=process.pid, startup_seconds=seconds,
                submit=lambda batch, paths: send(_inserted(sql, batch, paths)),
                count=lambda batch: number(sql, "SELECT count(*) FROM job WHERE ended > 0 AND batch = %s", batch),
                stored=lambda batch: sql.execute(
                    "SELECT began, ended, output FROM job LEFT JOIN result ON job_id = id WHERE batch = %s", (batch,)
                ).fetchall(),
            )  # fmt: skip


def _inserted(sql: "psycopg.Connection[Any]", batch: str, paths: Sequence[Path]) -> Jobs:
    statement = "INSERT INTO job (batch, path) SELECT %s, unnest(%s::text[]) RETURNING id, path"
    return sql.execute(statement, (batch, [str(path) for path in paths])).fetchall()


def _send_by_celery(broker: str, jobs: Jobs) -> None:
    """Put the messages aside, and let all of them appear at once."""
    from celery import Celery

    with Celery(broker=broker, set_as_current=False) as app, app.connection_for_write() as connection:
        producer = app.amqp.Producer(connection)
        for job in jobs:
            app.send_task("usual.caption", args=list(job), queue="aside", producer=producer, ignore_result=True)
    with redis.Redis.from_url(broker) as client:
        client.rename("aside", "usual")


def _send_by_taskiq(broker: str, jobs: Jobs) -> None:
    """The same: taskiq writes the messages into another stream, from where they are copied in one transaction."""
    from taskiq.kicker import AsyncKicker
    from taskiq_redis import RedisStreamBroker

    async def write() -> None:
        aside = RedisStreamBroker(url=broker, queue_name="aside")
        for job in jobs:
            await AsyncKicker("caption", aside, {}).kiq(*job)
        await aside.shutdown()

    asyncio.run(write())
    with redis.Redis.from_url(broker) as client, client.pipeline() as pipe:
        for _, message in client.xrange("aside"):
            pipe.xadd("captions", message)
        pipe.delete("aside")
        pipe.execute()
