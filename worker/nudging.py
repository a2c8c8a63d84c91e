"""Telling workers that jobs were submitted, on a thread of its own: whoever submits waits neither for SQL nor for the broker.

Many submissions in a moment are one announcement. Meanwhile old receipts are forgotten, which belongs to nobody else.
"""

import threading
import time
from collections.abc import Callable

import structlog

from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError
from models.store.receipts import forget_receipts
from models.store.tallies import fold_tallies
from worker.announcing import Announcer
from worker.dispatch import announcing_by, publish

log = structlog.get_logger(__name__)

REST_SECONDS = 0.05
"""Least time between two announcements."""
FORGET_SECONDS = 600.0


class Nudger:
    """Announces what was submitted, soon after it was."""

    def __init__(self, database: Database, announcer: Announcer | None, *, alive_seconds: float) -> None:
        """Without an `announcer` there is nobody to tell."""
        self._database = database
        self._announcing = announcing_by(announcer, database) if announcer else None
        self._alive_seconds = alive_seconds
        self._wake = threading.Event()
        self._stopped = False
        self._forget_at = time.monotonic()
        self._thread = threading.Thread(target=self._work_until_stopped, name="mediascribe-nudging", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def nudge(self) -> None:
        """Something was submitted. Returns at once."""
        self._wake.set()

    def stop(self) -> None:
        """End."""
        self._stopped = True
        self._wake.set()
        self._thread.join(5.0)

    def _work_until_stopped(self) -> None:
        while not self._stopped:
            is_woken = self._wake.wait(FORGET_SECONDS)
            self._wake.clear()
            if is_woken and self._announcing is not None:
                self._try(self._announce)
            if time.monotonic() >= self._forget_at:
                self._forget_at = time.monotonic() + FORGET_SECONDS
                self._try(self._forget)
            time.sleep(REST_SECONDS)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (DatabaseUnavailableError, DatabaseNotReadyError):
            pass  # workers look into SQL by themselves
        except Exception:
            log.exception("telling workers failed")

    def _announce(self) -> None:
        assert self._announcing is not None
        publish(self._database, self._announcing, alive_seconds=self._alive_seconds)

    def _forget(self) -> None:
        forget_receipts(self._database)
        fold_tallies(self._database)
