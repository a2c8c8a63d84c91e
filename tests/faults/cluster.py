"""The harness of the fault tests: worker processes, what is done to them, and the audit at the end.

A `Cluster` is one deployment: a database, a broker, a simulated Gemini, a folder of media and so many worker processes,
each started by the command that people use. Tests submit, inject, wait for the end and audit. Everything that a test does
to a process goes through here, so that the allowance of the audit (calls in flight at each kill) adds up by itself, and
only processes that were started here are ever signalled.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from models.database import Database
from models.store.submit import NewBatch
from tests.acceptance.people import COMMAND
from tests.faults.audit import FINAL, Allowance, Audit, audit
from tests.faults.books import query, read_books
from tests.faults.processes import WorkerProcess, launch
from tests.services.databases import migrated
from tests.services.embedded import eventually
from tests.services.simulator import Simulator
from worker.environment import LoadedSettings, load_settings
from worker.submit import Item, accept

CONCURRENCY = 8
LEASE_SECONDS = 3.0
LEAVE_SECONDS = 40.0


@dataclass(kw_only=True)
class Cluster:
    """One deployment under test."""

    folder: Path
    gemini: Simulator
    database: Database
    database_url: str
    """The database as the tests reach it."""
    pictures: Sequence[Path]
    """Files to submit, no two alike; each is handed out once."""
    settings: dict[str, str]
    """Environment of the workers, with prefix."""
    chance: random.Random
    workers: list[WorkerProcess] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    allowance: Allowance = field(default_factory=Allowance)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    # Starting and submitting

    def start(self, count: int = 1, *, program: Sequence[str] = (), **settings: object) -> list[WorkerProcess]:
        """Start so many workers and wait until they are registered; `settings` are those of mediascribe, by name.

        `program` is run instead of `mediascribe worker`.
        """
        started = self.launch(count, program=program, **settings)
        self.wait(lambda: self._are_registered(started), lambda: f"{count} workers are live", seconds=30.0)
        return started

    def launch(self, count: int = 1, *, program: Sequence[str] = (), **settings: object) -> list[WorkerProcess]:
        """The same without waiting: what they need may be away, and they may end because of it."""
        own = {f"MEDIASCRIBE_{name.upper()}": str(value) for name, value in settings.items()}
        started = [self._launch(list(program) or [str(COMMAND), "worker"], own) for _ in range(count)]
        self.workers += started
        return started

    def submit(self, count: int, *, name: str | None = None, **fields: Any) -> list[str]:
        """So many pictures as one batch; the ids of their jobs. Nothing is announced: workers look for themselves."""
        paths = [self.pictures[next(self._numbers) % len(self.pictures)] for _ in range(count)]
        return self.submit_files(paths, name=name, **fields)

    def submit_files(
        self, paths: Sequence[Path], *, name: str | None = None, kind: str = "caption", **fields: Any
    ) -> list[str]:
        """These files as one batch; the ids of their jobs."""
        items = [Item(kind=kind, source=str(path), **fields) for path in paths]
        ids = list(accept(self.database, self.loaded().settings, NewBatch(name=name), items).job_ids)
        self.accepted += ids
        return ids

    def loaded(self) -> LoadedSettings:
        """The settings that the workers have."""
        return load_settings(environment=self.settings, dotenv=self.folder / "none")

    # Looking

    def states(self, ids: Sequence[str] | None = None) -> dict[str, int]:
        """How many jobs (of these, or all) are in each state."""
        if ids is None:
            return {row["state"]: row["n"] for row in query(self.database_url, _COUNT)}
        known = {job["id"]: job["state"] for job in read_books(self.database_url).jobs}
        found = [known[job_id] for job_id in ids if job_id in known]
        return dict(Counter(found))

    def done(self) -> int:
        """How many jobs are final."""
        return sum(count for state, count in self.states().items() if state in FINAL)

    def wait_until_done(self, count: int, *, seconds: float = 30.0) -> None:
        """Return when so many jobs are final."""
        self.wait(lambda: self.done() >= count, lambda: f"{count} jobs done; they are {self.states()}", seconds=seconds)

    def wait_until_all_done(self, *, seconds: float = 45.0) -> None:
        """Return when everything that was accepted is final."""
        self.wait_until_done(len(self.accepted), seconds=seconds)

    def wait_for_calls(self, count: int, *, seconds: float = 20.0) -> None:
        """Return when so many calls are being served at once."""
        self.wait(
            lambda: self.gemini.summary()["in_flight"] >= count, lambda: f"{count} calls in flight", seconds=seconds
        )

    def wait(self, condition: Callable[[], Any], what: Callable[[], str], *, seconds: float) -> None:
        """Return as soon as the condition holds; fail with the ends of the workers' logs when the time is up."""
        try:
            eventually(condition, "", seconds=seconds)
        except AssertionError:
            raise AssertionError(f"not within {seconds:g} s: {what()}\n{self.logs()}") from None

    def logs(self) -> str:
        """The ends of the workers' logs."""
        return "\n".join(worker.end_of_log() for worker in self.workers)

    # Injecting

    def kill(self, *workers: WorkerProcess) -> None:
        """SIGKILL, all of them at once. What was in flight in them may be paid for again, and no more."""
        running = [worker for worker in workers if worker.is_running]
        for worker in running:
            worker.process.kill()
        for worker in running:
            worker.process.wait(LEAVE_SECONDS)
        self.may_lose(sum(worker.concurrency for worker in running))

    def may_lose(self, answers: int) -> None:
        """So many more paid answers may get lost and be paid for again."""
        self.allowance = replace(
            self.allowance,
            lost_answers=self.allowance.lost_answers + answers,
            paid_again=self.allowance.paid_again + answers,
        )

    def freeze(self, worker: WorkerProcess) -> None:
        """SIGSTOP: beyond its lease its calls in flight may be paid for again, though nothing gets lost."""
        worker.freeze()
        self.allowance = replace(self.allowance, paid_again=self.allowance.paid_again + worker.concurrency)

    def leave(self, *workers: WorkerProcess, seconds: float = LEAVE_SECONDS) -> list[int]:
        """SIGTERM, all of them at once, and wait; their exit statuses."""
        for worker in workers:
            worker.thaw()
            worker.process.terminate()
        return [worker.process.wait(seconds) for worker in workers]

    # Judging

    def audit(self) -> Audit:
        """Let the workers leave, then judge: see `tests.faults.audit`. Fails where an invariant is broken."""
        running = [worker for worker in self.workers if worker.is_running]
        children = [child for worker in running for child in worker.children()]
        codes = self.leave(*running)
        assert codes == [0] * len(running), f"exit statuses {codes}\n{self.logs()}"
        _, alive = psutil.wait_procs(children, timeout=5.0)
        assert not alive, f"processes were left over: {alive}"
        self._check_tidy()
        return audit(read_books(self.database_url), self.gemini.ledger(), self.accepted, self.allowance).hold()

    def _check_tidy(self) -> None:
        """No connection and, of workers that left in good order, no temporary file."""
        left = {f"mediascribe-{worker.pid}-" for worker in self.workers if worker.process.returncode == 0}
        folders = [path.name for path in self.temporary.iterdir() if any(path.name.startswith(one) for one in left)]
        assert not folders, f"temporary folders were left over: {folders}"
        if not self.database_url.startswith("sqlite"):
            self.database.close()
            eventually(lambda: not query(self.database_url, _CONNECTIONS), "every connection is closed", seconds=10)

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of the workers."""
        folder = self.folder / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    def _launch(self, command: Sequence[str], settings: Mapping[str, str]) -> WorkerProcess:
        environment = {**self.settings, **settings, "TMPDIR": str(self.temporary), "NO_COLOR": "1"}
        return launch(command, folder=self.folder, environment=environment)

    def _are_registered(self, workers: Sequence[WorkerProcess]) -> bool:
        for worker in workers:
            assert worker.is_running, f"worker {worker.pid} ended with {worker.process.returncode}\n{self.logs()}"
        live = {row["pid"] for row in query(self.database_url, "SELECT pid FROM worker WHERE stopped_at IS NULL")}
        return live >= {worker.pid for worker in workers}

    def end(self) -> None:
        """End whatever still runs."""
        for worker in self.workers:
            worker.end()


_COUNT = "SELECT state, count(*) AS n FROM job GROUP BY state"
_CONNECTIONS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mediascribe' "
    "AND pid <> pg_backend_pid()"
)


@contextmanager
def cluster(
    *,
    folder: Path,
    gemini: Simulator,
    database_url: str,
    pictures: Sequence[Path],
    broker_url: str = "",
    workers_database_url: str | None = None,
    seed: int = 0,
    **settings: object,
) -> Iterator[Cluster]:
    """A deployment without workers yet; whatever runs in it is ended at the end.

    `workers_database_url` is the way by which workers reach the database, where it is another one (a proxy).
    """
    own = {
        "home": folder, "database_url": workers_database_url or database_url, "broker_url": broker_url, "concurrency": CONCURRENCY,
        "lease_seconds": LEASE_SECONDS, "log_level": "info", "retry_base_seconds": 0.1, "retry_max_seconds": 0.5,
        "decoder_processes": 1, "grace_seconds": 10, **settings,
    }  # fmt: skip
    environment = {f"MEDIASCRIBE_{name.upper()}": str(value) for name, value in own.items() if value != ""}
    database = migrated(database_url)
    print(f"seed {seed}")
    running = Cluster(
        folder=folder, gemini=gemini, database=database, database_url=database_url, pictures=pictures,
        settings={**gemini.environment(), **environment}, chance=random.Random(seed),
    )  # fmt: skip
    try:
        yield running
    finally:
        running.end()
        database.close()
