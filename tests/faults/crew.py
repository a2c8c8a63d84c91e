"""The workers of a cluster under a supervisor: who ends is replaced, and who ends without a reason is a finding."""

import random
import signal
import time
from collections.abc import Sequence

from tests.faults.cluster import LEAVE_SECONDS, Cluster
from tests.faults.processes import WorkerProcess

CANNOT_START = 7
"""Exit status of a worker whose database is away when it starts: a supervisor tries again."""
WORKING = b'"event": "working"'
"""What a worker writes to its log when it has begun."""
SETTLING_SECONDS = 1.0
"""So long after that it listens to signals for certain; before, SIGTERM just ends it."""


class Crew:
    """As many workers as ran in the beginning."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.members = [worker for worker in cluster.workers if worker.is_running]
        self._began = dict.fromkeys(self.members, float("-inf"))
        """When each of those that have begun was first seen at work."""
        self._leaving: list[WorkerProcess] = []

    def one_of(self, chance: random.Random, *, spared: Sequence[WorkerProcess]) -> WorkerProcess | None:
        """A member that is at work and not spared; None where there is none."""
        fit = [worker for worker in self.members if worker not in spared and self._is_at_work(worker)]
        return chance.choice(fit) if fit else None

    def dismiss(self, worker: WorkerProcess) -> None:
        """SIGTERM to it; another one starts at once."""
        worker.process.terminate()
        self._leaving.append(worker)
        self._replace(worker)

    def man(self) -> None:
        """Replace the members that are gone. AssertionError where one ended by itself."""
        for worker in [worker for worker in self.members if not worker.is_running]:
            code = worker.process.returncode
            assert code in {-signal.SIGKILL, CANNOT_START}, f"ended by itself with {code}:\n{worker.end_of_log()}"
            self._replace(worker)
        for worker in self.members:
            if worker not in self._began and WORKING in worker.log.read_bytes():
                self._began[worker] = time.monotonic()

    def settle(self) -> None:
        """Return when the dismissed have left, in good order, and every member is at work."""
        for worker in self._leaving:
            code = worker.process.wait(LEAVE_SECONDS)
            assert code == 0, f"worker {worker.pid} left with {code}:\n{worker.end_of_log()}"
        self._leaving.clear()
        self._cluster.wait(self._is_manned, lambda: "all workers are back", seconds=30.0)

    def _is_manned(self) -> bool:
        self.man()
        return all(self._is_at_work(worker) for worker in self.members)

    def _is_at_work(self, worker: WorkerProcess) -> bool:
        begun = self._began.get(worker, float("inf"))
        return worker.is_running and begun <= time.monotonic() - SETTLING_SECONDS

    def _replace(self, worker: WorkerProcess) -> None:
        self.members.remove(worker)
        self.members += self._cluster.launch()
