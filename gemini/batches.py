"""Batches at Gemini: made of an uploaded file, looked at, found again by name, cancelled, deleted.

A batch costs half and takes hours to days; some stay where they are, expire, or end with every row failed. So whoever
makes one watches it with a clock of their own (https://ai.google.dev/gemini-api/docs/batch-api).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote

from gemini.batch_lines import read_status
from gemini.failures import failure_of_error, failure_of_text
from gemini.reply import Json
from gemini.rest import GoneError, Rest, at, count_at, listed, text_at, time_at
from models.failures import Failure, FailureError

_PAGE_SIZE = 100
_NAME = re.compile(r"batches/[A-Za-z0-9_-]{1,100}")
_TOO_LATE = "FAILED_PRECONDITION"


class BatchState(StrEnum):
    """Where a batch stands at Gemini."""

    PENDING = "PENDING"
    """It has not begun, and may stay so for more than a day."""
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    """It is over; any of its rows, or all of them, may have failed."""
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    """It was not done in 48 hours."""
    UNKNOWN = "UNKNOWN"
    """A state that we do not know."""


ENDS = frozenset({BatchState.SUCCEEDED, BatchState.FAILED, BatchState.CANCELLED, BatchState.EXPIRED})


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteBatch:
    """A batch at Gemini, as it was when it was looked at."""

    name: str
    """`batches/…`"""
    display_name: str
    state: BatchState
    is_over: bool
    """Nothing more comes of it, whatever its state."""
    requests: int
    """How many rows it has; 0 where Gemini does not say. So it is with the other counts."""
    succeeded: int
    failed: int
    pending: int
    output_file: str | None
    """`files/…` with a line for each row that was answered; one that is over without it has none to give."""
    error: Failure | None
    """Why the batch as a whole came to nothing."""
    created_at: datetime | None


class Batches:
    """The Batch API. Every method raises FailureError."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def create(self, model: str, display_name: str, file_name: str) -> RemoteBatch:
        """A new batch of the rows in that uploaded file, which must stay until the batch is over.

        After a failure that is no refusal (`gemini_unavailable`, `gemini_timeout`) the batch may exist all the same:
        look with `find` before another is made, as it would be paid for again.

        Raises:
            GoneError: the file is not there any more.

        """
        batch = {"displayName": display_name, "inputConfig": {"fileName": file_name}}
        path = f"models/{quote(model.removeprefix('models/'), safe='')}:batchGenerateContent"
        return read_batch(self._rest.ask("POST", path, what=f"a batch of {model}", body={"batch": batch}))

    def find(self, display_name: str) -> RemoteBatch | None:
        """The batch with that display name, of several the newest; None where there is none."""
        oldest = datetime.min.replace(tzinfo=UTC)
        found = (batch for batch in self.all() if batch.display_name == display_name)
        return max(found, key=lambda batch: batch.created_at or oldest, default=None)

    def all(self) -> Iterator[RemoteBatch]:
        """Every batch of the project."""
        for item in listed(self._rest, "batches", "operations", what="the list of batches", page_size=_PAGE_SIZE):
            if _NAME.fullmatch(text_at(item, "name")):
                yield read_batch(item)

    def get(self, name: str) -> RemoteBatch:
        """The batch of that name (`batches/…`). Raises GoneError where it is not there."""
        return read_batch(self._rest.ask("GET", _checked(name), what=name))

    def cancel(self, name: str) -> None:
        """Asks Gemini to stop it; one that is over, or gone, is stopped."""
        try:
            self._rest.ask("POST", f"{_checked(name)}:cancel", what=name)
        except GoneError:
            return
        except FailureError as error:
            if error.failure.detail.get("status") != _TOO_LATE or error.failure.pauses_lane:
                raise

    def delete(self, name: str) -> None:
        """Takes it off the list, which stops nothing; one that is gone is none that is left."""
        try:
            self._rest.ask("DELETE", _checked(name), what=name)
        except GoneError:
            return


def read_batch(body: Json) -> RemoteBatch:
    """Reads an operation, or the batch itself. Raises FailureError where it has no name."""
    metadata = body if at(body, "metadata") is None else at(body, "metadata")
    name = text_at(body, "name") or text_at(metadata, "name")
    if not _NAME.fullmatch(name):
        raise FailureError(failure_of_text("no batch", model="a batch"))
    state = _state(text_at(metadata, "state"))
    output = text_at(metadata, "output", "responsesFile") or text_at(body, "response", "responsesFile")
    stats = at(metadata, "batchStats")
    error = at(body, "error")
    return RemoteBatch(
        name=name,
        display_name=text_at(metadata, "displayName"),
        state=state,
        is_over=state in ENDS or at(body, "done") is True,
        requests=count_at(stats, "requestCount"),
        succeeded=count_at(stats, "successfulRequestCount"),
        failed=count_at(stats, "failedRequestCount"),
        pending=count_at(stats, "pendingRequestCount"),
        output_file=output or None,
        error=None if error is None else _failure(error, name),
        created_at=time_at(metadata, "createTime"),
    )


def _state(text: str) -> BatchState:
    """`BATCH_STATE_RUNNING`, or `JOB_STATE_RUNNING` as google-genai names it."""
    name = text.rpartition("STATE_")[2]
    return BatchState(name) if name in BatchState.__members__ else BatchState.UNKNOWN


def _failure(error: object, name: str) -> Failure:
    """What is wrong with the batch is wrong with nothing else: the next request tells what concerns them all."""
    reason = failure_of_error(read_status(error), model=name, now=datetime.now(UTC))
    return replace(reason, pauses_lane=False)


def _checked(name: str) -> str:
    """The name, fit for an address. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no name of a batch at Gemini")
    return name
