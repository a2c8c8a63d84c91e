"""`POST /v1/jobs`: one job, as JSON that names its media item, or as a form with the file itself."""

import hashlib
import json
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import forms
from api import parameters as given
from api.access import Caller, Writer
from api.answers import problems
from api.bodies import NewJobBody
from api.errors import read_body
from api.job_form import JobForm
from api.jobs import accepted, job_of
from api.parts import Parts, Wired
from api.problems import FieldError, ProblemCode, ProblemError
from api.schemas import SubmittedJob
from api.sources import check_source
from api.streams import whole_body
from api.together import Together, together_of
from api.uploads import FIELD, Room, room_of
from media.storage.names import upload_source
from models.failures import FailureError
from models.store.receipts import AnsweredBeforeError, KeyReusedError
from models.store.receipts import Request as OnceRequest
from models.store.singles import Single
from models.store.submit import NewBatch, NewJob, submit
from models.store.uploads import NewUpload
from worker.submit import Item, sort_out

JSON = "application/json"
OVERHEAD_BYTES = 1 << 16
"""What a form has beside the contents of its fields, at most."""

router = APIRouter(tags=["jobs"], dependencies=[Depends(given.refuse_unknown)])


@router.post(
    "/v1/jobs",
    operation_id="submit_job",
    status_code=HTTPStatus.ACCEPTED,
    response_model=SubmittedJob,
    responses=problems(400, 408, 409, 413, 415, 422, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"$ref": "#/components/schemas/NewJobBody"}},
                forms.MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/NewJobForm"},
                    "example": {"kind": "caption", "file": "(the bytes of the file)", "client_ref": "photo-17"},
                },
            },
        }
    },
)
async def submit_job(
    request: Request,
    parts: Wired,
    caller: Writer,
    room: Annotated[Room, Depends(room_of)],
    together: Annotated[Together, Depends(together_of)],
    key: given.IdempotencyKey = None,
) -> Response:
    """Submit one job. It is stored when the answer comes; workers do it as soon as they can.

    `multipart/form-data` brings the file itself in the field `file`, beside the other fields in any order; the answer tells its
    SHA-256. Nothing of it is left where the job is refused or the client breaks off.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity") != "identity" or kind not in (JSON, forms.MEDIA_TYPE):
        words = f"the body must be {JSON} or {forms.MEDIA_TYPE}, not compressed"
        raise ProblemError(ProblemCode.UNSUPPORTED_MEDIA_TYPE, words)
    if kind == JSON:
        raw = await whole_body(request, max_bytes=parts.settings.api_max_body_bytes)
        asked_once = given.once(request, caller, key, hashlib.sha256(raw).hexdigest())
        return await _take_named(parts, caller, together, raw, asked_once)
    given.read_key(key)  # or a file would come for nothing
    with room.taken():
        return await _take_form(request, parts, caller, key)


async def _take_named(
    parts: Parts, caller: Caller, together: Together, raw: bytes, asked_once: OnceRequest | None
) -> Response:
    item = read_body(NewJobBody, raw).item()
    check_source(caller, item.source)
    outcome = await together.ask(Single(owner=caller.owner, job=_new_job(parts, caller, item), request=asked_once))
    if isinstance(outcome, KeyReusedError):
        raise outcome
    if isinstance(outcome, AnsweredBeforeError):
        known = await run_in_threadpool(job_of, parts, caller, outcome.answer["job_ids"][0])
        return accepted(known, is_replay=True)
    return accepted(outcome, is_replay=False)


def _new_job(parts: Parts, caller: Caller, item: Item) -> NewJob:
    jobs, refused = sort_out([item], parts.settings, parts.prices, owner=caller.owner)
    if refused:
        raise FailureError(refused[0])
    return jobs[0]


async def _take_form(request: Request, parts: Parts, caller: Caller, key: str | None) -> Response:
    form = JobForm(parts, caller.owner)
    is_kept = False
    try:
        async for piece in forms.pieces_of(request, _bounds(request, parts)):
            await form.take(piece)
        upload = form.file()
        response = await run_in_threadpool(_take_uploaded, request, parts, caller, form, upload, key)
        is_kept = "Idempotency-Replayed" not in response.headers
        return response
    finally:
        if not is_kept:
            await form.drop()


def _bounds(request: Request, parts: Parts) -> forms.Bounds:
    settings = parts.settings
    most = settings.api_max_upload_bytes + settings.api_max_body_bytes + OVERHEAD_BYTES
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        words = f"file may have {settings.api_max_upload_bytes:,} bytes at most (MEDIASCRIBE_API_MAX_UPLOAD_BYTES)"
        raise ProblemError(ProblemCode.TOO_LARGE, words, errors=[FieldError(field=FIELD, detail=words)])
    return forms.Bounds(
        max_bytes=most, total_seconds=settings.api_upload_timeout_seconds, idle_seconds=settings.api_upload_idle_seconds
    )  # fmt: skip


def _take_uploaded(
    request: Request, parts: Parts, caller: Caller, form: JobForm, upload: NewUpload, key: str | None
) -> Response:
    assert form.upload is not None
    body = form.body(source=upload_source(upload.id, form.upload.name))
    facts = {"fields": form.texts, "sha256": upload.sha256, "name": form.upload.name}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    told = {"sha256": upload.sha256, "size_bytes": upload.size_bytes, "name": form.upload.name}
    job = _new_job(parts, caller, replace(body.item(), upload=upload))
    try:
        made = submit(
            parts.database, NewBatch(owner=caller.owner), [job], request=given.once(request, caller, key, digest)
        )
    except AnsweredBeforeError as known:
        return accepted(job_of(parts, caller, known.answer["job_ids"][0]), is_replay=True, upload=told)
    parts.submitted()
    return accepted(job_of(parts, caller, made.job_ids[0]), is_replay=False, upload=told)
