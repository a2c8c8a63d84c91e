"""`/v1/bulk-actions`: cancel or retry many jobs at once. Workers do it; the action tells how far they are."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api import parameters as given
from api.access import Caller, Reader, Writer
from api.answers import json_answer, page_answer, problems, tagged_answer
from api.bodies import NewBulkActionBody
from api.bulk_schemas import BulkActionPage, BulkActionShape, BulkPreview
from api.cursors import read_cursor, write_cursor
from api.jobs import batch_id_of
from api.parts import Parts, Wired
from api.problems import FieldError, ProblemCode, ProblemError
from models.store import bulk_actions, queries
from models.store.bulk_actions import BulkActionView, NewBulkAction
from models.store.queries import JobFilter
from models.store.receipts import AnsweredBeforeError
from worker.shapes import bulk_action_shape, preview_shape

router = APIRouter(tags=["bulk actions"], dependencies=[Depends(given.refuse_unknown)])


@router.post(
    "/v1/bulk-actions",
    operation_id="create_bulk_action",
    status_code=HTTPStatus.ACCEPTED,
    response_model=BulkActionShape,
    responses={**problems(400, 404, 413, 422), 200: {"model": BulkPreview, "description": "What it would do now"}},
)
def create_bulk_action(
    request: Request,
    parts: Wired,
    caller: Writer,
    body: NewBulkActionBody,
    digest: given.Digest,
    key: given.IdempotencyKey = None,
) -> Response:
    """Cancel or retry all jobs of a filter, or of some ids. Jobs that are made later are not touched.

    With `preview` nothing is done.
    """
    asked_once = given.once(request, caller, key, digest)
    wanted = _wanted(parts, caller, body)
    new = NewBulkAction(action=body.action, wanted=wanted, reason=body.reason, key_id=caller.key_id)
    if body.preview:
        found = bulk_actions.preview_bulk_action(parts.database, new)
        return json_answer(preview_shape(found, action=body.action))
    try:
        action_id = bulk_actions.create_bulk_action(parts.database, new, request=asked_once)
    except AnsweredBeforeError as known:
        return _accepted(bulk_action_of(parts, caller, known.answer["bulk_action_id"]), is_replay=True)
    parts.submitted()
    return _accepted(bulk_action_of(parts, caller, action_id), is_replay=False)


def _wanted(parts: Parts, caller: Caller, body: NewBulkActionBody) -> JobFilter:
    """The jobs that are meant, all of them the caller's. Raises ProblemError: not_found, invalid_request naming ids."""
    if body.ids is not None:
        ids = tuple(dict.fromkeys(body.ids))
        known = queries.owned_among(parts.database, ids, owner=caller.owner)
        errors = [
            FieldError(index=index, field="ids", code="not_found", detail=f"there is no job {job_id!r}")
            for index, job_id in enumerate(body.ids)
            if job_id not in known
        ]
        if errors:
            raise ProblemError(ProblemCode.INVALID_REQUEST, errors[0].detail, errors=errors)
        return JobFilter(owner=caller.owner, ids=ids)
    assert body.filter is not None
    asked = body.filter
    batch_id = None if asked.batch is None else batch_id_of(parts, caller, asked.batch)
    return JobFilter(
        owner=caller.owner, state=asked.state, kind=asked.kind, batch_id=batch_id, error_code=asked.error,
        since=asked.since, until=asked.until, search=asked.search,
    )  # fmt: skip


def _accepted(view: BulkActionView, *, is_replay: bool) -> Response:
    replayed = {"Idempotency-Replayed": "true"} if is_replay else {}
    location = f"/v1/bulk-actions/{view.id}"
    return json_answer(bulk_action_shape(view), status=HTTPStatus.ACCEPTED, Location=location, **replayed)


@router.get(
    "/v1/bulk-actions", operation_id="list_bulk_actions", response_model=BulkActionPage, responses=problems(400, 422)
)
def list_bulk_actions(
    request: Request, parts: Wired, caller: Reader, limit: given.Limit = 50, cursor: given.Cursor = None
) -> Response:
    """List bulk actions, newest first: who asked for what, and what came of it."""
    before = read_cursor(cursor, {}, prefix="blk")
    views = bulk_actions.list_bulk_actions(parts.database, owner=caller.owner, limit=limit + 1, before=before)
    following = write_cursor(views[limit - 1].id, {}) if len(views) > limit else None
    shapes = [bulk_action_shape(view) for view in views[:limit]]
    return page_answer(request, {"bulk_actions": shapes, "next_cursor": following})


@router.get(
    "/v1/bulk-actions/{bulk_action_id}",
    operation_id="get_bulk_action",
    response_model=BulkActionShape,
    responses={**problems(404, 422), 304: {"description": "Not Modified"}},
)
def get_bulk_action(request: Request, parts: Wired, caller: Reader, bulk_action_id: str) -> Response:
    """One bulk action, and how far it is."""
    return tagged_answer(request, bulk_action_shape(bulk_action_of(parts, caller, bulk_action_id)))


@router.post(
    "/v1/bulk-actions/{bulk_action_id}/abort",
    operation_id="abort_bulk_action",
    response_model=BulkActionShape,
    responses=problems(404, 409, 422),
)
def abort_bulk_action(parts: Wired, caller: Writer, bulk_action_id: str) -> Response:
    """Stop it where it is. What was done stays done."""
    view = bulk_action_of(parts, caller, bulk_action_id)
    if not bulk_actions.abort_bulk_action(parts.database, view.id, owner=caller.owner):
        raise ProblemError(ProblemCode.CONFLICT, f"{view.id} has {view.state}: there is nothing to abort")
    return json_answer(bulk_action_shape(bulk_action_of(parts, caller, view.id)))


def bulk_action_of(parts: Parts, caller: Caller, bulk_action_id: str) -> BulkActionView:
    """The caller's bulk action. Raises ProblemError(not_found)."""
    checked = given.check_id(bulk_action_id, "blk")
    view = bulk_actions.find_bulk_action(parts.database, checked, owner=caller.owner)
    if view is None:
        raise given.not_found("bulk action", bulk_action_id)
    return view
