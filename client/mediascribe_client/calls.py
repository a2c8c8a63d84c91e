"""Requests as values: what to ask, and how to read the answer. Nothing here sends, so both clients share it.

A new route of the API is one function here (or in `operations`: bulk actions, webhooks) and one line in each client.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from mediascribe_client.bodies import NDJSON, Body, FormBody, Items, JsonBody, LinesBody, LocalFile
from mediascribe_client.given import JobFields, JobFilters, Kind, NewJob, TextFormat
from mediascribe_client.retries import Repeat

if TYPE_CHECKING:
    import httpx2

    from mediascribe_client.shapes import Batch, BatchReport, Job

T = TypeVar("T")

PAGE_ITEMS = 200
KEY = "Idempotency-Key"
CANCEL_SECONDS = 300.0
"""So long a server may take to stop a million jobs."""


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request, and what its answer means."""

    method: str
    path: str
    read: Callable[[httpx2.Response], T]
    """Of an answer that is there in full. What streams is read by whoever asked."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    repeat: Repeat = Repeat.ALWAYS
    is_stream: bool = False
    least_read_seconds: float = 0.0
    """So long the answer may take to go on, however impatient the client is."""

    def opened(self) -> AbstractContextManager[Mapping[str, Any]]:
        """What httpx2 builds the body of, as long as the block lasts. Raises OSError for a file."""
        return nullcontext({}) if self.body is None else self.body.opened()

    @property
    def idempotency_key(self) -> str | None:
        """Of a request that makes work."""
        return self.headers.get(KEY)


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of a list, and how to ask for more."""

    items: Sequence[T]
    following: Call[Page[T]] | None


def submit_job(kind: Kind, source: str | LocalFile, fields: JobFields, *, key: str | None) -> Call[Job[Any]]:
    """Submit one job."""
    key = key or new_key()
    body: Body
    if isinstance(source, LocalFile):
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        boundary = uuid.uuid5(uuid.NAMESPACE_OID, key).hex  # of the key, which itself may hold what a boundary may not
        body = FormBody(fields={"kind": kind, **texts}, file=source, boundary=boundary)
    else:
        body = JsonBody({"kind": kind, "source": source, **fields})
    return Call(method="POST", path="/v1/jobs", body=body, headers={KEY: key}, read=shape_of("Job"))


def get_job(job_id: str, *, wait_seconds: float = 0.0) -> Call[Job[Any]]:
    """One job; with `wait_seconds`, 60 at most, as soon as it is done."""
    query = {"wait": f"{wait_seconds:.3f}"} if wait_seconds else {}
    patience = wait_seconds + 10.0 if wait_seconds else 0.0
    return Call(method="GET", path=_job_path(job_id), query=query, least_read_seconds=patience, read=shape_of("Job"))


def list_jobs(filters: JobFilters, *, cursor: str | None = None) -> Call[Page[Job[Any]]]:
    """A page of jobs, newest first, without their outputs."""
    query = {name: str(value) for name, value in filters.items()}
    if since := filters.get("since"):
        query["since"] = since.isoformat()
    return Call(
        method="GET", path="/v1/jobs", query=query | place_of(cursor), read=page_of("jobs", "Job", filters, list_jobs)
    )


def get_output(job_id: str) -> Call[dict[str, Any]]:
    """The output alone."""
    return Call(method="GET", path=_job_path(job_id, "/result"), read=lambda answer: dict(answer.json()))


def get_text(job_id: str, form: TextFormat) -> Call[str]:
    """The output as text or subtitles."""
    return Call(
        method="GET", path=_job_path(job_id, "/result"), query={"format": form}, read=lambda answer: answer.text
    )


def cancel_job(job_id: str) -> Call[Job[Any]]:
    """Stop a job that is not done."""
    return Call(method="POST", path=_job_path(job_id, "/cancel"), repeat=Repeat.IF_NOT_DONE, read=shape_of("Job"))


def retry_job(job_id: str, *, key: str | None) -> Call[Job[Any]]:
    """Queue a failed, partial or cancelled job again."""
    return Call(method="POST", path=_job_path(job_id, "/retry"), headers={KEY: key or new_key()}, read=shape_of("Job"))


def submit_batch(
    items: Items | AsyncIterable[NewJob], *, name: str | None, budget_usd: Decimal | None, key: str | None,
    with_outcomes: bool,
) -> Call[None]:  # fmt: skip
    """Submit many jobs; the answer is one document, or with outcomes a line for each item and a summary.

    Items that come only once cannot be sent again. Without a key the server cancels what it has of a stream that broke off, so
    those get none by themselves.
    """
    body = LinesBody(items)
    key = key or (new_key() if body.can_begin_anew else None)
    query = {"name": name, "budget_usd": None if budget_usd is None else str(budget_usd)}
    return Call(
        method="POST",
        path="/v1/batches",
        query={name: value for name, value in query.items() if value is not None},
        headers={"Accept": NDJSON if with_outcomes else "application/json"} | ({KEY: key} if key else {}),
        body=body,
        repeat=Repeat.ALWAYS if body.can_begin_anew else Repeat.IF_UNSENT,
        is_stream=True,
        read=nothing,
    )


def get_batch(batch_id: str) -> Call[BatchReport]:
    """Where a batch stands."""
    return Call(method="GET", path=_batch_path(batch_id), read=shape_of("BatchReport"))


def list_batches(filters: Mapping[str, Any], *, cursor: str | None = None) -> Call[Page[Batch]]:
    """A page of batches, newest first."""
    read = page_of("batches", "Batch", filters, list_batches)
    return Call(method="GET", path="/v1/batches", query=place_of(cursor), read=read)


def get_results(batch_id: str) -> Call[None]:
    """All jobs of a batch, oldest first, a line each."""
    return Call(method="GET", path=_batch_path(batch_id, "/results"), is_stream=True, read=nothing)


def cancel_batch(batch_id: str) -> Call[int]:
    """Stop all jobs of a batch that are not done; how many."""
    return Call(
        method="POST", path=_batch_path(batch_id, "/cancel"), repeat=Repeat.IF_NOT_DONE,
        least_read_seconds=CANCEL_SECONDS, read=lambda answer: int(answer.json()["changed"]),
    )  # fmt: skip


def follow_batch(batch_id: str, *, last_event_id: str | None, least_read_seconds: float) -> Call[None]:
    """The events of a batch, from where the caller has come to."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
    return Call(
        method="GET", path=_batch_path(batch_id, "/events"), headers=headers, is_stream=True,
        least_read_seconds=least_read_seconds, read=nothing,
    )  # fmt: skip


def new_key() -> str:
    """An idempotency key that nobody else has."""
    return uuid.uuid4().hex


def _job_path(job_id: str, rest: str = "") -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}{rest}"


def _batch_path(batch_id: str, rest: str = "") -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}{rest}"


def place_of(cursor: str | None) -> dict[str, str]:
    """Where a page of a list begins."""
    return {"limit": str(PAGE_ITEMS)} | ({"cursor": cursor} if cursor else {})


def shape_of(name: str) -> Callable[[httpx2.Response], Any]:
    """The reader of an answer that is one of our shapes. They are imported when the first answer comes, for pydantic is slow to."""

    def read(answer: httpx2.Response) -> Any:
        from mediascribe_client import shapes

        return getattr(shapes, name).model_validate(answer.json())

    return read


def nothing(answer: httpx2.Response) -> None:
    """What streams is read line by line."""


def page_of(
    name: str, shape: str, filters: Any, ask: Callable[..., Call[Page[T]]]
) -> Callable[[httpx2.Response], Page[T]]:
    """The reader of a page: its items are under `name`."""

    def read(answer: httpx2.Response) -> Page[T]:
        from mediascribe_client import shapes

        document = answer.json()
        cursor = document["next_cursor"]
        items = [getattr(shapes, shape).model_validate(each) for each in document[name]]
        return Page(items, ask(filters, cursor=cursor) if cursor else None)

    return read
