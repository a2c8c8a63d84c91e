"""How long one request may take, and whether its answer is still wanted."""

import threading
import time
from collections.abc import Callable

from media.outbound.errors import OutboundError, Reason, unreachable


class Patience:
    """The time of one request from now on. Looked at before each wait, so that no server can hold a thread for long."""

    def __init__(
        self,
        *,
        total_seconds: float,
        idle_seconds: float,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`idle_seconds` is the longest wait for the next byte; `stop` is set by whoever lost interest."""
        self.total_seconds = total_seconds
        self.idle_seconds = idle_seconds
        self._stop = stop or threading.Event()
        self._clock = clock
        self._until = clock() + total_seconds

    def next_wait(self) -> float:
        """Seconds that the next wait may last. Raises OutboundError: the time is over, or nobody waits any more."""
        self.check()
        return min(self.idle_seconds, self._until - self._clock())

    def check(self) -> None:
        """Raise OutboundError if the time is over, or nobody waits any more."""
        if self._stop.is_set():
            raise OutboundError(Reason.STOPPED, "is not wanted any more")
        if self._clock() >= self._until:
            raise unreachable(f"took longer than {self.total_seconds:g} seconds in all; check its server")
