"""The sweep: taking back what lost workers held, ending what is overdue, and running alone what lost its worker twice.

Every worker sweeps, on a jittered timer, safe against its twins; there is no leader to elect or to lose. Everything it
does is one guarded statement, so that two sweepers at once do what one does.
"""

import os
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field

import structlog

from models.database import Database
from models.ids import new_id
from models.store import holds, leases, questions, reports
from models.store.outlook import Chore
from models.store.submit import close_abandoned
from worker.scratch import is_running

log = structlog.get_logger(__name__)

KEEP_WORKERS_SECONDS = 24 * 3_600.0


SWEPT = frozenset({Chore.LAPSED, Chore.OVERDUE, Chore.QUESTION, Chore.BATCH, Chore.HOLD})
"""What a sweep does."""


def sweep(database: Database, chores: Collection[Chore] = SWEPT, *, lease_seconds: float) -> int:
    """Do those of a sweep's chores, each of which is nothing where there is nothing to do; how many jobs moved.

    Raises DatabaseUnavailableError.
    """
    lapsed = leases.lapse(database) if Chore.LAPSED in chores else 0
    expired = leases.expire(database) if Chore.OVERDUE in chores else 0
    if Chore.QUESTION in chores:
        questions.free_abandoned(database)
    if Chore.BATCH in chores:
        close_abandoned(database)
    if Chore.HOLD in chores:
        holds.presume_lost(database, silent_seconds=holds.SILENT_LEASES * lease_seconds)
    if lapsed or expired:
        log.warning("swept", lapsed=lapsed, expired=expired)
    return lapsed + expired


def take_back_from_dead(database: Database, host: str) -> int:
    """Take back at once what processes of this machine held that are gone; how many jobs.

    For the embedded mode, where whoever restarts a killed run should not wait for its leases. A process id that was
    given to another process meanwhile is only left to its lease.
    """
    gone = [
        worker
        for worker in reports.list_workers(database, alive_seconds=KEEP_WORKERS_SECONDS)
        if worker.host == host and worker.stopped_at is None and not is_running(worker.pid)
    ]
    taken = sum(leases.lapse(database, worker_id=worker.id) for worker in gone)
    for worker in gone:
        leases.leave(database, worker.id)
    return taken


@dataclass(kw_only=True)
class Isolation:
    """Runs jobs that lost their worker twice, each alone in a process of its own.

    Only what happens there counts against the job itself, so that its neighbours are not blamed and the worker that
    started it survives.
    """

    database: Database
    command: list[str] = field(default_factory=lambda: [sys.executable, "-P", "-m", "worker.isolated"])
    most: int = 2
    """Such processes at once."""
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def tick(self, *, is_any_waiting: bool) -> None:
        """Reap what ended, take back what died, start one for what waits. Raises DatabaseUnavailableError."""
        for worker_id, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[worker_id]
                if child.returncode != 0:
                    log.error("an isolated process died", worker=worker_id, returncode=child.returncode)
                    leases.lapse(self.database, worker_id=worker_id)
        if is_any_waiting and len(self._children) < self.most:
            worker_id = new_id("wrk")
            self._children[worker_id] = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*self.command, worker_id], stdin=subprocess.DEVNULL, env=os.environ.copy()
            )

    def drain(self) -> None:
        """Tell the children to leave: they finish or give back what they have, as any worker does."""
        self.most = 0
        for child in list(self._children.values()):
            child.terminate()

    def close(self, *, timeout_seconds: float) -> None:
        """Wait for the children; end those that do not leave."""
        self.drain()
        deadline = time.monotonic() + timeout_seconds
        for child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
