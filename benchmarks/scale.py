"""What a long backlog costs: submitting it, taking from its line, being a single job behind it, and looking at it.

    python -m benchmarks.scale [--backlog 1000000]

Ratios come from turns taken on a short and a long backlog on one server, so that what else the machine does hits both alike.
"""

import argparse
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import redis
from sqlalchemy import select

from benchmarks.crew import Crew, crew
from benchmarks.ground import DURABLE
from benchmarks.report import Figures, Findings, at_least, at_most, show_and_save
from benchmarks.sizes import size
from cli.status import status_shape
from models.database import Database
from models.ids import new_id
from models.job import Job
from models.moves import Record, succeeded
from models.state import JobState
from models.store import causes, claims, dispatch, leases, queries, reports, usage
from models.store.outlook import look
from models.store.queries import JobFilter
from models.store.record import record
from models.store.submit import NewBatch
from tests.services.databases import migrated
from tests.services.multiply import multiply
from tests.services.postgres import postgres_server
from worker.environment import load_settings
from worker.submit import Item, accept

SHORT = 10_000
BUNDLE, ROUNDS = 32, 150
"""Jobs a turn, and turns on either backlog: fewer jobs than the short one has."""
SUBMITTED, BATCH = 100_000, 10_000
FRESH = {
    "state": "'queued'", "attempts": "0", "claim": "0",
    **dict.fromkeys(("lease_owner", "lease_until", "announced_until", "started_at", "finished_at"), "NULL"),
}  # fmt: skip
"""Copies of a job that a worker may have begun meanwhile have not begun."""
LOOKS = 60
SINGLES = 5
LATENCY_SECONDS = "0.5"
LIMIT_SECONDS = 60.0
BEHIND_SECONDS, MOST_GROWTH, MOST_REDIS_MB, MOST_MS = 2.0, 1.3, 20, 50.0
LEAST_SUBMITTED = {"postgresql": 15_000, "sqlite": 10_000}
SETTINGS = load_settings(environment={}, dotenv=Path("none")).settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    given = _given(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="mediascribe-bench-"))
        server = stack.enter_context(postgres_server(DURABLE))
        found = [_submitted(url) for url in (server.create_database(), f"sqlite:///{folder}/jobs.db")]
        found.append(_growth([server.create_database() for _ in range(2)], given.backlog))
    with crew(1, settings={}, pictures=20, gemini={"latency": LATENCY_SECONDS}) as running:
        found.append(_behind(running, given.backlog))
    figures: Figures = {"backlog": given.backlog}
    for part, _ in found:
        figures |= part
    show_and_save("scale", figures, [row for _, rows in found for row in rows])
    return 0


def _submitted(url: str) -> Findings:
    """Jobs a second that are validated and committed, `BATCH` at a time."""
    database = migrated(url)
    items = [Item(kind="caption", source=f"/media/{number}.jpg") for number in range(BATCH)]
    begun = time.perf_counter()
    for _ in range(SUBMITTED // BATCH):
        accept(database, SETTINGS, NewBatch(), items)
    rate = SUBMITTED / (time.perf_counter() - begun)
    database.close()
    row = at_least(f"submit to {database.dialect}, jobs/s", rate, LEAST_SUBMITTED[database.dialect], digits=0)
    return {f"submitted_per_second_{database.dialect}": round(rate)}, [row]


def _growth(urls: Sequence[str], backlog: int) -> Findings:
    """How much more a job costs to dispatch and claim, and to its end, in the long line than in the short one."""
    lines = [_Line(url, count) for url, count in zip(urls, (SHORT, backlog), strict=True)]
    turns = [[line.turn() for line in lines] for _ in range(ROUNDS)]
    for line in lines:
        line.database.close()
    figures: Figures = {}
    rows = []
    for index, what in enumerate(("dispatch and claim", "dispatch, claim and record")):
        short, long = (statistics.median(turn[which][index] for turn in turns) / BUNDLE for which in range(2))
        rows.append(
            at_most(f"{what} beside {backlog:,}, to beside {SHORT:,}", long / short, MOST_GROWTH, is_ratio=True)
        )
        name = what.replace(", ", "_").replace(" ", "_")
        figures[f"{name}_growth"] = round(long / short, 3)
        figures[f"{name}_microseconds"] = {SHORT: round(1e6 * short, 1), backlog: round(1e6 * long, 1)}
    return figures, rows


class _Line:
    """A backlog, and one worker that takes from it."""

    def __init__(self, url: str, count: int) -> None:
        self.database = migrated(url)
        self._worker_id = new_id("wrk")
        facts = leases.WorkerFacts(id=self._worker_id, host="bench", pid=0, version="0", slots=BUNDLE)
        leases.register(self.database, facts)
        _fill(self.database, "/media/picture.jpg", count)

    def turn(self) -> tuple[float, float]:
        """Look, announce, claim and record a bundle; seconds until it was claimed, and until it was recorded."""
        begun = time.perf_counter()
        look(self.database, alive_seconds=60.0)
        ids = dispatch.announce(self.database, limit=BUNDLE)
        jobs = claims.claim(self.database, ids, worker_id=self._worker_id, lease_seconds=60.0)
        claimed = time.perf_counter() - begun
        record(self.database, [Record(job=job, ending=succeeded({}, model_version="v")) for job in jobs])
        if len(jobs) != BUNDLE:
            raise RuntimeError(f"{len(jobs)} of {BUNDLE} jobs were claimed: nothing was measured")
        return claimed, time.perf_counter() - begun


def _behind(running: Crew, backlog: int) -> Findings:
    """A single job beside an idle worker and behind the backlog, with what Redis holds and how long looking takes then."""
    picture = str(running.pictures[0])
    idle = statistics.median(_start_seconds(running, picture) for _ in range(SINGLES))
    batch_id = _fill(running.side.database, picture, backlog)
    _wait(lambda: reports.count_states(running.side.database, JobFilter(batch_id=batch_id))[JobState.SUCCEEDED] > 100)
    behind = max(_start_seconds(running, picture) for _ in range(SINGLES))
    looks = {name: _p95_ms(look) for name, look in _looks(running.side.database, batch_id).items()}
    held = _redis_bytes(running.redis_url)
    rows = [
        at_most(f"a single job behind {backlog:,}, start later than alone", behind - idle, BEHIND_SECONDS, " s"),
        *(
            at_most(f"{name} beside {backlog:,}, p95", milliseconds, MOST_MS, " ms", digits=1)
            for name, milliseconds in looks.items()
        ),
        at_most(f"Redis beside {backlog:,}, at most", held / 1e6, MOST_REDIS_MB, " MB", digits=1),
    ]
    figures = {"idle_start_seconds": idle, "behind_start_seconds": behind, "p95_ms": looks, "redis_peak_bytes": held}
    return figures, rows


def _looks(database: Database, batch_id: str) -> dict[str, Callable[[], object]]:
    batch = JobFilter(batch_id=batch_id)
    (view,) = reports.list_batches(database, limit=1, before=_after(batch_id))
    lately = datetime.now(UTC) - timedelta(minutes=1)
    return {
        "counts of the batch": lambda: reports.count_states(database, batch),
        "status": lambda: status_shape(database, SETTINGS, None),
        "status of the batch": lambda: status_shape(database, SETTINGS, view),
        "list": lambda: queries.list_jobs(database, JobFilter(), limit=50),
        "list of what succeeded": lambda: queries.list_jobs(
            database, JobFilter(owner="default", state=JobState.SUCCEEDED), limit=50
        ),
        "list of what failed": lambda: queries.list_jobs(
            database, JobFilter(batch_id=batch_id, state=JobState.FAILED), limit=50
        ),
        "list of the last minute": lambda: queries.list_jobs(database, JobFilter(since=lately), limit=50),
        "errors": lambda: causes.failure_groups(database, batch),
        "usage": lambda: usage.usage(database, usage.UsageFilter(owner="default")),
    }


def _after(batch_id: str) -> str:
    """The least id that is greater."""
    return f"bat_{int(batch_id.removeprefix('bat_'), 16) + 1:032x}"


def _fill(database: Database, source: str, count: int) -> str:
    """A batch of so many jobs that differ by nothing and ask anew each; its id."""
    item = Item(kind="caption", source=source, reuse=False)
    made = accept(database, SETTINGS, NewBatch(name="backlog"), [item])
    for first in range(1, count, SUBMITTED):
        multiply(database, made.job_ids[0], min(SUBMITTED, count - first), first=first, **FRESH)
    return made.batch_id


def _start_seconds(running: Crew, picture: str) -> float:
    """From its acceptance to its start, by the database's clock."""
    name = f"single-{time.monotonic_ns()}"
    running.side.submit(name, [Path(picture)], reuse=False)
    batch = reports.find_batch(running.side.database, name)
    assert batch is not None
    times = select(Job.created_at, Job.started_at).where(Job.batch_id == batch.id)

    def found() -> tuple[datetime, datetime | None]:
        with running.side.database.read() as connection:
            row = connection.execute(times).one()
        return row.created_at, row.started_at

    _wait(lambda: found()[1] is not None)
    accepted, started = found()
    assert started is not None
    return (started - accepted).total_seconds()


def _p95_ms(look: Callable[[], object]) -> float:
    times = []
    for _ in range(LOOKS):
        begun = time.perf_counter()
        look()
        times.append(1e3 * (time.perf_counter() - begun))
    return round(statistics.quantiles(times, n=20)[-1], 2)


def _redis_bytes(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.info("memory")["used_memory_peak"])


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not in {LIMIT_SECONDS:g} s: given up")
        time.sleep(0.02)


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--backlog", type=int, default=int(size("BACKLOG", full=1_000_000, short=50_000)))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
