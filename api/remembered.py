"""Counts of very many rows, told again for a while: whoever asks often does not load the database for everybody."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MOST_KEPT = 1_000


class Remembered(Generic[Key, Value]):
    """What was counted, by what was asked. Thread-safe: two who ask at the same moment may both count."""

    def __init__(self, keep_seconds: Callable[[float], float], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`keep_seconds` says for how long, by the seconds that counting took."""
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._kept: dict[Key, tuple[float, float, Value]] = {}
        """When it was counted, until when that is believed, and what it was."""

    def ask(self, key: Key, count: Callable[[], Value]) -> tuple[Value, float]:
        """The value, and how many seconds ago it was counted; 0: just now. Raises what counting raises."""
        began = self._clock()
        counted_at, until, value = self._kept.get(key, (began, began, None))
        if value is not None and began < until:
            return value, began - counted_at
        counted = count()
        now = self._clock()
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = now, now + self._keep_seconds(now - began), counted
        return counted, 0.0
