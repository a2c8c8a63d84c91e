"""`/v1/stats`, `/v1/errors`, `/v1/usage`: sums of the caller's own; `/v1/lanes`, `/v1/workers`: what all owners share."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api import parameters as given
from api.access import Admin, Reader
from api.answers import json_answer, problems
from api.bodies import PauseBody
from api.counting import counted
from api.jobs import batch_id_of
from api.parts import Parts, Wired
from api.schemas import ErrorsShape, LaneShape, LanesShape, TotalsShape, UsageDocument, WorkersShape
from models.store import causes, lane_views, lanes, reports
from models.store.lane_views import LaneFacts
from models.store.queries import JobFilter
from models.store.usage import UsageBy, UsageFilter, usage, usage_by
from worker.shapes import (
    failure_group_shape,
    lane_facts_shape,
    pace_shape,
    totals_shape,
    usage_document,
    worker_shape,
)

router = APIRouter(tags=["reports"], dependencies=[Depends(given.refuse_unknown)])


@router.get("/v1/stats", operation_id="get_stats", response_model=TotalsShape, responses=problems(404, 422))
def get_stats(
    request: Request, parts: Wired, caller: Reader, kind: given.Kind = None, since: given.Since = None
) -> Response:
    """Your jobs by state, what they used and cost, and how the work goes on. With `since`, of very many jobs, as they stood `Age` seconds ago."""
    totals, age = counted(request, parts, JobFilter(owner=caller.owner, kind=kind, since=since))
    answer = json_answer({**totals_shape(totals), **pace_shape(totals)})
    answer.headers.update(age)
    return answer


@router.get("/v1/errors", operation_id="get_errors", response_model=ErrorsShape, responses=problems(404, 422))
def get_errors(
    parts: Wired, caller: Reader, kind: given.Kind = None, batch: given.Batch = None, since: given.Since = None
) -> Response:
    """Your failures by code and cause, the most frequent first, each with an example."""
    batch_id = None if batch is None else batch_id_of(parts, caller, batch)
    wanted = JobFilter(owner=caller.owner, kind=kind, batch_id=batch_id, since=since)
    groups = causes.failure_groups(parts.database, wanted)
    return json_answer({"errors": [failure_group_shape(group) for group in groups]})


@router.get("/v1/usage", operation_id="get_usage", response_model=UsageDocument, responses=problems(422))
def get_usage(
    parts: Wired,
    caller: Reader,
    by: Annotated[UsageBy, Query(description="A line for each of these.")] = UsageBy.DAY,
    since: Annotated[date | None, Query(description="Only from this day on; days are Pacific ones.")] = None,
) -> Response:
    """What your calls used and cost; it stays when jobs are purged."""
    wanted = UsageFilter(since=since, owner=caller.owner)
    rows, total = usage_by(parts.database, by, wanted), usage(parts.database, wanted)
    return json_answer(usage_document(rows, total, by=by, since=since))


@router.get("/v1/workers", operation_id="list_workers", response_model=WorkersShape, responses=problems(422))
def list_workers(parts: Wired, caller: Admin) -> Response:  # noqa: ARG001 - asks for the scope
    """The live workers."""
    found = reports.list_workers(parts.database, alive_seconds=parts.settings.lease_seconds)
    return json_answer({"workers": [worker_shape(view) for view in found if view.alive]})


@router.get("/v1/lanes", operation_id="list_lanes", response_model=LanesShape, responses=problems(422))
def list_lanes(parts: Wired, caller: Admin) -> Response:  # noqa: ARG001 - asks for the scope
    """The lanes: what pauses them, until when, their limits, jobs, and what they spent today."""
    limits = parts.settings.lane_limits
    return json_answer({"lanes": [lane_facts_shape(facts, limits=limits) for facts in _lanes(parts).values()]})


@router.post(
    "/v1/lanes/{lane:path}/pause",
    operation_id="pause_lane",
    response_model=LaneShape,
    responses=problems(400, 404, 413, 422),
)
def pause_lane(parts: Wired, caller: Admin, lane: str, body: PauseBody) -> Response:
    """Begin no further call of a lane. No job fails, and none spends an attempt."""
    _check_lane(parts, lane)
    who = f"by key {caller.key_id}" if caller.key_id else "by hand"
    reason = f"paused {who}" + (f": {body.reason.strip()}" if body.reason and body.reason.strip() else "")
    lanes.pause_by_hand(parts.database, lane, reason=reason, seconds=body.seconds)
    return _lane_answer(parts, lane)


@router.post(
    "/v1/lanes/{lane:path}/resume",
    operation_id="resume_lane",
    response_model=LaneShape,
    responses=problems(404, 422),
)
def resume_lane(parts: Wired, caller: Admin, lane: str) -> Response:  # noqa: ARG001 - asks for the scope
    """Open a lane, whoever paused it; its jobs go on within seconds."""
    _check_lane(parts, lane)
    lanes.resume(parts.database, lane)
    return _lane_answer(parts, lane)


def _lanes(parts: Parts) -> dict[str, LaneFacts]:
    found = lane_views.list_lanes(parts.database, also=[parts.settings.model])
    return {facts.name: facts for facts in found}


def _check_lane(parts: Parts, lane: str) -> None:
    if lane not in _lanes(parts):
        raise given.not_found("lane", lane)


def _lane_answer(parts: Parts, lane: str) -> Response:
    return json_answer(lane_facts_shape(_lanes(parts)[lane], limits=parts.settings.lane_limits))
