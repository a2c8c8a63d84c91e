"""Two, four and eight worker processes on one machine: what a CPU second gets done must not fall.

    python -m benchmarks.processes

CPU is that of the workers, of PostgreSQL, Redis and the simulator. The numbers of workers take turns, several rounds; a
batch that every worker gets some of comes before the one that counts. Beside them, in the same rounds, as many processes do
nothing but prepare and call: what they lose by being more than the machine has cores, no queue can keep.
"""

import os
import signal
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.crew import Crew, crew
from benchmarks.entries import yardstick
from benchmarks.ground import prepared_ground
from benchmarks.measuring import work_off
from benchmarks.report import at_least, show_and_save
from benchmarks.sizes import size
from benchmarks.tree import cpu_seconds

NUMBERS = (2, 4, 8)
LEAST_SHARE = 0.9
PICTURES = 500
WARM_UP_JOBS_PER_WORKER = 128
LIMIT_SECONDS = 300.0


def main() -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    jobs, rounds = int(size("JOBS", full=3_000, short=500)), int(size("ROUNDS", full=3, short=1))
    runs: dict[int, list[float]] = {number: [] for number in NUMBERS}
    alone: dict[int, list[float]] = {number: [] for number in NUMBERS}
    for first in range(rounds):
        for number in NUMBERS[first % len(NUMBERS) :] + NUMBERS[: first % len(NUMBERS)]:
            runs[number].append(jobs_per_cpu_second(number, jobs))
            alone[number].append(alone_per_cpu_second(number, jobs))
            said = f"{number} workers: {runs[number][-1]:.0f} jobs/CPU s, without a queue {alone[number][-1]:.0f}"
            print(f"round {first + 1}, {said}", file=sys.stderr, flush=True)
    rows = []
    for number in NUMBERS[1:]:
        what = f"{number} worker processes, jobs a CPU second to {NUMBERS[0]}"
        rows.append(at_least(what, _to_first(runs, number), LEAST_SHARE, is_ratio=True))
        what = f"({number} processes that prepare and call alone, to {NUMBERS[0]})"
        rows.append(at_least(what, _to_first(alone, number), None, is_ratio=True))
    figures = {"jobs": jobs, "cores": os.cpu_count(), "jobs_per_cpu_second": runs, "alone_per_cpu_second": alone}
    show_and_save("processes", figures, rows)
    return 0


def _to_first(runs: dict[int, list[float]], number: int) -> float:
    return statistics.median(mine / first for mine, first in zip(runs[number], runs[NUMBERS[0]], strict=True))


def jobs_per_cpu_second(workers: int, jobs: int) -> float:
    """Of all processes together, servers and simulator included."""
    with crew(workers, settings={}, pictures=PICTURES) as running:
        _work_off(running, "warm-up", workers * WARM_UP_JOBS_PER_WORKER)
        before = cpu_seconds(running.worker_pids + running.server_pids)
        _work_off(running, "measured", jobs)
        return jobs / (cpu_seconds(running.worker_pids + running.server_pids) - before)


def alone_per_cpu_second(number: int, jobs: int) -> float:
    """The same of that many processes that prepare and call, as mediascribe does, and do nothing else."""
    alone = yardstick("door", decoders=1)  # as many as the workers of a crew have
    with prepared_ground(jobs=PICTURES, warm_up=WARM_UP_JOBS_PER_WORKER) as ground, ExitStack() as stack:
        running = [stack.enter_context(alone(ground)) for _ in range(number)]
        pids = [one.pid for one in running] + [ground.simulator_pid]
        with ThreadPoolExecutor(number) as threads:

            def share_out(batch: str, count: int) -> None:
                pictures = [*ground.warm_up, *ground.pictures] * (1 + count // PICTURES)
                shares = (pictures[start:count:number] for start in range(number))
                list(threads.map(lambda one, share: work_off(one, batch, share), running, shares))

            share_out("warm-up", number * WARM_UP_JOBS_PER_WORKER)
            before = cpu_seconds(pids)
            share_out("measured", jobs)
            return jobs / (cpu_seconds(pids) - before)


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
