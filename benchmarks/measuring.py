"""One run of a contestant, measured, and rounds of them.

CPU is user and system time of a contestant's processes, decoders included; that of simulator, PostgreSQL and Redis is
measured beside it, and what the rest of the machine did meanwhile, too.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.contest import Contestant
from benchmarks.ground import Ground
from benchmarks.tree import cpu_seconds, resident_bytes

LIMIT_SECONDS = 120.0
POLL_SECONDS = 0.1


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
    cores_of_others: float
    """Processors that neither contestant nor servers had, but somebody did: the measuring itself, and all that disturbs."""

    @property
    def jobs_per_second(self) -> float:
        """Of the wall clock."""
        return self.jobs / self.seconds

    @property
    def cpu_ms_per_job(self) -> float:
        """Of the contestant alone."""
        return 1_000 * self.cpu_seconds / self.jobs

    @property
    def jobs_per_machine_cpu_second(self) -> float:
        """Jobs a CPU second of the whole machine: contestant, servers and simulator."""
        return self.jobs / (self.cpu_seconds + self.server_cpu_seconds)


def run_rounds(
    entries: Mapping[str, Callable[[Ground], AbstractContextManager[Contestant]]], ground: Ground, rounds: int
) -> dict[str, list[Measured]]:
    """Every contestant once a round; each round begins with another one."""
    runs: dict[str, list[Measured]] = {name: [] for name in entries}
    names = list(entries)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            runs[name].append(_measured(name, entries[name], ground))
            last = runs[name][-1]
            print(f"round {number + 1} {name}: {last.jobs_per_second:.0f} jobs/s", file=sys.stderr, flush=True)
    return runs


def _measured(name: str, entry: Callable[[Ground], AbstractContextManager[Contestant]], ground: Ground) -> Measured:
    """One run. A contestant that does not come to an end is started once more, which is said. Raises RuntimeError."""
    try:
        with entry(ground) as contestant:
            return measure(contestant, ground)
    except RuntimeError as error:
        print(f"{name}: {error}; once more", file=sys.stderr, flush=True)
    with entry(ground) as contestant:
        return measure(contestant, ground)


def measure(contestant: Contestant, ground: Ground) -> Measured:
    """Warm it up, give it the batch that counts, verify all that it stored. Raises RuntimeError."""
    work_off(contestant, "warm-up", ground.warm_up)
    before, begun = _spent(contestant, ground), time.monotonic()
    peak = work_off(contestant, "measured", ground.pictures)
    own, servers, machine = (after - was for after, was in zip(_spent(contestant, ground), before, strict=True))
    took = time.monotonic() - begun
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
        cores_of_others=max(0.0, (machine - own - servers) / took),
    )


def work_off(contestant: Contestant, batch: str, pictures: Sequence[Path]) -> int:
    """Wait until the batch is stored; the most memory that was seen meanwhile, bytes. Raises RuntimeError."""
    contestant.submit(batch, pictures)
    deadline = time.monotonic() + LIMIT_SECONDS
    peak = 0
    while contestant.count(batch) < len(pictures):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{contestant.count(batch)} of {len(pictures)} jobs in {LIMIT_SECONDS:g} s: given up")
        peak = max(peak, resident_bytes([contestant.pid]))
        time.sleep(POLL_SECONDS)
    return max(peak, resident_bytes([contestant.pid]))


def busy_cpu_seconds() -> float:
    """CPU seconds since the machine started that anybody had, or that the host took away."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def _spent(contestant: Contestant, ground: Ground) -> tuple[float, float, float]:
    """CPU seconds so far: the contestant's, the servers', everybody's."""
    return cpu_seconds([contestant.pid]), cpu_seconds(ground.server_pids), busy_cpu_seconds()
