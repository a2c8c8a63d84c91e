"""The housekeeper: one thread a worker that dispatches, works on bulk actions and sweeps, again and again, whatever happens.

It is woken when the worker has room, and otherwise looks around by itself. One statement tells it what there is to do, for its
worker's other threads too, so that a worker with nothing to do asks little.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping

import structlog

from models.database import Database, DatabaseConflictError, DatabaseNotReadyError, DatabaseUnavailableError
from models.store.outlook import Chore, Outlook
from worker.bulk import BulkWork
from worker.dispatch import Feeder
from worker.lanes import Lanes
from worker.quota.today import Today
from worker.sweep import SWEPT, Isolation, sweep

log = structlog.get_logger(__name__)

BUSY_SECONDS = 0.05
"""Least time between two looks, so that a burst of finished jobs is one look."""
LINE_SECONDS = 0.25
"""Between two looks while announced jobs wait: so long a free slot may stay free, and who is next may stay unannounced."""
IDLE_SECONDS = 1.0
SWEEP_SECONDS = 4.0
"""Between two sweeps at most, so that a lost worker's jobs run again within five seconds of their leases' end."""
ASK_SECONDS = 1.0
"""Between two questions after what others wait for."""
OFTEN = frozenset({Chore.BULK_ACTION, Chore.WEBHOOK, Chore.PARCEL})
SELDOM = SWEPT | {Chore.ALONE}
"""What is asked about with each sweep."""
LEAVE_SECONDS = 15.0
"""What an isolated process takes beyond its grace to record what it gives back."""


class Housekeeper:
    """Dispatches and sweeps until it is stopped."""

    def __init__(
        self,
        *,
        database: Database,
        feeder: Feeder,
        lanes: Lanes,
        today: Today,
        wake: threading.Event,
        lease_seconds: float,
        isolation: Isolation | None,
        wakes: Mapping[Chore, Callable[[], None]],
    ) -> None:
        """`wake` is set by whoever knows that there is something to do; `wakes` has whom to tell of what they look after."""
        self._database = database
        self._feeder = feeder
        self._lanes = lanes
        self._today = today
        self._wake = wake
        self._bulk = BulkWork(database)
        self._isolation = isolation
        self._wakes = wakes
        self._lease_seconds = lease_seconds
        self._sweep_seconds = max(0.5, min(SWEEP_SECONDS, lease_seconds / 4))
        # Not at once: after an outage of the database, workers that live must be able to renew before they are judged.
        self._next_sweep = time.monotonic() + self._sweep_seconds
        self._next_question = 0.0
        self._outlook: Outlook | None = None
        """What the latest look told; a look that fails leaves no old answer."""
        self._stopped = False
        self._away = False
        self._thread = threading.Thread(target=self._work_until_stopped, name="mediascribe-housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look around now: something was submitted or there is room."""
        self._wake.set()

    def drain(self) -> None:
        """Tell the isolated processes to leave."""
        if self._isolation is not None:
            self._isolation.drain()

    def stop(self, *, grace_seconds: float) -> None:
        """End, after the isolated processes have left."""
        self._stopped = True
        self._wake.set()
        self._thread.join(15.0)
        if self._isolation is not None:
            self._isolation.close(timeout_seconds=grace_seconds + LEAVE_SECONDS)

    def _work_until_stopped(self) -> None:
        while not self._stopped:
            try:
                self._look_around()
                self._away = False
            except DatabaseConflictError:
                pass  # the next look does it
            except (DatabaseUnavailableError, DatabaseNotReadyError) as error:
                if not self._away:
                    log.warning("the database is away", reason=str(error))
                self._away = True
                # Leases must be renewed before they are judged: the others were cut off too.
                self._next_sweep = time.monotonic() + self._sweep_seconds
            except Exception:
                log.exception("housekeeping failed; trying again")
            self._rest()

    def _look_around(self) -> None:
        self._wake.clear()
        self._outlook = None
        now = time.monotonic()
        asked = self._due_at(now)
        self._outlook = self._feeder.tick(asked)
        self._lanes.refresh()
        self._today.refresh()
        self._do(self._outlook.chores)
        # Only now: what a failure kept from being done is asked about at the next look.
        if asked >= OFTEN:
            self._next_question = now + ASK_SECONDS
        if asked >= SELDOM:
            self._next_sweep = now + self._sweep_seconds * (0.5 + random.random() / 2)

    def _due_at(self, now: float) -> frozenset[Chore]:
        """What it is time to ask about."""
        often = OFTEN if now >= self._next_question else frozenset()
        return often | (SELDOM if now >= self._next_sweep else frozenset())

    def _do(self, chores: frozenset[Chore]) -> None:
        for chore in chores & self._wakes.keys():
            self._wakes[chore]()
        self._bulk.tick(is_any=Chore.BULK_ACTION in chores)
        if sweep(self._database, chores, lease_seconds=self._lease_seconds):
            self._wake.set()  # what was taken back can begin at once
        if self._isolation is not None:
            self._isolation.tick(is_any_waiting=Chore.ALONE in chores)

    def _rest(self) -> None:
        time.sleep(BUSY_SECONDS)
        if self._bulk.is_under_way:
            return
        self._wake.wait(IDLE_SECONDS if self._outlook is None else _seconds_until_next(self._outlook))


def _seconds_until_next(outlook: Outlook) -> float:
    """So long nobody misses another look, if nobody asks for one."""
    longest = LINE_SECONDS if outlook.announced else IDLE_SECONDS
    return longest if outlook.due_in_seconds is None else min(longest, max(0.0, outlook.due_in_seconds))
