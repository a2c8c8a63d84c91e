"""The window is large enough that no slot stays free, and small enough that who comes next is soon next."""

import heapq
import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.store.outlook import Outlook
from worker.housekeeping import LINE_SECONDS
from worker.window import Pace, free_as_told, to_announce

SLOTS = 96


def outlook(*, workers: int = 1, slots: int = SLOTS, running: int = 0, announced: int = 0) -> Outlook:
    return Outlook(
        workers=workers, slots=slots, running=running, announced=announced, due_in_seconds=None, is_free=True
    )


@given(
    workers=st.integers(0, 50), each=st.integers(1, 200), announced=st.integers(0, 20_000), free=st.integers(0, 20_000),
    per_second=st.floats(0, 1e4),
)  # fmt: skip
def test_never_more_is_announced_than_there_are_slots(
    workers: int, each: int, announced: int, free: int, per_second: float
) -> None:
    seen = outlook(workers=workers, slots=workers * each, announced=announced)
    more = to_announce(seen, free=free, per_second=per_second)
    assert more >= 0
    assert more == 0 or announced + more <= workers * each


def test_idle_workers_are_given_as_much_as_they_have_slots_at_once() -> None:
    assert to_announce(outlook(), free=free_as_told(outlook()), per_second=0.0) == SLOTS


def test_every_worker_is_given_one_job_ahead_however_slow_it_is() -> None:
    assert to_announce(outlook(workers=3, slots=3 * SLOTS, running=3 * SLOTS), free=0, per_second=0.0) == 3


def test_a_submitter_fills_no_window_of_workers_that_are_busy() -> None:
    busy = outlook(running=SLOTS - 2, announced=1)
    assert to_announce(busy, free=free_as_told(busy), per_second=0.0) == 2
    assert free_as_told(outlook(running=2 * SLOTS)) == 0


@dataclass(kw_only=True)
class Busy:
    """One worker with a backlog that never ends, on a clock of its own: what it announced it begins in that order."""

    call_seconds: float
    now: float = 0.0
    ends: list[float] = field(default_factory=list)
    kept: deque[int] = field(default_factory=deque)
    announced: int = 0
    begun: list[float] = field(default_factory=list)
    """When each job of the line began."""

    def __post_init__(self) -> None:
        self.pace = Pace(lambda: self.now)
        self.random = random.Random(1)  # of how long calls take

    def tick(self) -> None:
        """End what has ended, begin what is kept, announce."""
        self.now += LINE_SECONDS
        while self.ends and self.ends[0] <= self.now:
            heapq.heappop(self.ends)
        taken = min(len(self.kept), SLOTS - len(self.ends))
        for _ in range(taken):
            self.kept.popleft()
            self.begun.append(self.now)
            heapq.heappush(self.ends, self.now + self.call_seconds * self.random.uniform(0.1, 1.9))
        self.pace.note(taken)
        seen = outlook(announced=len(self.kept))
        more = to_announce(seen, free=SLOTS - len(self.ends), per_second=self.pace.per_second())
        self.kept.extend(range(self.announced, self.announced + more))
        self.announced += more


@pytest.mark.parametrize("call_seconds", [0.5, 3.0, 10.0, 60.0])
def test_behind_a_backlog_the_next_job_begins_soon_and_no_slot_stays_free(call_seconds: float) -> None:
    worker = Busy(call_seconds=call_seconds)
    for _ in range(int(5 * call_seconds / LINE_SECONDS)):
        worker.tick()
    seen: list[tuple[float, int]] = []
    full = 0
    for _ in range(400):
        worker.tick()
        seen.append((worker.now, worker.announced))  # whoever comes now is announced next
        full += len(worker.ends)
    for _ in range(int(2 * call_seconds / LINE_SECONDS)):
        worker.tick()
    waits = sorted(worker.begun[place] - at for at, place in seen)
    assert full / 400 > 0.9 * SLOTS * (1 - LINE_SECONDS / call_seconds)
    assert waits[len(waits) // 2] <= 1.0 + call_seconds / SLOTS
    assert waits[-1] <= 2.0 + 8 * call_seconds / SLOTS, "a slot has to become free, too"


def test_the_pace_is_that_of_the_last_seconds() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    for _ in range(400):
        now[0] += 0.1
        pace.note(2)
    assert pace.per_second() == pytest.approx(20.0, rel=0.1)
    now[0] += 15.0
    assert pace.per_second() < 0.2
