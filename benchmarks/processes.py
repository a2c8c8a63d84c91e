"""Two, four and eight worker processes on one machine: what a CPU second gets done must not fall.

    python -m benchmarks.processes

CPU is that of the workers, of PostgreSQL, Redis and the simulator. The numbers of workers take turns, several rounds; a
batch that every worker gets some of comes before the one that counts.
"""

import os
import signal
import statistics
import sys
import time

from benchmarks.crew import Crew, crew
from benchmarks.report import at_least, show_and_save
from benchmarks.sizes import size
from benchmarks.tree import cpu_seconds

WORKERS = (2, 4, 8)
LEAST_SHARE = 0.9
PICTURES = 500
WARM_UP_JOBS_PER_WORKER = 128
LIMIT_SECONDS = 300.0


def main() -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    jobs, rounds = int(size("JOBS", full=3_000, short=500)), int(size("ROUNDS", full=3, short=1))
    runs: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for number in range(rounds):
        for workers in WORKERS[number % len(WORKERS) :] + WORKERS[: number % len(WORKERS)]:
            runs[workers].append(jobs_per_cpu_second(workers, jobs))
            print(
                f"round {number + 1}, {workers} workers: {runs[workers][-1]:.0f} jobs/CPU s",
                file=sys.stderr,
                flush=True,
            )
    rows = [
        at_least(
            f"{workers} worker processes, jobs a CPU second to {WORKERS[0]}",
            statistics.median(mine / first for mine, first in zip(runs[workers], runs[WORKERS[0]], strict=True)),
            LEAST_SHARE,
            is_ratio=True,
        )
        for workers in WORKERS[1:]
    ]
    show_and_save("processes", {"jobs": jobs, "cores": os.cpu_count(), "jobs_per_cpu_second": runs}, rows)
    return 0


def jobs_per_cpu_second(workers: int, jobs: int) -> float:
    """Of all processes together, servers and simulator included."""
    with crew(workers, settings={}, pictures=PICTURES) as running:
        _work_off(running, "warm-up", workers * WARM_UP_JOBS_PER_WORKER)
        before = cpu_seconds(running.worker_pids + running.server_pids)
        _work_off(running, "measured", jobs)
        return jobs / (cpu_seconds(running.worker_pids + running.server_pids) - before)


def _work_off(running: Crew, batch: str, jobs: int) -> None:
    repeated = running.pictures * (jobs // PICTURES + 1)
    running.side.submit(batch, repeated[:jobs], reuse=False)
    deadline = time.monotonic() + LIMIT_SECONDS
    while (done := running.side.count(batch)) < jobs:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{done} of {jobs} jobs are done: given up")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
