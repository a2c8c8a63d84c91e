"""The courier: takes due webhooks out of the outbox and sends them, each on a thread of its own.

It shares no slot, no thread and no pool with the jobs. A receiver that is slow or hangs holds its own few threads, and the
others go on. What is under way when the process is lost or leaves is sent by another one when its lease has ended.
"""

import random
import threading
import time
from collections import Counter
from importlib.metadata import version

import structlog

from media.outbound.client import Answer, Call, OutboundClient
from media.outbound.errors import OutboundError
from media.outbound.patience import Patience
from media.outbound.target import redacted
from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError
from models.store.webhooks.sending import Message, settle, take_due
from worker.settings import Settings
from worker.source_settings import source_rules
from worker.webhooks.schedule import Heard, decide
from worker.webhooks.signing import signed_headers

log = structlog.get_logger(__name__)

LOOK_SECONDS = 30.0
"""Between two looks that nobody asked for, at most."""
SLACK_SECONDS = 30.0
"""What a sender may take beyond its timeout before it is taken for lost."""
KEPT_BYTES = 4_000
"""Of an answer, to be shown."""
LEAVE_SECONDS = 2.0
_SHARE = 4


class Courier:
    """Sends until it is stopped."""

    def __init__(self, *, database: Database, client: OutboundClient, timeout_seconds: float, most: int) -> None:
        """`most` are sent at the same time, a quarter of them to one endpoint."""
        self._database = database
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._most = most
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        """Endpoint -> what is under way to it."""
        self._thread = threading.Thread(target=self._look_until_stopped, name="mediascribe-webhooks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Something is due."""
        self._wake.set()

    def stop(self) -> None:
        """Send what is due by now, such as the end of the last batch, and give what is under way a moment."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(LEAVE_SECONDS)
        self._look()
        until = time.monotonic() + LEAVE_SECONDS
        while self._under_way() and time.monotonic() < until:
            self._wake.clear()
            self._wake.wait(0.1)

    def _look_until_stopped(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            self._look()
            self._wake.wait(LOOK_SECONDS * (0.5 + random.random() / 2))

    def _look(self) -> None:
        try:
            while self._send_some() and not self._stopped.is_set():
                pass
        except (DatabaseUnavailableError, DatabaseNotReadyError):
            pass  # others say so
        except Exception:
            log.exception("sending webhooks failed; trying again")

    def _send_some(self) -> bool:
        """Begin to send what is due and has room; was there any?"""
        with self._lock:
            busy = dict(+self._busy)
        room = self._most - sum(busy.values())
        if room <= 0:
            return False
        messages = take_due(
            self._database, most=room, most_per_endpoint=max(1, self._most // _SHARE), busy=busy,
            lease_seconds=self._timeout_seconds + SLACK_SECONDS,
        )  # fmt: skip
        for message in messages:
            with self._lock:
                self._busy[message.endpoint_id] += 1
            threading.Thread(target=self._carry, args=(message,), name="mediascribe-webhook", daemon=True).start()
        return bool(messages)

    def _under_way(self) -> int:
        with self._lock:
            return self._busy.total()

    def _carry(self, message: Message) -> None:
        try:
            self._deliver(message)
        except (DatabaseUnavailableError, DatabaseNotReadyError) as error:
            log.warning("a webhook's end was not stored; it is sent again", delivery=message.id, reason=str(error))
        except Exception:
            log.exception("sending a webhook failed; it is sent again", delivery=message.id)
        finally:
            with self._lock:
                self._busy[message.endpoint_id] -= 1
            self._wake.set()

    def _deliver(self, message: Message) -> None:
        began = time.monotonic()
        heard = self._heard(message)
        tried = decide(message, heard, chance=random.random)
        counts = settle(self._database, message, tried)
        log.info(
            "webhook sent", delivery=message.id, endpoint=message.endpoint_id, to=redacted(message.url), type=message.event_type,
            status=heard.status, error=heard.error, state=str(tried.state), attempts=message.attempts, counts=counts,
            milliseconds=round((time.monotonic() - began) * 1_000, 1),
        )  # fmt: skip

    def _heard(self, message: Message) -> Heard:
        """What the receiver answers, or why it does not."""
        body = message.body.encode()
        headers = signed_headers(body, event_id=message.event_id, at_seconds=int(time.time()), secrets=message.secrets)
        patience = Patience(total_seconds=self._timeout_seconds, idle_seconds=self._timeout_seconds)
        call = Call(
            method="POST", url=message.url, owner=message.owner, content=body, max_bytes=KEPT_BYTES, patience=patience,
            headers={"Content-Type": "application/json", **headers}, max_redirects=0,
        )  # fmt: skip
        try:
            with self._client.sent(call) as answer:
                return _heard_of(answer)
        except OutboundError as error:
            return Heard(error=f"The endpoint {error.words}.")


def make_courier(settings: Settings, database: Database) -> Courier:
    """What sends the webhooks of a process."""
    client = OutboundClient(rules=source_rules(settings).outbound, user_agent=f"mediascribe/{version('mediascribe')}")
    return Courier(
        database=database,
        client=client,
        timeout_seconds=settings.webhook_timeout_seconds,
        most=settings.webhooks_in_flight,
    )


def _heard_of(answer: Answer) -> Heard:
    return Heard(
        status=answer.status,
        text=answer.head(KEPT_BYTES).decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}"),
        retry_after_seconds=answer.retry_after_seconds,
    )
