"""`/v1/batches`: look at them, take their results, follow them, stop them. `submitting` takes them in."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api import parameters as given
from api.access import Caller, Reader, Writer
from api.answers import json_answer, page_answer, problems, tagged_answer
from api.cursors import read_cursor, write_cursor
from api.events import EVENT_SCHEMA, Places, places_of, progress_of
from api.parts import Parts, Wired
from api.schemas import BatchPage, BatchReport, Changed
from api.streams import in_portions
from models.store import admin, queries, reports
from models.store.queries import JobFilter
from models.store.reports import BatchView
from worker.outputs import STREAMS
from worker.shapes import batch_report_shape, batch_shape

router = APIRouter(tags=["batches"], dependencies=[Depends(given.refuse_unknown)])


class StreamFormat(StrEnum):
    """What the results of a batch can be written as."""

    JSONL = "jsonl"
    CSV = "csv"


_MEDIA_TYPES = {StreamFormat.JSONL: "application/x-ndjson", StreamFormat.CSV: "text/csv"}


@router.get("/v1/batches", operation_id="list_batches", response_model=BatchPage, responses=problems(400, 422))
def list_batches(
    request: Request, parts: Wired, caller: Reader, limit: given.Limit = 50, cursor: given.Cursor = None
) -> Response:
    """List batches, newest first."""
    before = read_cursor(cursor, {}, prefix="bat")
    views = reports.list_batches(parts.database, limit=limit + 1, owner=caller.owner, before=before)
    following = write_cursor(views[limit - 1].id, {}) if len(views) > limit else None
    return page_answer(request, {"batches": [batch_shape(view) for view in views[:limit]], "next_cursor": following})


@router.get(
    "/v1/batches/{batch_id}",
    operation_id="get_batch",
    response_model=BatchReport,
    responses={**problems(404, 422), 304: {"description": "Not Modified"}},
)
def get_batch(request: Request, parts: Wired, caller: Reader, batch_id: str) -> Response:
    """One batch: counts by state, what it used and cost, how it goes on."""
    view = batch_of(parts, caller, batch_id)
    totals = reports.totals(parts.database, JobFilter(batch_id=view.id))
    return tagged_answer(request, batch_report_shape(view, totals))


def batch_of(parts: Parts, caller: Caller, batch_id: str) -> BatchView:
    """The caller's batch. Raises ProblemError(not_found)."""
    view = reports.find_batch(parts.database, given.check_id(batch_id, "bat"), owner=caller.owner)
    if view is None:
        raise given.not_found("batch", batch_id)
    return view


@router.get(
    "/v1/batches/{batch_id}/results",
    operation_id="get_batch_results",
    response_class=Response,
    responses={
        **problems(404, 422),
        200: {
            "description": "One job a line, oldest first, with its output",
            "content": {form: {"schema": {"type": "string"}} for form in _MEDIA_TYPES.values()},
        },
    },
)
def get_batch_results(
    parts: Wired,
    caller: Reader,
    batch_id: str,
    form: Annotated[StreamFormat, Query(alias="format")] = StreamFormat.JSONL,
) -> Response:
    """All jobs of a batch with their outputs, as a stream; those that are not done come without one."""
    view = batch_of(parts, caller, batch_id)
    views = queries.iterate_jobs(parts.database, JobFilter(batch_id=view.id))
    headers = {"Content-Disposition": f'attachment; filename="{view.id}.{form}"'}
    return StreamingResponse(in_portions(STREAMS[form](views)), media_type=_MEDIA_TYPES[form], headers=headers)


@router.post(
    "/v1/batches/{batch_id}/cancel", operation_id="cancel_batch", response_model=Changed, responses=problems(404, 422)
)
def cancel_batch(parts: Wired, caller: Writer, batch_id: str) -> Response:
    """Stop all jobs of a batch that are not done."""
    view = batch_of(parts, caller, batch_id)
    return json_answer({"changed": admin.cancel_batch(parts.database, view.id)})


@router.get(
    "/v1/batches/{batch_id}/events",
    operation_id="follow_batch",
    response_class=Response,
    responses={
        **problems(404, 422),
        200: {
            "description": "Server-sent events: `progress` with counts by state when they change, `done` at the end",
            "content": {"text/event-stream": {"schema": EVENT_SCHEMA}},
        },
        204: {"description": "Nothing more will happen: the client has seen the end"},
    },
)
async def follow_batch(
    parts: Wired,
    caller: Reader,
    batch_id: str,
    places: Annotated[Places, Depends(places_of)],
    last_event_id: given.LastEventId = None,
) -> Response:
    """Follow a batch until it is done. Every event tells all counts, so none is missed by a client that was away."""
    view = await run_in_threadpool(batch_of, parts, caller, batch_id)
    return await progress_of(parts, view, places, last_event_id=last_event_id)
