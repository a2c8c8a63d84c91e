"""Ctrl-C and SIGTERM, counted instead of raised, so that nothing is cut off in the middle."""

import signal
import time
from types import FrameType, TracebackType
from typing import Any, Self

SLICE_SECONDS = 0.05


class Stop:
    """While this is entered, SIGINT and SIGTERM are counted: one asks to leave in good order, two to leave at once.

    The handler only counts. It runs in the thread that waits, so an event to set would be a lock to wait for oneself on.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self.count = 0

    @property
    def asked(self) -> bool:
        """Did somebody ask to leave?"""
        return self.count > 0

    @property
    def at_once(self) -> bool:
        """Did somebody ask twice?"""
        return self.count > 1

    def wait(self, seconds: float) -> None:
        """Wait that long, or until somebody asks to leave for the first time."""
        deadline = time.monotonic() + seconds
        while not self.asked and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, SLICE_SECONDS))

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        self.count += 1
