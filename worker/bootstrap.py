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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

import structlog

from gemini.client import GeminiClient, connection_from_environment
from gemini.price_files import load_prices
from media.audio import RecordingLimits
from media.image import PictureLimits
from media.outbound.client import OutboundClient
from media.sandbox import Sandbox, SandboxLimits
from media.sources import SourceLimits, Sources
from media.stores import ObjectStores
from models.budget import EVERY_LANE, Period, Scope
from models.database import Database, open_database
from models.ids import new_id
from models.moves import Record
from models.store import lanes, leases
from models.store.budgets import set_budget
from models.store.outlook import Chore
from models.store.tallies import fold_tallies
from models.tier import tier_of
from tasks.base import MediaLimits
from worker.announcing import Announcer
from worker.budget import Budgets
from worker.dispatch import Feeder
from worker.environment import LoadedSettings
from worker.execute import Runner
from worker.fetching import Fetching
from worker.forecast import Forecast
from worker.heartbeat import Heartbeat
from worker.housekeeping import Housekeeper
from worker.lanes import Lanes
from worker.loop import LoopThread
from worker.parcels.office import Office
from worker.quota.gate import Gate
from worker.quota.guarded import GuardedStore, NoStore
from worker.quota.stores import InProcessStore, RedisStore
from worker.quota.terms import Store
from worker.quota.today import Today
from worker.record import answer_grouper, parcelled_grouper, question_grouper, record_grouper
from worker.retry import RetryPolicy
from worker.scratch import make_scratch
from worker.settings import Settings
from worker.shelf import Shelf
from worker.source_settings import make_storage, source_rules
from worker.sweep import KEEP_WORKERS_SECONDS, Isolation, take_back_from_dead
from worker.webhooks.courier import make_courier
from worker.work import Tools

log = structlog.get_logger(__name__)

VERSION = version("mediascribe")

SLACK_SECONDS = 30.0
"""A call is given up after its time; what it reserved is void only a while later."""
AHEAD = 1.5
"""Jobs in hand for each call in flight, so that the next pictures are ready when a call ends."""


def media_limits(settings: Settings) -> MediaLimits:
    """What is accepted from outside, as the settings say."""
    return MediaLimits(
        picture=PictureLimits(
            max_pixels=settings.max_picture_pixels,
            max_side=settings.max_picture_side_pixels,
            max_frames=settings.max_picture_frames,
        ),
        recording=RecordingLimits(
            max_seconds=settings.max_recording_seconds,
            clip_seconds=settings.clip_seconds,
            max_channels=settings.max_recording_channels,
            silence_dbfs=settings.silence_dbfs,
            portion_bytes=settings.portion_bytes,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Role:
    """What sets one worker apart from others."""

    announcer: Announcer | None = None
    """What carries its announcements; without one it feeds itself from SQL."""
    batch_id: str | None = None
    """It takes jobs of this batch alone."""
    worker_id: str | None = None
    slots: int | None = None
    alone: bool = False
    """It takes only jobs that have to run alone."""
    after_record: Callable[[Sequence[Record]], None] | None = None
    """Called, on a thread, after each recorded group."""


class Worker:
    """One process's share of the work."""

    def __init__(self, loaded: LoadedSettings, database: Database, role: Role) -> None:
        """Everything that a worker consists of, not yet started. Raises FailureError(gemini_auth) when no key is set, PriceFileError."""
        self._settings = loaded.settings
        self._database = database
        self.id = role.worker_id or new_id("wrk")
        self._prices = load_prices(self._settings.prices_file)
        connection = connection_from_environment(loaded.gemini, max_connections=self._settings.concurrency)
        self._gemini = GeminiClient(connection)
        self._core = LoopThread()
        self._executor = ThreadPoolExecutor(max_workers=3, thread_name_prefix="mediascribe-sql")
        self._sandbox = Sandbox(
            self._settings.decoder_processes, SandboxLimits(max_memory_bytes=self._settings.decoder_memory_bytes)
        )
        self._fetching, self._scratch = make_fetching(self._settings), make_scratch(self.id)
        self._wake, self._give_up = threading.Event(), threading.Event()
        self.lanes = Lanes(database, limits=self._settings.lane_limits)
        self._office = Office(
            connection, database=database, worker_id=self.id, lanes=self.lanes, prices=self._prices,
            settings=self._settings, folder=self._scratch, wake=self._wake,
        )  # fmt: skip
        self._today = Today(database, is_needed=self.lanes.has_daily_limit)
        self._counts = make_store(self._settings, workers=lambda: self.feeder.workers)
        self._gate_thread = None if self._settings.embedded else ThreadPoolExecutor(1, "mediascribe-quota")
        self._gate = Gate(
            self._counts, limits=self.lanes.limits_of, today=self._today.of,
            lease_seconds=lambda lane: self._settings.timeout_seconds(tier_of(lane)) + SLACK_SECONDS,
            executor=self._gate_thread,
        )  # fmt: skip
        self.runner = self._make_runner(role)
        self.feeder = Feeder(
            database=database, runner=self.runner, worker_id=self.id, lease_seconds=self._settings.lease_seconds,
            announcer=role.announcer, lanes=self.lanes, gate=self._gate, batch_id=role.batch_id, alone=role.alone,
        )  # fmt: skip
        self._heartbeat = Heartbeat(
            database=open_database(self._settings.resolved_database_url(), pool_size=1),
            runner=self.runner, worker_id=self.id, lease_seconds=self._settings.lease_seconds,
        )  # fmt: skip
        self._courier = None if role.alone else make_courier(self._settings, database)
        self.housekeeper = self._make_housekeeper(role)

    def start(self) -> None:
        """Register, and begin to work. Raises DatabaseUnavailableError."""
        facts = leases.WorkerFacts(
            id=self.id, host=socket.gethostname(), pid=os.getpid(), version=VERSION, slots=self.runner.slots
        )
        leases.register(self._database, facts)
        leases.forget_workers(self._database, after_seconds=KEEP_WORKERS_SECONDS)
        fold_tallies(self._database)
        if self._settings.embedded:
            take_back_from_dead(self._database, facts.host)
        if self._settings.budget_usd is not None:
            set_budget(self._database, Scope.LANE, EVERY_LANE, limit_usd=self._settings.budget_usd, period=Period.DAY)
        lanes.probe_in(self._database, None, seconds=0.0)  # a new process may have the right key
        self.lanes.refresh()
        self._heartbeat.start()
        self.housekeeper.start()
        self._office.start()
        if self._courier is not None:
            self._courier.start()

    def accept(self, bundle: Sequence[str]) -> int:
        """A bundle of job ids has come: take what there is room for; how many jobs were taken."""
        return self.feeder.accept(bundle)

    def drain(self) -> None:
        """Take nothing more; calls in flight go on. Returns at once, safe in a signal handler's thread."""
        self.runner.drain()
        self.housekeeper.drain()

    def close(self, *, grace_seconds: float) -> bool:
        """Leave in good order; was everything recorded?

        Calls in flight finish within the grace period, the rest is given back at once. What could not be recorded comes
        back when its lease ends.
        """
        self.drain()
        recorded = self.runner.finish(grace_seconds=grace_seconds)
        self._give_up.set()
        self._office.stop()
        if self._courier is not None:
            self._courier.stop()
        self.housekeeper.stop(grace_seconds=grace_seconds)
        self._heartbeat.stop()
        asyncio.run_coroutine_threadsafe(self._close_on_loop(), self._core.loop).result(10.0)
        self._core.close()
        self._fetching.close()
        self._sandbox.close(kill=True)
        self._executor.shutdown(wait=recorded, cancel_futures=True)
        if self._gate_thread is not None:
            self._gate_thread.shutdown(wait=False, cancel_futures=True)
        self._counts.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
        if recorded:
            self.feeder.leave()
            leases.leave(self._database, self.id)
        return recorded

    async def _close_on_loop(self) -> None:
        await self._gate.aclose()
        await self._gemini.aclose()

    def _make_runner(self, role: Role) -> Runner:
        concurrency = self._settings.concurrency
        return Runner(
            loop=self._core.loop,
            make_tools=lambda runner: self._make_tools(runner, role.after_record or _nothing),
            slots=role.slots or max(concurrency + 1, int(concurrency * AHEAD)),
            lease_seconds=self._settings.lease_seconds,
            policy=RetryPolicy(
                base_seconds=self._settings.retry_base_seconds, max_seconds=self._settings.retry_max_seconds
            ),
            when_room=self._wake.set,
        )

    def _make_housekeeper(self, role: Role) -> Housekeeper:
        wakes = {Chore.PARCEL: self._office.wake}
        if self._courier is not None:
            wakes[Chore.WEBHOOK] = self._courier.wake
        return Housekeeper(
            database=self._database, feeder=self.feeder, lanes=self.lanes, today=self._today, wake=self._wake,
            lease_seconds=self._settings.lease_seconds,
            isolation=None if role.alone else Isolation(database=self._database), wakes=wakes,
        )  # fmt: skip

    def _make_tools(self, runner: Runner, after_record: Callable[[Sequence[Record]], None]) -> Tools:
        shared = (self._database, self._executor, self._give_up)
        return Tools(
            settings=self._settings,
            limits=media_limits(self._settings),
            gemini=self._gemini,
            fetching=self._fetching,
            sandbox=self._sandbox,
            lanes=self.lanes,
            calls_in_flight=asyncio.Semaphore(self._settings.concurrency),
            gate=self._gate,
            forecast=Forecast(),
            budgets=Budgets(*shared),
            why_no_call=runner.why_no_call,
            records=record_grouper(*shared, after=after_record),
            questions=question_grouper(*shared),
            answers=answer_grouper(*shared),
            scratch=self._scratch,
            prices=self._prices,
            spool=self._office.spool,
            parcelled=parcelled_grouper(*shared),
            shelf=Shelf(self._settings.scratch_bytes),
        )


def make_fetching(settings: Settings) -> Fetching:
    """What reads the sources of the attempts."""
    rules = source_rules(settings)
    limits = SourceLimits(
        max_bytes=settings.max_source_bytes, total_seconds=settings.source_timeout_seconds,
        idle_seconds=settings.source_idle_seconds,
    )  # fmt: skip
    client = OutboundClient(rules=rules.outbound, user_agent=f"mediascribe/{VERSION}")
    stores = ObjectStores(rules=rules.buckets)
    sources = Sources(client=client, stores=stores, limits=limits, storage=make_storage(settings))
    return Fetching(
        read=sources.open, most=settings.downloads, most_per_host=settings.downloads_per_host,
        timeout_seconds=settings.source_timeout_seconds,
    )  # fmt: skip


def make_store(settings: Settings, *, workers: Callable[[], int]) -> Store:
    """Where the limiter counts: in this process where there is only this one, else in Redis."""
    if settings.embedded:
        return InProcessStore()
    url = settings.quota_url.get_secret_value() or settings.broker_url.get_secret_value()
    return GuardedStore(RedisStore(url) if url.startswith(("redis://", "rediss://")) else NoStore(), workers=workers)


def start_worker(loaded: LoadedSettings, database: Database, role: Role | None = None) -> Worker:
    """Build and start a worker. Raises FailureError(gemini_auth) when no key is set, PriceFileError, DatabaseUnavailableError."""
    worker = Worker(loaded, database, role or Role())
    worker.start()
    return worker


def _nothing(records: Sequence[Record]) -> None:
    """What follows a recorded group where nobody asked for more."""
