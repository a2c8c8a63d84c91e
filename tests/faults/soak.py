"""`make soak`: workers at work beside a backlog of a million jobs, in bad weather, for an hour or as long as asked.

At the end it prints what was done, what was broken, what was lost (nothing), and what grew. It ends with status 1 where an
invariant is broken. `MINUTES=5 BACKLOG=100000 WORKERS=3 SEED=7 make soak` changes the size; the seed is printed. Everything
runs on this machine, talks to loopback only and ends when the time is up.
"""

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from models.database import DatabaseUnavailableError
from models.store.submit import NewBatch
from tests.acceptance.people import make_pictures
from tests.faults import recovery
from tests.faults.audit import Audit, audit
from tests.faults.books import query, read_books
from tests.faults.cluster import LEASE_SECONDS, Cluster, cluster
from tests.faults.growth import Sample, growth, take_sample
from tests.faults.weather import Weather
from tests.services.postgres import PostgresServer, postgres_server
from tests.services.redis import RedisServer, redis_server
from tests.services.simulator import Simulator, simulator
from worker.submit import Item, accept

CHUNK = 20_000
SPELL_SECONDS = 10.0
"""Weather between two samples."""
URGENT = 10
"""Pictures that come behind the backlog with a higher priority after each spell."""
LATENCY = "0.1-0.6"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How long and how large."""

    minutes: float
    backlog: int
    workers: int
    seed: int


@dataclass(kw_only=True)
class Log:
    """What a soak saw."""

    samples: list[Sample] = field(default_factory=list)
    urgent_seconds: list[float] = field(default_factory=list)
    """From the submission of urgent pictures beside the backlog until all of them were done, in calm weather."""


def main() -> int:
    """Run it; the exit status."""
    console = Console()
    size = Size(
        minutes=float(os.environ.get("MINUTES") or 60), backlog=int(os.environ.get("BACKLOG") or 1_000_000),
        workers=int(os.environ.get("WORKERS") or 3), seed=int(os.environ.get("SEED") or random.randrange(10_000)),
    )  # fmt: skip
    console.print(f"seed {size.seed}, {size.minutes:g} minutes, {size.backlog:,} jobs waiting, {size.workers} workers")
    with tempfile.TemporaryDirectory(prefix="mediascribe-soak-") as name, ExitStack() as stack:
        folder = Path(name)
        postgres, redis = stack.enter_context(postgres_server()), stack.enter_context(redis_server())
        pictures = make_pictures(folder / "pictures", 300)
        ground = Ground(folder=folder, postgres=postgres, redis=redis, pictures=pictures)
        console.print(_recovery_table(ground))
        found = _soak(ground, size, console)
    return 1 if found.violations else 0


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The servers and the media."""

    folder: Path
    postgres: PostgresServer
    redis: RedisServer
    pictures: Sequence[Path]

    @contextmanager
    def cluster(self, gemini: Simulator, name: str, *, seed: int = 0, **settings: Any) -> Iterator[Cluster]:
        """A deployment of its own."""
        folder = self.folder / name
        folder.mkdir()
        with cluster(
            folder=folder, gemini=gemini, database_url=self.postgres.create_database(), broker_url=self.redis.url,
            pictures=self.pictures, seed=seed, **settings,
        ) as made:  # fmt: skip
            yield made


def _recovery_table(ground: Ground) -> Table:
    table = Table("recovery", "seconds", "bound", title="How long it takes to recover")
    redis, postgres = ground.redis, ground.postgres
    measures = {
        f"worker killed (lease {LEASE_SECONDS:g} s): its jobs run again": (recovery.worker_lost, LEASE_SECONDS + 5),
        "broker back: messages are taken": (lambda made: recovery.broker_back(made, redis, redis.url), 5),
        "broker gone for good: longest rest": (lambda made: recovery.broker_gone(made, redis), 5),
        "database back: work flows": (lambda made: recovery.database_back(made, postgres), 5),
        "SIGTERM, 200 calls in flight, grace 5 s: out": (
            lambda made: recovery.told_to_leave(made, calls=200, grace_seconds=5.0), 10,
        ),
    }  # fmt: skip
    with simulator() as gemini:
        for number, (name, (measure, bound)) in enumerate(measures.items()):
            redis.flushall()
            with ground.cluster(gemini, f"recovery-{number}") as made:
                table.add_row(name, f"{measure(made):.1f}", f"{bound:g}")
            gemini.set_faults()
    return table


def _soak(ground: Ground, size: Size, console: Console) -> Audit:
    ledger = ground.folder / "ledger.jsonl"
    with (
        simulator(latency=LATENCY, ledger=ledger) as gemini,
        ground.cluster(gemini, "soak", seed=size.seed, concurrency=32, lease_seconds=5) as made,
    ):
        begun = time.monotonic()
        _fill(made, size.backlog)
        console.print(f"{size.backlog:,} jobs accepted in {time.monotonic() - begun:.0f} s")
        log, weather = _live(ground, made, size)
        running = [worker for worker in made.workers if worker.is_running]
        made.leave(*running)
        allowance = replace(made.allowance, unfinished=True)
        books = read_books(made.database_url, touched=True)
        calls = [json.loads(line) for line in ledger.read_text().splitlines()]
        found = audit(books, calls, {job["id"] for job in books.jobs} & set(made.accepted), allowance)
        (total,) = query(made.database_url, "SELECT count(*) AS jobs FROM job")
        if total["jobs"] != len(made.accepted):
            found.violations.append(f"I1 {len(made.accepted)} jobs were accepted, {total['jobs']} are in the books")
    for table in (_outcome_table(found, log, weather, made), _growth_table(log)):
        console.print(table)
    for violation in found.violations[:20]:
        console.print(violation, style="bold red")
    return found


def _fill(made: Cluster, count: int) -> None:
    """A backlog of questions that are all asked anew."""
    settings = made.loaded().settings
    for start in range(0, count, CHUNK):
        numbers = range(start, min(count, start + CHUNK))
        items = [
            Item(kind="caption", source=str(made.pictures[number % len(made.pictures)]), reuse=False)
            for number in numbers
        ]
        made.accepted += accept(
            made.database, settings, NewBatch(name="backlog", idempotency_key="backlog"), items
        ).job_ids


def _live(ground: Ground, made: Cluster, size: Size) -> tuple[Log, Weather]:
    """Weather and calm in turns, until the time is up."""
    (witness,) = made.start(1)
    made.start(size.workers - 1)
    weather = Weather(made, seed=size.seed, redis=ground.redis, postgres=ground.postgres, spared=[witness])
    log, end = Log(), time.monotonic() + size.minutes * 60
    while time.monotonic() < end:
        weather.storm(SPELL_SECONDS)
        log.urgent_seconds.append(_urgent(made))
        log.samples.append(
            take_sample(
                pid=witness.pid, database_url=made.database_url, redis_url=ground.redis.url, temporary=made.temporary
            )
        )
    return log, weather


def _urgent(made: Cluster) -> float:
    """A few pictures of higher priority: how long until they are done."""
    begun = time.monotonic()
    try:
        ids = made.submit(URGENT, priority=10, reuse=False)
    except DatabaseUnavailableError:  # its pooled connections did not survive the weather: a person tries again
        ids = made.submit(URGENT, priority=10, reuse=False)
    wanted = ", ".join(f"'{job_id.removeprefix('job_')}'" for job_id in ids)
    done = f"SELECT count(*) AS done FROM job WHERE id IN ({wanted}) AND finished_at IS NOT NULL"
    made.wait(
        lambda: query(made.database_url, done)[0]["done"] == URGENT, lambda: "urgent pictures are done", seconds=60
    )
    return time.monotonic() - begun


def _outcome_table(found: Audit, log: Log, weather: Weather, made: Cluster) -> Table:
    table = Table("what", "count", title="What became of the work")
    ended = {state: count for state, count in found.states.items() if state not in {"queued", "waiting"}}
    rows = {
        "jobs done": sum(ended.values()), **{f"  {state}": count for state, count in sorted(ended.items())},
        "faults injected": sum(weather.counts.values()),
        **{f"  {name}": count for name, count in sorted(weather.counts.items())},
        "jobs lost": _broken(found, "I1"), "double results": _broken(found, "I3"),
        "other broken invariants": len(found.violations) - _broken(found, "I1") - _broken(found, "I3"),
        "paid answers": found.paid,
        f"  in no book (in flight at kills: {made.allowance.lost_answers})": found.lost_answers,
        f"  paid for again (allowed: {made.allowance.paid_again})": found.paid_again,
        "urgent pictures beside the backlog, slowest, seconds": round(max(log.urgent_seconds), 1),
    }  # fmt: skip
    for name, value in rows.items():
        table.add_row(name, f"{value:,}")
    return table


def _broken(found: Audit, invariant: str) -> int:
    return sum(line.startswith(f"{invariant} ") for line in found.violations)


def _growth_table(log: Log) -> Table:
    table = Table(
        "figure", "first", "last", "greatest", "per hour", title="What grew (one worker that was never killed)"
    )
    for line in growth(log.samples):
        table.add_row(
            line.name, f"{line.first:,.1f}", f"{line.last:,.1f}", f"{line.greatest:,.1f}", f"{line.per_hour:+,.1f}"
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
