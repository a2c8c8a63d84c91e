"""The Celery app and its tasks; nothing else imports Celery.

A message carries job ids and nothing else, and is only a hint: losing, repeating, delaying or forging it changes nothing,
because a claim in SQL decides who runs a job. So a message is acknowledged on receipt, and no retry, ETA, result or
revocation of Celery is on the way of correctness. Nothing, not even MemoryError or SystemExit, escapes a task: that would
wedge Celery's thread pool for good.

The tasks `mediascribe.caption` and `mediascribe.transcribe` are for producers that speak Celery and have none of our
code; they are acknowledged only after the job is committed.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

import structlog
from celery import Celery, Task, signals, states
from celery.exceptions import Reject
from kombu.exceptions import OperationalError

from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError, DatabaseUrlError
from models.failures import FailureCode, FailureError
from models.ids import is_id
from models.store.replies import OwedReply
from models.store.submit import NewBatch
from tasks.registry import KINDS
from worker.bootstrap import Role, Worker, open_ready_database, start_worker
from worker.dispatch import BrokerDownError
from worker.logs import set_up_logs
from worker.producers import Replier, read_item
from worker.settings import LoadedSettings, Settings, load_settings
from worker.submit import RefusedError, accept

log = structlog.get_logger(__name__)

QUEUE = "mediascribe"
"""Where producers send jobs."""
BUNDLE_QUEUE = "mediascribe.bundles"
RUN_TASK = "mediascribe.run"
LARGEST_BUNDLE = 1_000
"""More ids than this in one message are not ours."""
THREADS = 4
"""They only hand over ids and accept jobs; the work is done on the core's loop."""
CANNOT_START = 7
"""Exit status: try again later."""


def build_app(settings: Settings) -> Celery:
    """The Celery app: JSON only, no results of its own, short socket timeouts, no publishing retries."""
    app = Celery("mediascribe", broker=settings.broker_url.get_secret_value() or "memory://", set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=True,
        redis_socket_timeout=5,
        redis_socket_connect_timeout=3,
        result_backend_transport_options={"retry_policy": {"timeout": 5.0, "max_retries": 1}},
        result_backend=settings.celery_result_backend.get_secret_value() or None,
        task_default_queue=QUEUE,
        task_queues={QUEUE: {}, BUNDLE_QUEUE: {}},
        task_create_missing_queues=True,
        worker_pool="threads",
        worker_concurrency=THREADS,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=False,
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        task_publish_retry=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        broker_transport_options=_transport_options(settings),
    )
    return app


def _transport_options(settings: Settings) -> dict[str, Any]:
    if not settings.broker_url.get_secret_value().startswith(("redis", "rediss")):
        return {}
    return {
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "visibility_timeout": 6 * 3_600,  # only late-acknowledged submissions depend on it, and they are short
    }


class CeleryAnnouncer:
    """Sends bundles by Celery, on a connection of its own."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def announce(self, bundle: Sequence[str]) -> None:
        """Send one bundle. Raises BrokerDownError within a few seconds."""
        try:
            self._app.send_task(RUN_TASK, args=[list(bundle)], queue=BUNDLE_QUEUE, retry=False, ignore_result=True)
        except (OperationalError, OSError) as error:
            raise BrokerDownError(str(error)) from error
        except Exception as error:
            # redis-py has errors of its own that kombu does not translate (read-only replica, out of memory).
            if type(error).__module__.startswith(("redis", "kombu", "amqp")):
                raise BrokerDownError(str(error)) from error
            raise


class JobFailedError(Exception):
    """What a producer's `AsyncResult.get()` raises: the job's failure code and message."""


class ServerWorker:
    """A worker process that Celery drives: started, drained and closed by Celery's signals."""

    def __init__(self, loaded: LoadedSettings, app: Celery) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._app = app
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

    def _start(self, **_: object) -> None:
        try:
            self._start_working()
        except (DatabaseUnavailableError, DatabaseNotReadyError, DatabaseUrlError, FailureError) as error:
            # Celery's signals swallow every Exception, and would go on without a worker.
            log.error("the worker cannot start", reason=str(error))  # noqa: TRY400 - one clear line
            raise SystemExit(CANNOT_START) from error

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
        log.info("working", worker=self._worker.id, calls_at_most=self._settings.concurrency)

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
        submission = accept(self._open(), self._settings, batch, [item])
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
    app = _app(loaded)
    # Celery's own lines say nothing that ours do not: only its warnings are shown.
    level = "debug" if loaded.settings.log_level == "debug" else "warning"
    arguments = [
        "--quiet",
        "worker",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        "--loglevel",
        level,
    ]
    return int(app.worker_main(arguments) or 0)


def announcer_for(settings: Settings) -> CeleryAnnouncer:
    """What a submitter announces with."""
    return CeleryAnnouncer(build_app(settings))


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
