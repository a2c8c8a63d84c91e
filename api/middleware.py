"""The frame of every request: an id, one line of log, and a problem document whatever goes wrong inside."""

import re
import time
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem_of
from api.problems import ProblemCode, ProblemError, problem_response
from api.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import MutableMapping

log = structlog.get_logger("api.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
LONGEST_PATH = 200
SAFETY = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
STREAMED_PATHS = frozenset({"/v1/batches", "/v1/jobs"})
"""Their route reads the body itself, piece by piece."""
CLOSED_REQUEST = 499
"""Logged where the client went away before an answer began."""


class Frame:
    """Outermost of ours: nothing leaves it without a request id, and no exception does."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["request_id"] = _request_id(Headers(scope=scope).get("x-request-id"))
        began, status, answered_at = time.perf_counter(), CLOSED_REQUEST, 0.0
        self._traffic.begin()

        async def send_framed(message: Message) -> None:
            nonlocal status, answered_at
            if message["type"] == "http.response.start":
                status, answered_at = message["status"], time.perf_counter()
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = state["request_id"]
                for name, value in SAFETY.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_framed)
        except ClientDisconnect:
            pass
        except Exception as error:  # whatever it is, the client gets a problem document
            if status != CLOSED_REQUEST:
                raise  # the answer has begun: only breaking it off says that it is not whole
            await problem_response(problem_of(error), state["request_id"])(scope, receive, send_framed)
        finally:
            ended_at = time.perf_counter()
            self._traffic.end(scope, status, seconds=(answered_at or ended_at) - began)
            _log(scope, status, seconds=ended_at - began)


class Bodies:
    """Refuses bodies that no route reads, before they are read: too large, compressed, of another type."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ProblemError; within a route HTTPException(413)."""
        if scope["type"] != "http" or scope["path"] in STREAMED_PATHS:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        has_body = length not in {"", "0"} or "transfer-encoding" in headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if has_body and (kind != "application/json" or headers.get("content-encoding", "identity") != "identity"):
            words = "the body must be application/json, not compressed"
            raise ProblemError(ProblemCode.UNSUPPORTED_MEDIA_TYPE, words)
        seen = 0

        async def receive_counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        await self._app(scope, receive_counted, send)


def _request_id(given: str | None) -> str:
    return given if given is not None and REQUEST_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"


def _log(scope: Scope, status: int, *, seconds: float) -> None:
    """One line; the query is left out, for people put secrets there."""
    state = scope["state"]
    caller = state.get("caller")
    log.info(
        "request",
        method=scope["method"],
        path=scope["path"][:LONGEST_PATH],
        status=int(status),
        milliseconds=round(seconds * 1_000, 1),
        request_id=state["request_id"],
        key=caller and caller.key_id,
    )
