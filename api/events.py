"""Server-sent events of a batch: its counts by state, whenever they change, and `done` at the end.

Every event tells all counts, and its id is made of them. So whoever comes back with `Last-Event-ID` misses nothing and is told
nothing twice: if the counts are still those of that id, the next event is the next change; if the batch is done and the client
knows it, the answer is 204, upon which a browser does not come again.
"""

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.parts import Parts
from api.problems import ProblemCode, ProblemError
from models.database import DatabaseNotReadyError, DatabaseUnavailableError
from models.state import FINAL, JobState
from models.store import reports
from models.store.queries import JobFilter
from models.store.reports import BatchView

LOOK_SECONDS = 0.25
"""Least time between two looks."""
COST_OF_LOOKING = 20
"""Looking takes at most this fraction of the time: a batch of a million is counted less often."""
HEARTBEAT_SECONDS = 15.0
MOST_STREAMS = 20
"""Of one owner at the same time, in each process."""
HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}

EVENT_SCHEMA = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["progress", "done"]},
        "id": {"type": "string"},
        "data": {"type": "string", "description": "JSON: total, done, and states with their counts."},
    },
}

Counts = Mapping[JobState, int]


class Places:
    """Counts the streams that are open. Lives on the server's loop."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def check(self, owner: str) -> None:
        """Raises ProblemError(rate_limited) where the owner has as many as may be."""
        if self._taken[owner] >= MOST_STREAMS:
            words = f"{MOST_STREAMS} streams of events are open already; end one, or ask for the batch now and then"
            raise ProblemError(ProblemCode.RATE_LIMITED, words, headers={"Retry-After": "5"})

    @contextmanager
    def taken(self, owner: str) -> Iterator[None]:
        """One more is open as long as the block lasts."""
        self._taken[owner] += 1
        try:
            yield
        finally:
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]


async def places_of(request: Request) -> Places:
    """Those of the app that serves this request."""
    places: Places = request.app.state.places
    return places


async def progress_of(parts: Parts, batch: BatchView, places: Places, *, last_event_id: str | None) -> Response:
    """The stream of a batch from where the client has come to. Raises ProblemError(rate_limited)."""
    counts = await _counts(parts, batch.id)
    known = (last_event_id or "").rpartition("-")[2]
    if is_done(counts) and known == mark(counts):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    places.check(batch.owner)
    return StreamingResponse(_events(parts, batch, places, known), media_type="text/event-stream", headers=HEADERS)


async def _events(parts: Parts, batch: BatchView, places: Places, known: str) -> AsyncIterator[str]:
    spoke_at = time.monotonic()
    with places.taken(batch.owner):
        while not parts.leaving.is_set():
            began = time.monotonic()
            counts = await _counts_if_there(parts, batch.id)
            if counts is not None and mark(counts) != known:
                known, spoke_at = mark(counts), began
                yield event(counts)
            if counts is not None and is_done(counts):
                return
            if began - spoke_at >= HEARTBEAT_SECONDS:
                spoke_at = began
                yield ": still here\n\n"
            await asyncio.sleep(max(LOOK_SECONDS, COST_OF_LOOKING * (time.monotonic() - began)))


async def _counts(parts: Parts, batch_id: str) -> Counts:
    return await run_in_threadpool(reports.count_states, parts.database, JobFilter(batch_id=batch_id))


async def _counts_if_there(parts: Parts, batch_id: str) -> Counts | None:
    try:
        return await _counts(parts, batch_id)
    except (DatabaseUnavailableError, DatabaseNotReadyError):
        return None  # the stream goes on when it is back


def is_done(counts: Counts) -> bool:
    """Are all jobs in a final state?"""
    return all(state in FINAL for state, count in counts.items() if count)


def mark(counts: Counts) -> str:
    """The same for the same counts."""
    told = json.dumps({str(state): count for state, count in counts.items()}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def event(counts: Counts) -> str:
    """The counts as an event. Its id rises with the time."""
    total = sum(counts.values())
    done = sum(count for state, count in counts.items() if state in FINAL)
    data = {"total": total, "done": done, "states": {str(state): count for state, count in counts.items()}}
    name = "done" if is_done(counts) else "progress"
    return f"event: {name}\nid: {time.time_ns() // 1_000_000}-{mark(counts)}\ndata: {json.dumps(data)}\n\n"
