"""Throughput and CPU of mediascribe beside a bare script and other queues, on the same ground.

    python -m benchmarks.throughput [--jobs 2000] [--rounds 5] [--only server bare ...]

All do the same work in turns, several rounds. Ratios are taken within each round, between runs that are minutes apart,
and what is shown is their median: what else the machine does falls on all alike. Start-up and a warm-up batch come
before the clock.
"""

import argparse
import signal
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.util import find_spec

from benchmarks.entries import ENTRIES, NAMES
from benchmarks.ground import prepared_ground
from benchmarks.measuring import Measured, run_rounds
from benchmarks.report import Row, at_least, at_most, show_and_save
from benchmarks.sizes import size

WARM_UP_JOBS = 128
TARGETS = {
    "celery_threads": 2.0,
    "celery_gevent": 2.0,
    "procrastinate": 1.2,
    "taskiq": None,
    "bare": None,
    "bare_aiohttp": None,
}
"""Of these mediascribe is to do so many times the jobs of a CPU second."""
LEAST_RATE, MOST_OVERHEAD_MS = 1.0, 1.0

Runs = dict[str, list[Measured]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    given = _given(arguments)
    if find_spec("procrastinate") is None:
        print("the peers are not installed beside this Python: run `make bench`")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    entries = {name: ENTRIES[name].run for name in given.only or NAMES}
    with prepared_ground(jobs=given.jobs, warm_up=WARM_UP_JOBS) as ground:
        runs = run_rounds(entries, ground, given.rounds)
    print(shown(runs))
    figures = {
        "jobs": given.jobs,
        "rounds": given.rounds,
        "runs": {n: [asdict(run) for run in r] for n, r in runs.items()},
    }
    show_and_save("throughput", figures, rows_of(runs))
    return 0


def rows_of(runs: Runs) -> list[Row]:
    """What the table of targets says of these runs; rows of contestants that did not run are left out."""
    rows = [
        at_least(f"jobs/s, to {ENTRIES[other].title}", ratio, LEAST_RATE, is_ratio=True)
        for other in ("bare", "bare_aiohttp")
        if (ratio := median_ratio(runs, other, lambda run: run.jobs_per_second)) is not None
    ]
    rows += [
        at_least(f"jobs a CPU second, to {ENTRIES[other].title}", ratio, least, is_ratio=True)
        for other, least in TARGETS.items()
        if (ratio := median_ratio(runs, other, lambda run: run.jobs_per_machine_cpu_second)) is not None
    ]
    # The target names what google-genai costs; mediascribe calls without most of it, so its own call is shown beside it.
    for other, words, most in (
        ("sdk", "google-genai and Pillow in place", MOST_OVERHEAD_MS),
        ("door", "its own preparation and call", None),
    ):
        if "server" in runs and other in runs:
            above = [
                ours.cpu_ms_per_job - theirs.cpu_ms_per_job
                for ours, theirs in zip(runs["server"], runs[other], strict=True)
            ]
            rows.append(at_most(f"CPU a job above {words}", statistics.median(above), most, " ms"))
    return rows


def median_ratio(runs: Runs, other: str, figure: Callable[[Measured], float]) -> float | None:
    """How many times the other's figure mediascribe's server mode reaches, the median of the rounds; None where one did not run."""
    if "server" not in runs or other not in runs:
        return None
    return statistics.median(
        figure(ours) / figure(theirs) for ours, theirs in zip(runs["server"], runs[other], strict=True)
    )


_COLUMNS: Sequence[tuple[str, int, Callable[[Measured], float]]] = (
    ("jobs/s", 0, lambda run: run.jobs_per_second),
    ("CPU ms/job", 2, lambda run: run.cpu_ms_per_job),
    ("servers ms", 2, lambda run: 1_000 * run.server_cpu_seconds / run.jobs),
    ("jobs/CPU s", 0, lambda run: run.jobs_per_machine_cpu_second),
    ("peak MB", 0, lambda run: run.peak_bytes / 1e6),
    ("start s", 1, lambda run: run.startup_seconds),
    ("others", 2, lambda run: run.cores_of_others),
)


def shown(runs: Runs) -> str:
    """The medians, one contestant a line.

    CPU seconds are those of the machine, servers and simulator included; `others` is how many processors something
    else had meanwhile.
    """
    lines = [f"{'':44}" + "".join(f"{title:>11}" for title, _, _ in _COLUMNS)]
    for name, measured in runs.items():
        cells = (f"{statistics.median(map(figure, measured)):>11.{digits}f}" for _, digits, figure in _COLUMNS)
        lines.append(f"{ENTRIES[name].title:44}" + "".join(cells))
    return "\n".join(lines)


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--jobs", type=int, default=int(size("JOBS", full=2_000, short=300)))
    parser.add_argument("--rounds", type=int, default=int(size("ROUNDS", full=5, short=1)))
    parser.add_argument("--only", nargs="*", choices=NAMES, help="run these alone")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
