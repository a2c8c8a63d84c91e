"""The window: how many jobs are announced ahead, so that slots are filled at once and nobody stands long behind what was announced.

What is announced is done first: a job that comes after it, however urgent, waits for it. So besides what the free slots take, no
more is announced than the workers begin in about a second. Where calls take a moment, that is as much as they have slots;
where calls take long, it is a handful.
"""

import math
import threading
import time
from collections.abc import Callable

from models.store.outlook import Outlook

AHEAD_SECONDS = 0.5
"""Of the workers' pace so much is announced ahead: what a message takes, and the time between two looks."""

PACE_SECONDS = 2.0
"""The pace is that of about so long."""

WORTH = 4
"""Less than a part in so many of the window is not worth a statement yet."""


class Pace:
    """How many jobs a second a worker has begun of late. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changing = threading.Lock()
        self._per_second = 0.0
        self._at = clock()

    def note(self, count: int) -> None:
        """So many have begun."""
        with self._changing:
            self._fade()
            self._per_second += count / PACE_SECONDS

    def per_second(self) -> float:
        """As it is now: what was long ago counts for little."""
        with self._changing:
            self._fade()
            return self._per_second

    def _fade(self) -> None:
        now = self._clock()
        self._per_second *= math.exp((self._at - now) / PACE_SECONDS)
        self._at = now


def to_announce(outlook: Outlook, *, free: int, per_second: float) -> int:
    """How many more jobs to announce, where the workers have `free` slots in all and begin so many jobs a second.

    Never more than there are slots, at least one for each worker, and none where it is not worth a statement.
    """
    ahead = max(outlook.workers, math.ceil(AHEAD_SECONDS * per_second))
    window = min(outlook.slots, free + ahead)
    room = window - outlook.announced
    return room if room >= max(1, window // WORTH) else 0


def free_as_told(outlook: Outlook) -> int:
    """How many slots are free by what the workers last said, for who has none."""
    return max(0, outlook.slots - outlook.running)
