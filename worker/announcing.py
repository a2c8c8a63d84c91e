"""Announcing on a thread of its own, so that a broker that hangs or is gone holds up nobody.

Whoever has bundles hands them over and goes on. What could not be sent is given back at once, so that anyone may take
those jobs from SQL. After a failure the broker is given a moment before the next try.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

STUCK_SECONDS = 1.0
"""A message under way for so long means that the broker is away, whatever becomes of it."""

PROBE_SECONDS = 1.0
"""After a failure the broker is tried again no sooner."""

Bundle = Sequence[str]
"""The job ids that one message carries."""


class Announcer(Protocol):
    """What carries bundles of job ids to the workers."""

    def announce(self, bundle: Bundle) -> None:
        """Send one bundle; an exception, of whatever kind, means that it did not go out."""


class Announcing:
    """Sends the bundles of one process, and knows whether the broker takes them."""

    def __init__(self, announcer: Announcer, *, give_back: Callable[[Bundle], None]) -> None:
        """`give_back` takes the announcement of jobs back; it may raise DatabaseUnavailableError."""
        self._announcer = announcer
        self._give_back = give_back
        self._changed = threading.Condition()
        self._unsent: deque[Bundle] = deque()
        self._sending_since: float | None = None
        self._failure: str | None = None
        self._failed_at = 0.0
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str | None:
        """Why the broker takes no messages, as far as is known; None while it does."""
        with self._changed:
            return self._failure or ("it does not answer" if self._is_stuck() else None)

    @property
    def may_try(self) -> bool:
        """Is everything sent that was handed over, and is it not too soon after a failure?"""
        with self._changed:
            rested = self._failure is None or time.monotonic() - self._failed_at >= PROBE_SECONDS
            return self._is_idle() and rested

    def send(self, bundles: Sequence[Bundle]) -> None:
        """Hand bundles over; returns at once."""
        with self._changed:
            self._unsent.extend(bundles)
            self._changed.notify_all()
            if self._thread is None and self._unsent:
                self._thread = threading.Thread(target=self._send_all, name="mediascribe-announcing", daemon=True)
                self._thread.start()

    def wait_until_sent(self, *, timeout_seconds: float) -> bool:
        """Wait until everything was sent or given back; was it sent, and in time?"""
        with self._changed:
            return self._changed.wait_for(self._is_idle, timeout_seconds) and self._failure is None

    def _is_idle(self) -> bool:
        return not self._unsent and self._sending_since is None

    def _is_stuck(self) -> bool:
        return self._sending_since is not None and time.monotonic() - self._sending_since > STUCK_SECONDS

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._unsent))
                self._sending_since = time.monotonic()
                bundle = self._unsent.popleft()
            failure = self._send(bundle)
            with self._changed:
                self._failure, self._failed_at = failure, time.monotonic()
                left = [bundle, *self._unsent] if failure else []
                if failure:
                    self._unsent.clear()
            self._return([job_id for one in left for job_id in one])
            with self._changed:
                self._sending_since = None
                self._changed.notify_all()

    def _send(self, bundle: Bundle) -> str | None:
        """Send one bundle; the reason if it did not go out."""
        try:
            self._announcer.announce(bundle)
        except Exception as error:  # noqa: BLE001 - each transport has errors of its own
            return str(error) or type(error).__name__
        return None

    def _return(self, ids: Bundle) -> None:
        """Take announcements back; where that fails, they are taken for lost a little later."""
        if ids:
            with suppress(Exception):  # whatever it is, this thread must go on
                self._give_back(ids)
