"""`/v1/jobs`: submit one, look at them, wait for one, take its result, stop it, try it again."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import parameters as given
from api.access import Caller, Reader, Writer
from api.answers import json_answer, page_answer, problems, tagged, tagged_answer
from api.bodies import NewJobBody
from api.cursors import read_cursor, write_cursor
from api.parts import Parts, Wired
from api.problems import ProblemCode, ProblemError
from api.results import ResultFormat, result_of
from api.schemas import JobPage, JobShape
from api.sources import check_source
from api.together import Together, together_of
from api.waiting import Watcher, watcher_of
from models.failures import FailureError
from models.state import FINAL
from models.store import admin, queries, reports
from models.store.queries import JobFilter, JobView
from models.store.receipts import AnsweredBeforeError, KeyReusedError
from models.store.singles import Single
from worker.shapes import job_shape
from worker.submit import sort_out

router = APIRouter(tags=["jobs"], dependencies=[Depends(given.refuse_unknown)])


@router.post(
    "/v1/jobs",
    operation_id="submit_job",
    status_code=HTTPStatus.ACCEPTED,
    response_model=JobShape,
    responses=problems(400, 409, 413, 422),
)
async def submit_job(
    request: Request,
    parts: Wired,
    caller: Writer,
    together: Annotated[Together, Depends(together_of)],
    body: NewJobBody,
    digest: given.Digest,
    key: given.IdempotencyKey = None,
) -> Response:
    """Submit one job. It is stored when the answer comes; workers do it as soon as they can."""
    asked_once = given.once(request, caller, key, digest)
    item = body.item()
    check_source(caller, item.source)
    jobs, refused = sort_out([item], parts.settings, parts.prices, owner=caller.owner)
    if refused:
        raise FailureError(refused[0])
    outcome = await together.ask(Single(owner=caller.owner, job=jobs[0], request=asked_once))
    if isinstance(outcome, KeyReusedError):
        raise outcome
    if isinstance(outcome, AnsweredBeforeError):
        known = await run_in_threadpool(job_of, parts, caller, outcome.answer["job_ids"][0])
        return _accepted(known, is_replay=True)
    return _accepted(outcome, is_replay=False)


def _accepted(view: JobView, *, is_replay: bool) -> Response:
    replayed = {"Idempotency-Replayed": "true"} if is_replay else {}
    return json_answer(job_shape(view), status=HTTPStatus.ACCEPTED, Location=f"/v1/jobs/{view.id}", **replayed)


@router.get("/v1/jobs", operation_id="list_jobs", response_model=JobPage, responses=problems(400, 404, 422))
def list_jobs(
    request: Request, parts: Wired, caller: Reader, state: given.State = None, kind: given.Kind = None,
    batch: given.Batch = None, error: given.Error = None, since: given.Since = None, search: given.Search = None,
    limit: given.Limit = 50, cursor: given.Cursor = None,
) -> Response:  # fmt: skip
    """List jobs, newest first. Filters that are given must all match."""
    asked = {"state": state, "kind": kind, "batch": batch, "error": error, "since": since, "search": search}
    before = read_cursor(cursor, asked, prefix="job")
    batch_id = None if batch is None else batch_id_of(parts, caller, batch)
    wanted = JobFilter(
        owner=caller.owner, state=state, kind=kind, batch_id=batch_id, error_code=error, since=since, search=search
    )
    views = queries.list_jobs(parts.database, wanted, limit=limit + 1, before=before)
    following = write_cursor(views[limit - 1].id, asked) if len(views) > limit else None
    shapes = [job_shape(view) for view in views[:limit]]
    return page_answer(request, {"jobs": shapes, "next_cursor": following})


def batch_id_of(parts: Parts, caller: Caller, named: str) -> str:
    """The id of the caller's batch of that id or name. Raises ProblemError(not_found)."""
    if named.startswith("bat_"):
        given.check_id(named, "bat")
    batch = reports.find_batch(parts.database, named, owner=caller.owner)
    if batch is None:
        raise given.not_found("batch", named)
    return batch.id


@router.get(
    "/v1/jobs/{job_id}",
    operation_id="get_job",
    response_model=JobShape,
    responses={**problems(404, 422), 304: {"description": "Not Modified"}},
)
async def get_job(
    request: Request,
    parts: Wired,
    caller: Reader,
    job_id: str,
    watcher: Annotated[Watcher, Depends(watcher_of)],
    wait: given.Wait = 0.0,
) -> Response:
    """One job with its output; at once, or with `wait` as soon as it is done."""
    view = await run_in_threadpool(job_of, parts, caller, job_id)
    if wait and view.state not in FINAL:
        await watcher.wait_for(job_id, seconds=wait)
        view = await run_in_threadpool(job_of, parts, caller, job_id)
    answer = tagged_answer(request, job_shape(view))
    if view.state not in FINAL:
        answer.headers["Retry-After"] = "1"
    return answer


def job_of(parts: Parts, caller: Caller, job_id: str) -> JobView:
    """The caller's job, with its output. Raises ProblemError(not_found)."""
    wanted = JobFilter(ids=(given.check_id(job_id, "job"),), owner=caller.owner)
    found = queries.list_jobs(parts.database, wanted, limit=1, with_output=True)
    if not found:
        raise given.not_found("job", job_id)
    return found[0]


@router.get(
    "/v1/jobs/{job_id}/result",
    operation_id="get_result",
    response_class=Response,
    responses={
        **problems(404, 409, 422),
        200: {
            "description": "The output as JSON, or as text",
            "content": {"application/json": {"schema": {"type": "object"}}}
            | {form.media_type: {"schema": {"type": "string"}} for form in ResultFormat if form is not ResultFormat.JSON},
        },
        304: {"description": "Not Modified"},
    },
)  # fmt: skip
def get_result(
    request: Request,
    parts: Wired,
    caller: Reader,
    job_id: str,
    form: Annotated[
        ResultFormat, Query(alias="format", description="Subtitles are of recordings.")
    ] = ResultFormat.JSON,
) -> Response:
    """What a finished job yields: its output alone."""
    view = job_of(parts, caller, job_id)
    name = f'attachment; filename="{view.id}.{form}"'
    return tagged(request, result_of(view, form), media_type=form.media_type, **{"Content-Disposition": name})


@router.post(
    "/v1/jobs/{job_id}/cancel",
    operation_id="cancel_job",
    response_model=JobShape,
    responses=problems(404, 409, 422),
)
def cancel_job(parts: Wired, caller: Writer, job_id: str) -> Response:
    """Stop a job that is not done. One that runs ends within seconds."""
    view = job_of(parts, caller, job_id)
    if not admin.cancel(parts.database, [job_id]):
        raise ProblemError(ProblemCode.CONFLICT, f"{job_id} is {view.state}: there is nothing to cancel")
    return json_answer(job_shape(job_of(parts, caller, job_id)))


@router.post(
    "/v1/jobs/{job_id}/retry",
    operation_id="retry_job",
    status_code=HTTPStatus.ACCEPTED,
    response_model=JobShape,
    responses=problems(400, 404, 409, 422),
)
def retry_job(
    request: Request, parts: Wired, caller: Writer, job_id: str, digest: given.Digest, key: given.IdempotencyKey = None
) -> Response:
    """Queue a failed, partial or cancelled job again, with all its attempts anew."""
    view = job_of(parts, caller, job_id)
    asked_once = given.once(request, caller, key, digest)
    try:
        if asked_once is None:
            was_possible = bool(admin.retry(parts.database, [job_id]))
        else:
            was_possible = admin.retry_once(parts.database, job_id, asked_once)
    except AnsweredBeforeError:
        return _accepted(job_of(parts, caller, job_id), is_replay=True)
    if not was_possible:
        raise ProblemError(ProblemCode.CONFLICT, f"{job_id} is {view.state}: there is nothing to retry")
    parts.submitted()
    return _accepted(job_of(parts, caller, job_id), is_replay=False)
