"""Producers that speak Celery: reading what they send, and telling them what their jobs came to.

Nothing here knows Celery; `worker.broker` calls it with plain values.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError
from models.failures import FailureCode, failure
from models.store import replies
from models.store.replies import OwedReply
from worker.submit import Item, RefusedError

log = structlog.get_logger(__name__)

_EXTRA = frozenset({"model", "metadata", "priority", "owner", "service_tier"})
_WAIT_SECONDS = 1.0


def read_item(
    kind: str, task_id: str, source: object, options: object, extra: Mapping[str, Any], *, owes_reply: bool
) -> Item:
    """The item that a producer's message asks for. Raises RefusedError naming the field.

    The task id is the job's `client_ref` and makes the submission idempotent.
    """
    extra = {name: value for name, value in extra.items() if value is not None}
    unknown = sorted(set(extra) - _EXTRA)
    if unknown:
        raise _refused(unknown[0], f"is no argument of mediascribe.{kind}; it takes source, options, {_list(_EXTRA)}")
    if not isinstance(source, str):
        raise _refused("source", "must be the path of a picture or recording, as text")
    if not isinstance(options, Mapping | None):
        raise _refused("options", "must be an object of names and values")
    if not isinstance(extra.get("metadata", {}), Mapping):
        raise _refused("metadata", "must be an object of names and values")
    for name in ("model", "owner", "service_tier"):
        if not isinstance(extra.get(name, ""), str):
            raise _refused(name, "must be a name, as text")
    if not isinstance(extra.get("priority", 0), int):
        raise _refused("priority", "must be a whole number")
    return Item(
        kind=kind,
        source=source,
        options=options or {},
        model=extra.get("model"),
        service_tier=extra.get("service_tier"),
        metadata=extra.get("metadata"),
        priority=extra.get("priority", 0),
        client_ref=task_id,
        idempotency_key=f"celery:{task_id}",
        owes_reply=owes_reply,
    )


def _refused(name: str, words: str) -> RefusedError:
    return RefusedError({0: failure(FailureCode.INVALID_OPTIONS, f"{name} {words}", field=name)})


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


class Replier:
    """Tells producers what their jobs came to, on a thread of its own.

    What is owed stands in SQL, so that no outcome is forgotten when a worker is lost between the end of a job and the
    telling; telling twice is harmless.
    """

    def __init__(self, *, database: Database, send: Callable[[OwedReply], None]) -> None:
        """`send` gives one outcome to its producer, and raises if it cannot."""
        self._database = database
        self._send = send
        self._wake = threading.Event()
        self._stopped = False
        self._complained: set[str] = set()
        self._thread = threading.Thread(target=self._tell_until_stopped, name="mediascribe-replies", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Jobs have ended."""
        self._wake.set()

    def stop(self) -> None:
        """Tell what is owed by now, and end."""
        self._stopped = True
        self._wake.set()
        self._thread.join(5.0)

    def _tell_until_stopped(self) -> None:
        while True:
            last_round = self._stopped
            self._wake.clear()
            try:
                self._tell()
            except (DatabaseUnavailableError, DatabaseNotReadyError):
                pass  # others say so
            except Exception:
                log.exception("telling producers failed; trying again")
            if last_round:
                return
            self._wake.wait(_WAIT_SECONDS)

    def _tell(self) -> None:
        after: str | None = None
        while due := replies.owed(self._database, limit=100, after=after):
            told = [reply.job_id for reply in due if self._is_told(reply)]
            if not told:
                return  # the result backend is away; the next round tries again
            replies.settle(self._database, told)
            after = due[-1].job_id

    def _is_told(self, reply: OwedReply) -> bool:
        """Tell one producer; one that cannot be told keeps no other waiting."""
        try:
            self._send(reply)
        except Exception as error:  # noqa: BLE001 - a result backend may fail in any way
            if reply.job_id not in self._complained:
                log.warning("an outcome could not be told; trying again", job_id=reply.job_id, reason=str(error))
            self._complained.add(reply.job_id)
            return False
        return True
