"""The Celery app as every process of ours uses it: its settings, its connections, and sending bundles by it.

JSON only, no results of its own, early acknowledgement, short socket timeouts, no retry of a send. `worker.broker` adds
the tasks.
"""

from collections.abc import Sequence
from queue import Empty
from typing import Any

import structlog
from celery import Celery
from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport import redis

from worker.inbox import ignored, plain, why_unsound
from worker.settings import Settings

log = structlog.get_logger(__name__)

QUEUE = "mediascribe"
"""Where producers send jobs."""
BUNDLE_QUEUE = "mediascribe.bundles"
RUN_TASK = "mediascribe.run"
POOL = "threads"
THREADS = 4
"""They only hand over ids and accept jobs; the work is done on the core's loop."""


class GuardedChannel(redis.Channel):
    """Drops what is no message at all. kombu would let the error out of Celery's loop, which then takes no more messages."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, RecursionError) as error:
            log.warning("something that is no message was dropped", reason=f"{type(error).__name__}: {error}"[:200])
            raise Empty from error


class GuardedTransport(redis.Transport):
    """kombu's Redis, of which Celery gets only what is a task message."""

    Channel = GuardedChannel

    def _deliver(self, message: Any, queue: Any) -> None:
        wrong = why_unsound(message)
        if wrong is not None:
            log.warning("a message that Celery could not take was dropped", queue=queue, wrong=wrong)
            return
        if asked := ignored(message):
            log.warning("a message asks for what is not supported; only its task is done", asked=asked)
        super()._deliver(plain(message), queue)  # type: ignore[no-untyped-call]


class PatientConnection(Connection):
    """Looks for a lost broker every three seconds; kombu's own waits grow to half a minute."""

    def get_transport_cls(self) -> Any:
        """As kombu's, with the guarded one for Redis."""
        found = super().get_transport_cls()  # type: ignore[no-untyped-call]
        return GuardedTransport if found is redis.Transport else found

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """As kombu's."""
        waits = {"interval_start": 1, "interval_step": 1, "interval_max": 3} | kwargs
        return super().ensure_connection(*args, **waits)  # type: ignore[no-untyped-call]


class PatientAMQP(AMQP):
    """Celery's way to its connections."""

    Connection = PatientConnection


def build_app(settings: Settings) -> Celery:
    """The Celery app: JSON only, no results of its own, short socket timeouts, no publishing retries."""
    app = Celery(
        "mediascribe",
        broker=settings.broker_url.get_secret_value() or "memory://",
        amqp=PatientAMQP,
        set_as_current=False,
    )
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
        worker_pool=POOL,
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
        "health_check_interval": 5,  # kombu notices a connection that a partition silenced after two of these
        "visibility_timeout": 6 * 3_600,  # only late-acknowledged submissions depend on it, and they are short
    }


class CeleryAnnouncer:
    """Sends bundles by Celery, on a connection of its own."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def announce(self, bundle: Sequence[str]) -> None:
        """Send one bundle; raises, within some seconds, what kombu or the transport's client raises."""
        self._app.send_task(RUN_TASK, args=[list(bundle)], queue=BUNDLE_QUEUE, retry=False, ignore_result=True)


def announcer_for(settings: Settings) -> CeleryAnnouncer:
    """What a submitter announces with."""
    return CeleryAnnouncer(build_app(settings))
