"""`/livez`: the process answers. `/readyz`: it can store jobs. Neither asks Gemini or the broker: both may be away."""

import time

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import OPEN, json_answer, problems
from api.parts import Wired
from api.problems import ProblemCode, ProblemError
from api.schemas import Health
from worker.ready_database import check_ready

router = APIRouter(tags=["health"])

READY_SECONDS = 1.0
"""So long an answer is believed, so that whoever asks often does not load the database."""


@router.get("/livez", operation_id="livez", response_model=Health, responses=problems(always=OPEN))
async def livez() -> Response:
    """Does the process answer?"""
    return json_answer({"status": "ok"})


@router.get("/readyz", operation_id="readyz", response_model=Health, responses=problems(always=OPEN))
def readyz(request: Request, parts: Wired) -> Response:
    """Can jobs be stored?"""
    if parts.leaving.is_set():
        raise ProblemError(ProblemCode.UNAVAILABLE, "the server leaves")
    if time.monotonic() >= request.app.state.ready_until:
        check_ready(parts.database)
        request.app.state.ready_until = time.monotonic() + READY_SECONDS
    return json_answer({"status": "ok"})
