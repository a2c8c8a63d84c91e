"""The Celery tasks, and a worker that Celery drives; Celery is imported here and in `broker_app`, nowhere else.

A message carries job ids and nothing else, and is only a hint: losing, repeating, delaying or forging it changes nothing,
because a claim in SQL decides who runs a job. So a message is acknowledged on receipt, and no retry, ETA, result or
revocation of Celery is on the way of correctness. Nothing, not even MemoryError or SystemExit, escapes a task: that would
wedge Celery's thread pool for good.

The tasks `mediascribe.caption` and `mediascribe.transcribe` are for producers that speak Celery and have none of our
code; they are acknowledged only after the job is committed.
"""

import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import structlog
from celery import Celery, Task, signals, states
from celery.concurrency import get_implementation
from celery.exceptions import Reject
from celery.platforms import EX_OK
from celery.worker import state

from gemini.price_files import load_prices
from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError, DatabaseUrlError
from models.failures import FailureCode, FailureError
from models.ids import is_id
from models.store.replies import OwedReply
from models.store.submit import NewBatch
from tasks.registry import KINDS
from worker.bootstrap import Role, Worker, start_worker
from worker.broker_app import POOL, RUN_TASK, CeleryAnnouncer, build_app
from worker.environment import LoadedSettings, load_settings
from worker.eviction import eviction_policy
from worker.garbage import set_aside_what_is_there
from worker.logs import set_up_logs
from worker.producers import Replier, read_item
from worker.ready_database import open_ready_database
from worker.submit import RefusedError, accept

log = structlog.get_logger(__name__)

LARGEST_BUNDLE = 1_000
"""More ids than this in one message are not ours."""
CANNOT_START = 7
"""Exit status: try again later."""
WRONG_USE = 2
"""Exit status: it was called wrongly."""


class JobFailedError(Exception):
    """What a producer's `AsyncResult.get()` raises: the job's failure code and message."""


class ServerWorker:
    """A worker process that Celery drives: started, drained and closed by Celery's signals."""

    def __init__(self, loaded: LoadedSettings, app: Celery) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._app = app
        self._prices = load_prices(self._settings.prices_file)
        self._database: Database | None = None
        self._worker: Worker | None = None
        self._replier: Replier | None = None
        self._leaving = threading.Event()
        app.task(name=RUN_TASK)(self._run)
        for kind in KINDS:
            app.task(name=f"mediascribe.{kind}", bind=True, acks_late=True, throws=(JobFailedError,))(
                self._submitter(kind)
            )

    def connect_signals(self) -> None:
        """Start with Celery's worker, drain when it is told to leave, close when it has stopped."""
        signals.worker_init.connect(self._start, weak=False)
        signals.worker_shutting_down.connect(self._drain, weak=False)
        signals.worker_shutdown.connect(self._close, weak=False)

    def _start(self, sender: Any = None, **_: object) -> None:
        # Celery listens to it only a moment later, and until then it would end the process with jobs in its hands.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._leave_when_started)
        if get_implementation(getattr(sender, "pool_cls", POOL)) is not get_implementation(POOL):
            log.error("the worker cannot start", reason=f"it needs Celery's pool {POOL!r}: leave out -P")
            raise SystemExit(WRONG_USE)
        try:
            self._start_working()
        except (DatabaseUnavailableError, DatabaseNotReadyError, DatabaseUrlError, FailureError) as error:
            # Celery's signals swallow every Exception, and would go on without a worker.
            log.error("the worker cannot start", reason=str(error))  # noqa: TRY400 - one clear line
            raise SystemExit(CANNOT_START) from error
        if state.should_stop is not None:
            self._close()
            raise SystemExit(EX_OK)

    def _start_working(self) -> None:
        database = self._open()
        if self._owes_replies():
            self._replier = Replier(database=database, send=self._reply)
            self._replier.start()
        role = Role(
            announcer=CeleryAnnouncer(self._app),
            after_record=lambda _: self._replier.wake() if self._replier else None,
        )
        self._worker = start_worker(self._loaded, database, role)
        self._warn_of_eviction()
        set_aside_what_is_there()
        log.info("working", worker=self._worker.id, calls_at_most=self._settings.concurrency)

    def _warn_of_eviction(self) -> None:
        policy = eviction_policy(self._settings.broker_url.get_secret_value())
        if policy is not None:
            log.warning("Redis may drop messages of Celery producers; set maxmemory-policy noeviction", policy=policy)

    def _leave_when_started(self, *_: object) -> None:
        """Nothing is raised, for a destructor or Celery might swallow it, and no lock is taken, for it might be held."""
        state.should_stop = EX_OK  # what Celery does when it is told to leave, and looks at before it waits

    def _drain(self, **_: object) -> None:
        self._leaving.set()
        if self._worker is not None:
            self._worker.drain()

    def _close(self, **_: object) -> None:
        self._drain()
        if self._worker is not None:
            self._worker.close(grace_seconds=self._settings.grace_seconds)
        if self._replier is not None:
            self._replier.stop()

    def _open(self) -> Database:
        if self._database is None:
            self._database = open_ready_database(self._settings)
        return self._database

    def _run(self, ids: object = None, *_: object, **__: object) -> None:
        """A bundle has come. Whatever it holds, nothing escapes."""
        try:
            if not _is_bundle(ids):
                log.warning("a message that is no bundle of job ids was dropped", type=type(ids).__name__)
            elif self._worker is not None:
                self._worker.accept(ids)
        except (DatabaseUnavailableError, DatabaseNotReadyError) as error:
            log.warning("a bundle was left to be announced again", reason=str(error))
        except BaseException:
            log.exception("a bundle could not be taken; its jobs will be announced again")

    def _submitter(self, kind: str) -> Callable[..., str]:
        """The body of the task `mediascribe.<kind>`."""

        def submit(task: Task, source: object = None, options: object = None, **extra: object) -> str:
            try:
                return self._submit(task.request.id, kind, source, options, extra)
            except RefusedError as error:
                log.warning("a producer's job was refused", reason=str(error)[:500])
                raise JobFailedError(f"{FailureCode.INVALID_OPTIONS}: {error}") from None
            except (DatabaseUnavailableError, DatabaseNotReadyError) as error:
                log.warning("a producer's job waits for the database", reason=str(error))
                self._leaving.wait(2.0)  # do not turn the message round and round
                raise Reject(str(error), requeue=True) from error
            except BaseException as error:
                log.exception("a producer's job could not be accepted")
                raise JobFailedError(f"{FailureCode.INTERNAL}: {type(error).__name__}") from None

        return submit

    def _submit(self, task_id: str, kind: str, source: object, options: object, extra: Mapping[str, object]) -> str:
        """Accept a producer's job under its task id; the job's id."""
        item = read_item(kind, task_id, source, options, extra, owes_reply=self._owes_replies())
        owner = str(extra.get("owner") or "default")
        batch = NewBatch(owner=owner, name="celery", idempotency_key="celery")
        submission = accept(self._open(), self._settings, batch, [item], prices=self._prices)
        if self._worker is not None:
            self._worker.housekeeper.wake()
        return submission.job_ids[0]

    def _owes_replies(self) -> bool:
        return bool(self._settings.celery_result_backend.get_secret_value())

    def _reply(self, owed: OwedReply) -> None:
        """Store an outcome where the producer's AsyncResult looks for it."""
        if owed.output is not None:
            self._app.backend.store_result(owed.task_id, dict(owed.output), states.SUCCESS)
        else:
            error = JobFailedError(f"{owed.error_code}: {owed.error_message}")
            self._app.backend.store_result(owed.task_id, error, states.FAILURE)


def _is_bundle(ids: object) -> TypeGuard[list[str]]:
    return isinstance(ids, list) and len(ids) <= LARGEST_BUNDLE and all(is_id(item, "job") for item in ids)


def run_worker(loaded: LoadedSettings) -> int:
    """Run a Celery worker in this process until it is told to leave; its exit status."""
    # Celery's own lines say nothing that ours do not: only its warnings are shown.
    level = "debug" if loaded.settings.log_level == "debug" else "warning"
    # Not by its command line, which brings a shell and all of its commands into memory.
    worker = _app(loaded).Worker(
        quiet=True, loglevel=level, without_gossip=True, without_mingle=True, without_heartbeat=True
    )
    worker.start()
    return int(worker.exitcode or 0)


def _app(loaded: LoadedSettings) -> Celery:
    app = build_app(loaded.settings)
    ServerWorker(loaded, app).connect_signals()
    return app


def __getattr__(name: str) -> Celery:
    """`celery -A worker.broker worker` finds `app` here, built when it is asked for and not at import."""
    if name != "app":
        raise AttributeError(name)
    loaded = load_settings()
    set_up_logs(loaded.settings.log_level)
    return _app(loaded)
