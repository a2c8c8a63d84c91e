"""The housekeeper: one thread a worker that dispatches, works on bulk actions and sweeps, again and again, whatever happens.

It is woken when the worker has room, and otherwise looks around by itself, less often the longer nothing happens.
"""

import random
import threading
import time

import structlog

from models.database import Database, DatabaseConflictError, DatabaseNotReadyError, DatabaseUnavailableError
from models.store import holds
from worker.bulk import BulkWork
from worker.dispatch import Feeder
from worker.lanes import Lanes
from worker.quota.today import Today
from worker.sweep import Isolation, sweep

log = structlog.get_logger(__name__)

BUSY_SECONDS = 0.05
"""Least time between two looks, so that a burst of finished jobs is one look."""
IDLE_SECONDS = 1.0
SWEEP_SECONDS = 4.0
"""Between two sweeps at most, so that a lost worker's jobs run again within five seconds of their leases' end."""
SILENT_LEASES = 2.0
"""For so many leases a silent worker may yet record the calls that it has money held for."""
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
    ) -> None:
        """`wake` is set by whoever knows that there is something to do."""
        self._database = database
        self._feeder = feeder
        self._lanes = lanes
        self._today = today
        self._wake = wake
        self._bulk = BulkWork(database)
        self._isolation = isolation
        self._lease_seconds = lease_seconds
        self._sweep_seconds = max(0.5, min(SWEEP_SECONDS, lease_seconds / 4))
        # Not at once: after an outage of the database, workers that live must be able to renew before they are judged.
        self._next_sweep = time.monotonic() + self._sweep_seconds
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
        self._feeder.tick()
        self._lanes.refresh()
        self._today.refresh()
        self._bulk.tick()
        if time.monotonic() < self._next_sweep:
            return
        self._next_sweep = time.monotonic() + self._sweep_seconds * (0.5 + random.random() / 2)
        sweep(self._database)
        holds.presume_lost(self._database, silent_seconds=SILENT_LEASES * self._lease_seconds)
        if self._isolation is not None:
            self._isolation.tick()

    def _rest(self) -> None:
        time.sleep(BUSY_SECONDS)
        if self._bulk.is_under_way:
            return
        due_in_seconds = self._feeder.due_in_seconds
        self._wake.wait(IDLE_SECONDS if due_in_seconds is None else min(IDLE_SECONDS, max(0.0, due_in_seconds)))
