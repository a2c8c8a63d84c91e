"""Throughput and CPU of mediascribe against a bare script and the usual Celery shape, on the same ground.

    python -m benchmarks.throughput [--jobs 600] [--rounds 3] [--only d]

The four do the same work in turns, several rounds; what is shown are medians. Start-up and a warm-up batch come before
the clock. CPU is user and system time of a contestant's processes, decoders included; the servers' is shown apart.
"""

import argparse
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.contest import Contestant, bare, embedded, server, usual
from benchmarks.ground import Ground, prepared_ground
from benchmarks.report import save, table, verdicts
from benchmarks.tree import cpu_seconds, resident_bytes

WARM_UP_JOBS = 128
LIMIT_SECONDS = 180.0
POLL_SECONDS = 0.05
THREADS = 16
"""Of the usual Celery worker: 8 to 64 were tried on two cores and came out within a few percent of each other."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of one contestant."""

    startup_seconds: float
    seconds: float
    """From the first begin to the last stored result."""
    cpu_seconds: float
    server_cpu_seconds: float
    """Simulator, PostgreSQL and Redis together."""
    peak_bytes: int
    jobs: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    given = _given(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    entries = {key: value for key, value in _entries(given.threads).items() if not given.only or key in given.only}
    with prepared_ground(jobs=given.jobs, warm_up=WARM_UP_JOBS) as ground:
        runs = run_rounds(entries, ground, given.rounds)
    medians = {name: _median(measured) for name, measured in runs.items()}
    print(table(medians))
    print(verdicts(medians))
    save("throughput", {"jobs": given.jobs, "rounds": given.rounds, "median": medians, "runs": _plain(runs)})
    return 0


def run_rounds(
    entries: Mapping[str, Callable[[Ground], AbstractContextManager[Contestant]]], ground: Ground, rounds: int
) -> dict[str, list[Measured]]:
    """Every contestant once a round; each round begins with another one."""
    runs: dict[str, list[Measured]] = {name: [] for name in entries}
    names = list(entries)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with entries[name](ground) as contestant:
                runs[name].append(measure(contestant, ground))
            last = runs[name][-1]
            print(f"round {number + 1} {name}: {last.jobs / last.seconds:.0f} jobs/s", file=sys.stderr, flush=True)
    return runs


def measure(contestant: Contestant, ground: Ground) -> Measured:
    """Warm it up, give it the batch that counts, verify all that it stored. Raises RuntimeError."""
    _work_off(contestant, "warm-up", ground.warm_up)
    own, servers = cpu_seconds([contestant.pid]), cpu_seconds(ground.server_pids)
    peak = _work_off(contestant, "measured", ground.pictures)
    own, servers = cpu_seconds([contestant.pid]) - own, cpu_seconds(ground.server_pids) - servers
    stored = contestant.stored("measured")
    good = [output for _, _, output in stored if output and output.get("caption")]
    if len(good) != len(ground.pictures):
        raise RuntimeError(f"{len(good)} of {len(ground.pictures)} jobs have a stored caption: nothing was measured")
    return Measured(
        startup_seconds=contestant.startup_seconds,
        seconds=max(end for _, end, _ in stored) - min(begin for begin, _, _ in stored),
        cpu_seconds=own,
        server_cpu_seconds=servers,
        peak_bytes=peak,
        jobs=len(good),
    )


def _work_off(contestant: Contestant, batch: str, pictures: Sequence[Any]) -> int:
    """Wait until the batch is stored; the most memory that was seen meanwhile, bytes."""
    contestant.submit(batch, pictures)
    deadline = time.monotonic() + LIMIT_SECONDS
    peak = 0
    while contestant.count(batch) < len(pictures):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{contestant.count(batch)} of {len(pictures)} jobs in {LIMIT_SECONDS:g} s: given up")
        peak = max(peak, resident_bytes([contestant.pid]))
        time.sleep(POLL_SECONDS)
    return max(peak, resident_bytes([contestant.pid]))


def _entries(threads: int) -> dict[str, Callable[[Ground], AbstractContextManager[Contestant]]]:
    return {"a": bare, "b": usual(threads), "c": embedded, "d": server}


def _median(runs: Sequence[Measured]) -> dict[str, float]:
    values = {
        "jobs_per_second": [run.jobs / run.seconds for run in runs],
        "cpu_ms_per_job": [1_000 * run.cpu_seconds / run.jobs for run in runs],
        "jobs_per_cpu_second": [run.jobs / run.cpu_seconds for run in runs],
        "server_cpu_ms_per_job": [1_000 * run.server_cpu_seconds / run.jobs for run in runs],
        "peak_mb": [run.peak_bytes / 1e6 for run in runs],
        "startup_seconds": [run.startup_seconds for run in runs],
    }
    return {name: round(statistics.median(numbers), 3) for name, numbers in values.items()}


def _plain(runs: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    return {name: [asdict(run) for run in measured] for name, measured in runs.items()}


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("JOBS", "600")))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS", "3")))
    parser.add_argument(
        "--threads", type=int, default=THREADS, help="of the usual Celery worker (default: %(default)s)"
    )
    parser.add_argument("--only", nargs="*", choices="abcd", help="run these alone")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
