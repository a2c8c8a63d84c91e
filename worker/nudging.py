"""Telling workers that jobs were submitted, on a thread of its own: whoever submits waits neither for SQL nor for the broker.

Many submissions in a moment are one announcement. Meanwhile old receipts are forgotten and uploads that nobody keeps are
removed, which belongs to nobody else.
"""

import threading
import time
from collections.abc import Callable

import structlog

from media.storage.base import Storage
from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError
from models.store.receipts import forget_receipts
from models.store.tallies import fold_tallies
from worker.announcing import Announcer
from worker.dispatch import announcing_by, publish
from worker.uploads import remove_left_uploads

log = structlog.get_logger(__name__)

REST_SECONDS = 0.05
"""Least time between two announcements."""
FORGET_SECONDS = 600.0
REMOVE_SECONDS = 30.0


class Nudger:
    """Announces what was submitted, soon after it was."""

    def __init__(
        self, database: Database, announcer: Announcer | None, *, storage: Storage, alive_seconds: float
    ) -> None:
        """Without an `announcer` there is nobody to tell."""
        self._database = database
        self._storage = storage
        self._announcing = announcing_by(announcer, database) if announcer else None
        self._alive_seconds = alive_seconds
        self._wake = threading.Event()
        self._stopped = False
        self._chores = [(self._forget, FORGET_SECONDS), (self._remove, REMOVE_SECONDS)]
        self._due_at = [time.monotonic()] * len(self._chores)
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
            is_woken = self._wake.wait(max(0.0, min(self._due_at) - time.monotonic()))
            if is_woken:
                self._wake.clear()
            if is_woken and self._announcing is not None:
                self._try(self._announce)
            self._do_chores()
            time.sleep(REST_SECONDS)

    def _do_chores(self) -> None:
        for place, (chore, every_seconds) in enumerate(self._chores):
            if not self._stopped and time.monotonic() >= self._due_at[place]:
                self._due_at[place] = time.monotonic() + every_seconds
                self._try(chore)

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

    def _remove(self) -> None:
        remove_left_uploads(self._database, self._storage)
