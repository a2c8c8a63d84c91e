"""The heartbeat: renews the worker's leases, on a thread and a connection of its own.

It must not share its fate with the work: it runs no job code and waits for no pool that job code uses. What a beat
brings back tells the runner who was cancelled and who belongs to somebody else by now. While it cannot beat, the
runner begins no call beyond the end of the last renewed lease.
"""

import threading
import time

import structlog

from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError
from models.store import leases
from worker.execute import Runner
from worker.stopping import StopReason

log = structlog.get_logger(__name__)


class Heartbeat:
    """Beats until it is stopped."""

    def __init__(self, *, database: Database, runner: Runner, worker_id: str, lease_seconds: float) -> None:
        """`database` is the heartbeat's own, with one connection."""
        self._database = database
        self._runner = runner
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_stopped, name="mediascribe-heartbeat", daemon=True)
        self.misses = 0
        """Beats in a row that did not reach the database."""

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopped.set()
        self._thread.join(5.0)
        self._database.close()

    def _beat_until_stopped(self) -> None:
        while not self._stopped.wait(self._lease_seconds / 6 if not self.misses else min(1.0, self._lease_seconds / 6)):
            try:
                self.beat()
                self.misses = 0
            except (DatabaseUnavailableError, DatabaseNotReadyError) as error:
                self.misses += 1
                log.warning("heartbeat did not reach the database", misses=self.misses, reason=str(error))
            except Exception:
                self.misses += 1
                log.exception("heartbeat failed")

    def beat(self) -> None:
        """One beat. Raises DatabaseUnavailableError."""
        held = self._runner.held()
        before = time.monotonic()
        found = leases.beat(
            self._database, self._worker_id, held, lease_seconds=self._lease_seconds, draining=self._runner.draining
        )
        self._runner.leases_renewed(until=before + self._lease_seconds)
        own = {(job.job_id, job.claim) for job in found}
        self._runner.stop_jobs(held.items() - own, StopReason.LOST)
        self._runner.stop_jobs([(job.job_id, job.claim) for job in found if job.cancel_requested], StopReason.CANCELLED)
