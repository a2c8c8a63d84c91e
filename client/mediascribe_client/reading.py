"""Answers that come in pieces, read without waiting: lines out of bytes, the outcomes of a batch, its events over several connections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sized
from typing import TYPE_CHECKING, Any

from mediascribe_client import calls
from mediascribe_client.calls import Call
from mediascribe_client.errors import ConnectionFailedError, understood
from mediascribe_client.retries import Repeat, Retries
from mediascribe_client.steps import Sleep, Steps, failed

if TYPE_CHECKING:
    import httpx2

    from mediascribe_client.shapes import BatchEvent, ItemOutcome, Job, Output, SubmittedBatch

HEARTBEAT_SECONDS = 15.0
"""A stream of events is never silent for longer."""
END = "done"

OnItem = Callable[["ItemOutcome"], object]


def job_of(line: bytes) -> Job[Output]:
    """A line of the results of a batch."""
    from mediascribe_client.shapes import Job

    with understood():
        return Job.model_validate_json(line)


class Lines:
    """Puts lines together. They end with a line feed and nothing else, for texts contain all that Unicode takes for an end."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []

    def take(self, piece: bytes) -> Iterator[bytes]:
        """The lines that are whole now."""
        first, *more = piece.split(b"\n")
        self._rest.append(first)
        for line in more:
            whole = b"".join(self._rest)
            self._rest = [line]
            if whole.strip():
                yield whole

    def end(self) -> Iterator[bytes]:
        """The last one, where no line feed follows it."""
        whole = b"".join(self._rest)
        if whole.strip():
            yield whole


class Tally:
    """Reads what became of the items of a batch: a document, or a line for each item and a summary."""

    def __init__(self, items: object, on_item: OnItem | None) -> None:
        self._on_item = on_item
        self._keeps_all = isinstance(items, Sized) and on_item is None
        self.wants_lines = self._keeps_all or on_item is not None
        """Else nobody would read them."""
        self._outcomes: dict[int, ItemOutcome] = {}
        self._summary: dict[str, Any] | None = None

    def take(self, line: bytes) -> None:
        """One line."""
        from mediascribe_client.shapes import ItemOutcome

        with understood():
            document = dict(json.loads(line))
            if "index" not in document:
                self._summary = document.get("summary", document)
                return
            outcome = ItemOutcome(index=document["index"], job_id=document.get("id"), error=document.get("error"))
        if self._keeps_all:
            self._outcomes[outcome.index] = outcome
        if self._on_item is not None:
            self._on_item(outcome)

    def batch(self, call: Call[None]) -> SubmittedBatch:
        """All of it. Raises ConnectionFailedError where the answer broke off."""
        from mediascribe_client.shapes import SubmittedBatch

        if self._summary is None:
            error = ConnectionFailedError("the answer ended before its summary")
            error.idempotency_key = call.idempotency_key
            raise error
        if not self._keeps_all:
            with understood():
                return SubmittedBatch.model_validate(self._summary)
        ordered = [self._outcomes[index] for index in sorted(self._outcomes)]
        refusals = [each.error for each in ordered if each.error is not None]
        told = {"job_ids": [each.job_id for each in ordered], "refusals": refusals, "refusals_left_out": 0}
        return SubmittedBatch.model_validate(self._summary | told)


class Following:
    """The events of a batch, over as many connections as it takes; each goes on after the last event that was seen."""

    def __init__(self, batch_id: str, retries: Retries, *, last_event_id: str | None) -> None:
        self._batch_id = batch_id
        self._retries = retries
        self._last_event_id = last_event_id
        self._fruitless = 0
        self.is_over = False

    def call(self) -> Call[None]:
        """Opens the next connection."""
        patience = 3 * HEARTBEAT_SECONDS
        return calls.follow_batch(self._batch_id, last_event_id=self._last_event_id, least_read_seconds=patience)

    def open(self, answer: httpx2.Response) -> bool:
        """Are there events in this answer? If not, the caller has seen all."""
        self.is_over = answer.status_code == 204  # noqa: PLR2004 - No Content
        return not self.is_over

    def take(self, told: httpx2.ServerSentEvent) -> BatchEvent:
        """One event."""
        from mediascribe_client.shapes import BatchEvent

        self._fruitless = 0
        self._last_event_id = told.id or self._last_event_id
        self.is_over = told.event == END
        return BatchEvent.model_validate({**json.loads(told.data), "event": told.event, "id": told.id})

    def broke_off(self, error: Exception | None) -> Steps[None]:
        """The pause before the next connection. Raises ConnectionFailedError where one after the other brings nothing."""
        self._fruitless += 1
        why = ConnectionFailedError("the stream of events ends again and again before the batch is done")
        if error is not None:
            why = failed(error, self.call())
        pause = self._retries.pause_seconds(why, attempt=self._fruitless, repeat=Repeat.ALWAYS, chance=0.5)
        if pause is None:
            raise why
        yield Sleep(pause)
