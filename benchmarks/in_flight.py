"""A thousand calls in flight in one process, each answered after ten seconds: the rate of what is possible, and memory.

    python -m benchmarks.in_flight

A thousand places that are busy for ten seconds let a hundred calls through in a second and no more. The first wave, which
has to be started first, does not count: the rate is that of the waves after it, from the end of the thousandth job on.
"""

import signal
import sys
import time

from benchmarks.crew import Crew, crew
from benchmarks.measuring import busy_cpu_seconds
from benchmarks.report import at_least, at_most, show_and_save
from benchmarks.sizes import size
from benchmarks.tree import cpu_seconds, used_bytes

CALLS, LATENCY_SECONDS = 1_000, 10.0
LEAST_RATE, MOST_MB = 0.95, 450
PICTURES = 200
LOOK_SECONDS = 0.5
PATIENCE = 3.0
"""Times as long as it should take."""


def main() -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    waves = int(size("WAVES", full=6, short=3))
    settings = {"MEDIASCRIBE_CONCURRENCY": str(CALLS)}
    with crew(1, settings=settings, pictures=PICTURES, gemini={"latency": f"{LATENCY_SECONDS:g}"}) as running:
        before, begun = _spent(running), time.monotonic()
        running.side.submit("waves", running.pictures * (waves * CALLS // PICTURES), reuse=False)
        peak = _wait(running, waves)
        own, servers, machine = (after - was for after, was in zip(_spent(running), before, strict=True))
        others = (machine - own - servers) / (time.monotonic() - begun)
        ends = sorted(end for _, end, output in running.side.stored("waves") if output)
    if len(ends) != waves * CALLS:
        raise RuntimeError(f"{len(ends)} of {waves * CALLS} jobs have a stored caption: nothing was measured")
    share = (waves - 1) * LATENCY_SECONDS / (ends[-1] - ends[CALLS - 1])
    what = f"{CALLS:,} calls of {LATENCY_SECONDS:g} s in flight"
    rows = [
        at_least(f"{what}, of the possible rate", 100 * share, 100 * LEAST_RATE, " %", digits=1, is_ratio=True),
        at_most(f"{what}, memory of all its processes", peak / 1e6, MOST_MB, " MB", digits=0),
    ]
    figures = {"waves": waves, "of_possible_rate": share, "peak_bytes": peak, "cpu_ms_per_job": 1_000 * own / len(ends)}
    show_and_save("in_flight", {**figures, "cores_of_others": others}, rows)
    return 0


def _wait(running: Crew, waves: int) -> int:
    """Until all is stored; the most memory that was seen, bytes."""
    peak, deadline = 0, time.monotonic() + PATIENCE * (waves + 1) * LATENCY_SECONDS
    while (done := running.side.count("waves")) < waves * CALLS:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{done} of {waves * CALLS} jobs are done: given up")
        peak = max(peak, used_bytes(running.worker_pids))
        time.sleep(LOOK_SECONDS)
    return peak


def _spent(running: Crew) -> tuple[float, float, float]:
    return cpu_seconds(running.worker_pids), cpu_seconds(running.server_pids), busy_cpu_seconds()


if __name__ == "__main__":
    sys.exit(main())
