"""The HTTP API: single submits, a long stream of items, looking at jobs among a million, deep pages, the way of one job.

    python -m benchmarks.api [--submits 3000] [--items 100000] [--jobs 1000000] [--singles 30] [--only singles stream …]

One API process and a PostgreSQL that flushes every commit share the machine with the load tool, which takes about 0.1 ms a request.
Beside each figure stands the load average of the machine: on a busy one the figures are those of the machine.
API_SUBMITS, API_ITEMS, API_JOBS and API_SINGLES in the environment change the sizes.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from api.cursors import write_cursor
from benchmarks import backlog, latency
from benchmarks.ground import DURABLE
from benchmarks.load import Load, load, request
from benchmarks.report import Figures, Findings, at_least, at_most, show_and_save
from benchmarks.serving import Serving, serving
from benchmarks.sizes import size
from benchmarks.tree import cpu_seconds, resident_bytes
from tests.services.databases import migrated
from tests.services.postgres import postgres_server
from tests.services.redis import redis_server

CLIENTS = 16
LOOKERS = 4
"""Clients that look at jobs."""
WARM_UP = 300
PAGE = 50
DEEP = 5_000
LOOKS = 500
ROUNDS = 45

LEAST_SUBMITS_PER_SECOND, MOST_SUBMIT_MS = 300, 100
MOST_STREAM_SECONDS, MOST_STREAM_MB, STREAM_ITEMS = 15, 150, 100_000
MOST_LOOK_MS, MOST_ABOVE_GEMINI_MS = 15, 100
MOST_PAGE_RATIO = 1.5
"""What still counts as equally fast on a machine that does other things."""

SIZES = {"submits": (3_000, 600), "items": (STREAM_ITEMS, 10_000), "jobs": (1_000_000, 200_000), "singles": (30, 6)}
"""Of a full and of a short run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    given = _given(arguments)
    for name in given.only or PARTS:
        before = os.getloadavg()[0]
        figures, rows = PARTS[name](given)
        load_average = [round(before, 1), round(os.getloadavg()[0], 1)]
        show_and_save(f"api_{name}", {**figures, "load_average": load_average}, rows)
    return 0


def singles(given: argparse.Namespace) -> Findings:
    """Many clients that submit one job a request, each with an idempotency key of its own."""
    with _api() as (running, _, _):
        load(running.url, _submits("warm-up", WARM_UP), clients=CLIENTS)
        cpu = cpu_seconds([running.pid])
        many = load(running.url, _submits("many", given.submits), clients=CLIENTS)
        cpu = cpu_seconds([running.pid]) - cpu
        one = load(running.url, _submits("one", given.submits // 10), clients=1)
    _check(many, 202)
    rows = [
        at_least(
            f"API, single submits a second, {CLIENTS} clients", many.per_second, LEAST_SUBMITS_PER_SECOND, digits=0
        ),
        at_most("API, single submits, p99", many.percentile(0.99), MOST_SUBMIT_MS, " ms", digits=0),
    ]
    figures = {
        "submits": given.submits, "clients": CLIENTS, "per_second": round(many.per_second, 1), **_percentiles(many),
        "api_cpu_ms_per_submit": round(1_000 * cpu / given.submits, 3), "alone": _percentiles(one),
    }  # fmt: skip
    return figures, rows


def stream(given: argparse.Namespace) -> Findings:
    """One batch as a stream of lines."""
    item = {"kind": "caption", "options": {"language": "de"}}
    lines = (json.dumps({**item, "source": f"/srv/{n}.jpg", "client_ref": f"r-{n}"}) for n in range(given.items))
    body = "\n".join(lines).encode()
    asked = request("POST", "/v1/batches", body, ["Idempotency-Key: stream"]).replace(
        b"application/json", b"application/x-ndjson", 1
    )
    with _api() as (running, _, _):
        running.ask("/v1/stats")
        idle = resident_bytes([running.pid])
        with latency.peak_memory(running.pid) as peak:
            answered = load(running.url, [asked], clients=1)
        _check(answered, 202)
        if running.ask("/v1/stats")["states"]["queued"] != given.items:
            raise RuntimeError("not all items were stored")
    seconds = answered.milliseconds[0] / 1_000
    most_seconds = MOST_STREAM_SECONDS * max(given.items, STREAM_ITEMS) / STREAM_ITEMS
    rows = [
        at_most(f"API, {given.items:,} items of NDJSON", seconds, most_seconds, " s", digits=1),
        at_most("API, memory while these come", peak[0] / 1e6, MOST_STREAM_MB, " MB", digits=0),
    ]
    figures = {
        "items": given.items,
        "seconds": round(seconds, 2),
        "peak_bytes": peak[0],
        "bytes_above_idle": peak[0] - idle,
    }
    return figures, rows


def many(given: argparse.Namespace) -> Findings:
    """Looking at single jobs, batches and lists of a database with very many jobs."""
    with _api() as (running, address, began):
        backlog.fill(address, given.jobs)
        print(f"{given.jobs:,} jobs were written in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        usual = max(1, (given.jobs - backlog.LARGEST_BATCH) // backlog.USUAL_BATCH)
        looks = {
            "job": [f"/v1/jobs/{job_id}" for job_id in backlog.spread_ids(given.jobs, LOOKS)],
            "batch": [f"/v1/batches/{backlog.batch_id(101 + n % usual)}" for n in range(LOOKS // 5)],
            "largest batch": [f"/v1/batches/{backlog.batch_id(0)}"] * 40,
            "all jobs": ["/v1/stats"] * 100,
            "metrics": ["/metrics"] * 100,
        }
        seen = {name: _looked(running, paths) for name, paths in looks.items()}
        pages = {name: _pages(running, address, wanted) for name, wanted in LISTS.items()}
    rows = [
        at_most(
            f"API, a look at {name} beside {given.jobs:,}, p95", percentiles["p95_ms"],
            MOST_LOOK_MS if name == "job" else None, " ms", digits=1,
        )
        for name, percentiles in seen.items()
    ] + [
        at_most(f"API, page {DEEP:,} of {name}, to page 1", page["ratio"], MOST_PAGE_RATIO, is_ratio=True)
        for name, page in pages.items()
    ]  # fmt: skip
    return {"jobs": given.jobs, "looks": seen, "pages": pages}, rows


def _looked(running: Serving, paths: Sequence[str]) -> dict[str, float]:
    seen = load(running.url, [request("GET", path) for path in paths], clients=LOOKERS)
    _check(seen, 200)
    return _percentiles(seen)


LISTS: Mapping[str, Mapping[str, str]] = {
    "all jobs": {}, "succeeded jobs": {"state": "succeeded"}, "captions": {"kind": "caption"},
    "failed jobs": {"state": "failed"}, "jobs that run": {"state": "running"}, "jobs since 2020": {"since": "2020-01-01T00:00:00+00:00"}, "jobs of the future": {"since": "2100-01-01T00:00:00+00:00"},
    "the largest batch": {"batch": backlog.batch_id(0)},
    "its failures": {"batch": backlog.batch_id(0), "error": "media_corrupt"},
}  # fmt: skip


def _pages(running: Serving, address: str, wanted: Mapping[str, str]) -> Figures:
    """The first page and a deep one of a list, in turns; medians."""
    query = "&".join([f"limit={PAGE}", *(f"{name}={value.replace('+', '%2B')}" for name, value in wanted.items())])
    place = _deep_place(address, wanted)
    cursor = write_cursor(
        place, {name: value.replace("T", " ") for name, value in wanted.items()}
    )  # a time is read before
    paths = [f"/v1/jobs?{query}", f"/v1/jobs?{query}&cursor={cursor}"]
    took: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for path, each in zip(paths, took, strict=True):
            seen = load(running.url, [request("GET", path)], clients=1)
            _check(seen, 200)
            each.extend(seen.milliseconds)
    first, deep = map(statistics.median, took)
    return {"first_ms": round(first, 2), "deep_ms": round(deep, 2), "ratio": round(deep / first, 3)}


_CONDITIONS = {
    "state": "state = %(state)s", "kind": "kind = %(kind)s", "since": "created_at >= %(since)s::timestamptz",
    "error": "error_code = %(error)s", "batch": "'bat_' || replace(batch_id::text, '-', '') = %(batch)s",
}  # fmt: skip


def _deep_place(address: str, wanted: Mapping[str, str]) -> str:
    """Where the page before the deep one ends; of a shorter list, the page at nine tenths of it."""
    import psycopg

    where = " AND ".join(["true", *(_CONDITIONS[name] for name in wanted)])
    with psycopg.connect(address) as sql:
        counted = sql.execute(f"SELECT count(*) FROM job WHERE {where}", wanted).fetchone()
        skipped = min((DEEP - 1) * PAGE, int((counted or (0,))[0] * 0.9)) - 1
        row = sql.execute(
            f"SELECT id::text FROM job WHERE {where} ORDER BY id DESC LIMIT 1 OFFSET {max(0, skipped)}", wanted
        ).fetchone()
    return backlog.job_id(10**6) if row is None else f"job_{row[0].replace('-', '')}"


def one_job(given: argparse.Namespace) -> Findings:
    """From a submit to the stored result of an idle system, above what Gemini takes."""
    figures = {name: latency.measure(name, given.singles) for name in latency.SYSTEMS}
    rows = [
        at_most(
            f"{name}, submit to result above Gemini's time", way["stored_ms"], MOST_ABOVE_GEMINI_MS, " ms", digits=0
        )
        for name, way in figures.items()
    ]
    return figures, rows


PARTS: Mapping[str, Callable[[argparse.Namespace], Findings]] = {
    "singles": singles, "stream": stream, "many": many, "one_job": one_job,
}  # fmt: skip


@contextmanager
def _api() -> Iterator[tuple[Serving, str, float]]:
    """One API process on servers of its own; the address of its database as psycopg has it; when that was."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mediascribe-bench-")))
        url = stack.enter_context(postgres_server(DURABLE)).create_database()
        migrated(url).close()
        redis_url = stack.enter_context(redis_server()).empty_database(1)
        settings = {
            "MEDIASCRIBE_DATABASE_URL": url, "MEDIASCRIBE_BROKER_URL": redis_url, "MEDIASCRIBE_LOG_LEVEL": "info",
            "GEMINI_API_KEY": "benchmark",
        }  # fmt: skip
        running = stack.enter_context(serving("api", settings, folder))
        yield running, url.replace("postgresql+psycopg://", "postgresql://"), time.monotonic()


def _submits(name: str, count: int) -> list[bytes]:
    item = {"kind": "caption", "options": {"language": "de"}}
    return [
        request(
            "POST", "/v1/jobs", json.dumps({**item, "source": f"/srv/{name}/{n}.jpg"}).encode(), [f"Idempotency-Key: {name}-{n}"]
        )
        for n in range(count)
    ]  # fmt: skip


def _check(answered: Load, status: int) -> None:
    if set(answered.statuses) != {status}:
        raise RuntimeError(
            f"the API answered {sorted(set(answered.statuses))} instead of {status}: nothing was measured"
        )


def _percentiles(answered: Load) -> dict[str, float]:
    return {f"p{share}_ms": round(answered.percentile(share / 100), 2) for share in (50, 95, 99)}


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=(__doc__ or "").split("\n")[0])
    for name, (full, short) in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=int(size(f"API_{name.upper()}", full=full, short=short)))
    parser.add_argument("--only", nargs="*", choices=PARTS, help="measure these alone")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
