"""The wiring: builds everything from the settings and passes it in. Only here is it known which mode runs.

A `Worker` is one process's share of the work, the same in both modes: a core that runs claimed jobs, a heartbeat, and a
housekeeper that dispatches and sweeps. In the embedded mode it has no announcer and feeds itself from SQL; in the server
mode Celery brings bundles to `accept` and carries its announcements.
"""

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog

import migrations
from gemini.client import GeminiClient, connection_from_environment
from media.audio import RecordingLimits
from media.image import PictureLimits
from media.sandbox import Sandbox
from models.database import Database, DatabaseNotReadyError, open_database
from models.failures import FailureCode
from models.ids import new_id
from models.moves import Record
from models.store import admin, leases
from tasks.base import MediaLimits
from worker.attempt import Tools
from worker.dispatch import Announcer, Feeder
from worker.execute import LoopThread, Runner
from worker.heartbeat import Heartbeat
from worker.housekeeping import Housekeeper
from worker.lanes import Lanes
from worker.record import answer_grouper, record_grouper, result_grouper
from worker.retry import RetryPolicy
from worker.scratch import make_scratch
from worker.settings import LoadedSettings, Settings
from worker.sweep import Isolation

log = structlog.get_logger(__name__)

VERSION = "0.1.0"

AHEAD = 1.5
"""Jobs in hand for each call in flight, so that the next pictures are ready when a call ends."""


def open_ready_database(settings: Settings, *, pool_size: int = 8) -> Database:
    """The database with its tables. A SQLite file is made and brought up to date; another database is only checked.

    Raises DatabaseUnavailableError, DatabaseNotReadyError, DatabaseUrlError.
    """
    url = settings.resolved_database_url()
    database = open_database(url, pool_size=pool_size)
    if database.dialect == "sqlite":
        Path(str(database.writer.url.database)).parent.mkdir(parents=True, exist_ok=True)
    stored, needed = migrations.stored_revision(database), migrations.newest_revision()
    if stored == needed:
        return database
    if database.dialect == "sqlite":
        migrations.upgrade(database)
        return database
    raise DatabaseNotReadyError(
        f"the database is at revision {stored or 'none'}, this version needs {needed}; run: mediascribe db upgrade"
    )


def media_limits(settings: Settings) -> MediaLimits:
    """What is accepted from outside, as the settings say."""
    return MediaLimits(
        picture=PictureLimits(max_pixels=settings.max_picture_pixels, max_side=settings.max_picture_side_pixels),
        recording=RecordingLimits(max_seconds=settings.max_recording_seconds, clip_seconds=settings.clip_seconds),
    )


@dataclass(kw_only=True)
class Worker:
    """One process's share of the work."""

    id: str
    runner: Runner
    feeder: Feeder
    housekeeper: Housekeeper
    lanes: Lanes
    _database: Database
    _heartbeat: Heartbeat
    _core: LoopThread
    _gemini: GeminiClient
    _sandbox: Sandbox
    _executor: ThreadPoolExecutor
    _scratch: Path
    _give_up: threading.Event

    def accept(self, bundle: Sequence[str]) -> int:
        """A bundle of job ids has come; returns when its jobs were taken or left to others."""
        return self.feeder.accept(bundle)

    def drain(self) -> None:
        """Take nothing more; calls in flight go on. Returns at once, safe in a signal handler's thread."""
        self.runner.drain()

    def close(self, *, grace_seconds: float) -> bool:
        """Leave in good order: calls in flight finish within the grace period, the rest is given back at once; was all
        of it recorded? What was not comes back when its lease ends."""
        self.runner.drain()
        recorded = self.runner.finish(grace_seconds=grace_seconds)
        self._give_up.set()
        self.housekeeper.stop()
        self._heartbeat.stop()
        asyncio.run_coroutine_threadsafe(self._gemini.aclose(), self._core.loop).result(10.0)
        self._core.close()
        self._sandbox.close(kill=True)
        self._executor.shutdown(wait=recorded, cancel_futures=True)
        shutil.rmtree(self._scratch, ignore_errors=True)
        if recorded:
            leases.leave(self._database, self.id)
        return recorded


def start_worker(
    loaded: LoadedSettings,
    database: Database,
    *,
    announcer: Announcer | None = None,
    batch_id: str | None = None,
    worker_id: str | None = None,
    slots: int | None = None,
    alone: bool = False,
    after_record: Callable[[Sequence[Record]], None] | None = None,
) -> Worker:
    """Build and start a worker. With `batch_id`, it takes jobs of that batch alone.

    Raises FailureError(gemini_auth) when no key is set, DatabaseUnavailableError.
    """
    settings = loaded.settings
    worker_id = worker_id or new_id("wrk")
    gemini = _gemini_client(loaded.gemini, settings)
    core = LoopThread()
    executor = ThreadPoolExecutor(max_workers=3, thread_name_prefix="mediascribe-sql")
    sandbox = Sandbox(max_workers=settings.decoder_processes, memory_bytes=settings.decoder_memory_bytes)
    lanes = Lanes(database)
    scratch = make_scratch(worker_id)
    wake, give_up = threading.Event(), threading.Event()

    def make_tools(runner: Runner) -> Tools:
        return Tools(
            settings=settings,
            limits=media_limits(settings),
            gemini=gemini,
            sandbox=sandbox,
            lanes=lanes,
            calls_in_flight=asyncio.Semaphore(settings.concurrency),
            may_call=runner.may_call,
            records=record_grouper(database, executor, give_up, after=after_record or _nothing),
            results=result_grouper(database, executor, give_up),
            answers=answer_grouper(database, executor, give_up),
            scratch=scratch,
        )

    runner = Runner(
        loop=core.loop,
        make_tools=make_tools,
        slots=slots or max(settings.concurrency + 1, int(settings.concurrency * AHEAD)),
        lease_seconds=settings.lease_seconds,
        policy=RetryPolicy(base_seconds=settings.retry_base_seconds, max_seconds=settings.retry_max_seconds),
        when_room=wake.set,
    )
    facts = leases.WorkerFacts(
        id=worker_id, host=socket.gethostname(), pid=os.getpid(), version=VERSION, slots=runner.slots
    )
    leases.register(database, facts)
    admin.resume_lanes(database, code=FailureCode.GEMINI_AUTH)  # a new process may have the right key
    feeder = Feeder(
        database=database, runner=runner, worker_id=worker_id, lease_seconds=settings.lease_seconds, announcer=announcer,
        batch_id=batch_id, alone=alone,
    )  # fmt: skip
    heartbeat = Heartbeat(
        database=open_database(settings.resolved_database_url(), pool_size=1),
        runner=runner,
        worker_id=worker_id,
        lease_seconds=settings.lease_seconds,
    )
    housekeeper = Housekeeper(
        database=database, feeder=feeder, lanes=lanes, wake=wake, lease_seconds=settings.lease_seconds,
        isolation=None if alone else Isolation(database=database),
    )  # fmt: skip
    heartbeat.start()
    housekeeper.start()
    return Worker(
        id=worker_id, runner=runner, feeder=feeder, housekeeper=housekeeper, lanes=lanes, _database=database,
        _heartbeat=heartbeat, _core=core, _gemini=gemini, _sandbox=sandbox, _executor=executor, _scratch=scratch,
        _give_up=give_up,
    )  # fmt: skip


def _nothing(records: Sequence[Record]) -> None:
    """What follows a recorded group where nobody asked for more."""


def _gemini_client(environment: Mapping[str, str], settings: Settings) -> GeminiClient:
    return GeminiClient(connection_from_environment(environment, max_connections=settings.concurrency))
