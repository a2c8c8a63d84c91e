"""`POST /v1/batches`: a JSON list at once, or a stream of lines that may be a million items long."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from api import parameters as given
from api.access import Caller, Writer
from api.answers import json_answer, problems
from api.bodies import Name, NewBatchBody
from api.errors import read_body
from api.intake import GROUP, MOST_REFUSALS, Intake
from api.parts import Parts, Wired
from api.problems import FieldError, ProblemCode, ProblemError
from api.schemas import SubmittedBatch
from api.streams import groups_of_lines, whole_body
from models.store import admin, reports
from models.store.receipts import AnsweredBeforeError
from models.store.receipts import Request as OnceRequest
from models.store.submit import NewBatch
from worker.shapes import batch_shape
from worker.submit import check_batch

NDJSON = "application/x-ndjson"
JSON = "application/json"

router = APIRouter(tags=["batches"], dependencies=[Depends(given.refuse_unknown)])


@router.post(
    "/v1/batches",
    operation_id="submit_batch",
    status_code=HTTPStatus.ACCEPTED,
    response_model=SubmittedBatch,
    responses=problems(400, 409, 413, 415, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"$ref": "#/components/schemas/NewBatchBody"}},
                NDJSON: {
                    "schema": {"type": "string", "description": "One NewJobBody a line."},
                    "example": '{"kind": "caption", "source": "https://example.com/1.jpg"}\n'
                    '{"kind": "transcribe", "source": "https://example.com/talk.mp3", "client_ref": "talk-7"}\n',
                },
            },
        }
    },
)
async def submit_batch(
    request: Request,
    parts: Wired,
    caller: Writer,
    key: given.IdempotencyKey = None,
    name: Annotated[Name | None, Query(description="Of a stream: the batch's name.")] = None,
    budget_usd: Annotated[
        Decimal | None,
        Query(gt=0, le=1_000_000_000, allow_inf_nan=False, description="Of a stream: what may be spent on the batch."),
    ] = None,
) -> Response:
    """Submit many jobs. Each item is accepted or refused by itself, and what is accepted is stored when the answer comes.

    `application/json` takes up to 10,000 items and makes all of the batch or nothing of it. `application/x-ndjson` takes an
    item a line, up to a million; with `Accept: application/x-ndjson` the answer has a line for each item and a summary at its
    end. A stream that breaks off is cancelled; with an Idempotency-Key what was accepted stays, and the same stream sent
    again makes what is missing.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity") != "identity" or kind not in _READERS:
        raise ProblemError(ProblemCode.UNSUPPORTED_MEDIA_TYPE, f"the body must be {JSON} or {NDJSON}, not compressed")
    batch = NewBatch(owner=caller.owner, name=name, budget_usd=budget_usd)
    return await _READERS[kind](request, parts, caller, batch, key)


async def _read_list(request: Request, parts: Parts, caller: Caller, named: NewBatch, key: str | None) -> Response:
    if named.name is not None or named.budget_usd is not None:
        words = "name and budget_usd of a JSON batch go into its body"
        raise ProblemError(ProblemCode.INVALID_REQUEST, words, errors=[FieldError(field="name", detail=words)])
    raw = await whole_body(request, max_bytes=parts.settings.api_max_body_bytes)
    asked_once = given.once(request, caller, key, hashlib.sha256(raw).hexdigest())
    return await run_in_threadpool(_take_list, parts, caller, read_body(NewBatchBody, raw), asked_once)


def _take_list(parts: Parts, caller: Caller, body: NewBatchBody, asked_once: OnceRequest | None) -> Response:
    batch = NewBatch(owner=caller.owner, name=body.name, budget_usd=body.budget_usd)
    check_batch(batch)
    intake = Intake(parts, caller, batch)
    made: dict[int, str] = {}
    try:
        made = intake.take_once(list(enumerate(body.items)), asked_once)
    except AnsweredBeforeError as known:
        return _replayed(parts, caller, known.answer)
    ids = [made.get(index) for index in range(len(body.items))]
    return _accepted(_shape(parts, caller, intake, job_ids=ids))


def _replayed(parts: Parts, caller: Caller, answer: Mapping[str, Any]) -> Response:
    view = reports.find_batch(parts.database, answer["batch_id"], owner=caller.owner)
    if view is None:
        raise ProblemError(ProblemCode.CONFLICT, "the batch that this request made was purged")
    made = dict(zip(answer["indexes"], answer["job_ids"], strict=True))
    count = len(made) + answer["refused"]
    shape = {
        "batch": batch_shape(view), "accepted": len(made), "refused": answer["refused"],
        "job_ids": [made.get(index) for index in range(count)], "refusals": answer["refusals"],
        "refusals_left_out": answer["refused"] - len(answer["refusals"]),
    }  # fmt: skip
    return _accepted(shape, **{"Idempotency-Replayed": "true"})


async def _read_stream(request: Request, parts: Parts, caller: Caller, batch: NewBatch, key: str | None) -> Response:
    check_batch(batch)
    read = given.read_key(key)
    intake = Intake(parts, caller, batch, key=read)
    wants_lines = NDJSON in request.headers.get("accept", "")
    if wants_lines:
        intake.report.keep_outcomes()
    settings = parts.settings
    try:
        async for group in groups_of_lines(
            request, size=GROUP, max_line_bytes=settings.api_max_body_bytes, max_lines=settings.api_max_items
        ):
            await run_in_threadpool(intake.take, group)
    except (ClientDisconnect, ProblemError):
        if read is None and intake.batch_id is not None:  # whoever sends it again would pay twice
            await run_in_threadpool(admin.cancel_batch, parts.database, intake.batch_id)
            await run_in_threadpool(intake.close)
        raise  # with a key the rest may come; if it does not, the batch is closed after a while
    await run_in_threadpool(intake.close)
    shape = await run_in_threadpool(_shape, parts, caller, intake, job_ids=None)
    if not wants_lines:
        return _accepted(shape)
    return StreamingResponse(
        _lines(intake, shape), status_code=HTTPStatus.ACCEPTED, media_type=NDJSON, headers=_location(shape)
    )


def _lines(intake: Intake, shape: Mapping[str, Any]) -> Iterator[bytes]:
    yield from intake.report.lines()
    yield json.dumps({"summary": {**shape, "refusals": []}}).encode() + b"\n"


def _shape(parts: Parts, caller: Caller, intake: Intake, *, job_ids: list[str | None] | None) -> dict[str, Any]:
    """What became of all items. Raises ProblemError(invalid_request) where none was accepted."""
    report = intake.report
    if intake.batch_id is None:
        words = "no item can be accepted" if report.refused else "there is no item in it"
        errors = [FieldError(**{name: each[name] for name in _ERROR}) for each in report.refusals]
        raise ProblemError(ProblemCode.INVALID_REQUEST, words, errors=errors)
    view = reports.find_batch(parts.database, intake.batch_id, owner=caller.owner)
    assert view is not None
    return {
        "batch": batch_shape(view), "accepted": report.accepted, "refused": report.refused, "job_ids": job_ids,
        "refusals": report.refusals[:MOST_REFUSALS], "refusals_left_out": report.refused - len(report.refusals),
    }  # fmt: skip


_ERROR = ("index", "field", "code", "detail")


def _location(shape: Mapping[str, Any]) -> dict[str, str]:
    return {"Location": f"/v1/batches/{shape['batch']['id']}"}


def _accepted(shape: Mapping[str, Any], **headers: str) -> Response:
    return json_answer(shape, status=HTTPStatus.ACCEPTED, **_location(shape), **headers)


_READERS: Mapping[str, Callable[..., Awaitable[Response]]] = {JSON: _read_list, NDJSON: _read_stream}
"""Content type -> how such a batch comes in."""
