"""Problems: every error that the API answers with, as one document (RFC 9457).

The code is the promise. `type` is its URN, `title` what it means in general, `detail` what happened this time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""Bad fields or items that one problem spells out."""


class ProblemCode(StrEnum):
    """Every reason for which a request is refused."""

    MALFORMED = "malformed"
    """The body or a header cannot be read."""
    BAD_CURSOR = "bad_cursor"
    """The cursor is not one of this list; ask again without it."""
    UNAUTHENTICATED = "unauthenticated"
    """There is no key, or it is not valid."""
    FORBIDDEN = "forbidden"
    """The key is valid and does not allow this."""
    NOT_FOUND = "not_found"
    """There is no such thing, or it belongs to somebody else."""
    METHOD_NOT_ALLOWED = "method_not_allowed"
    """The path has other methods."""
    CONFLICT = "conflict"
    """What is asked does not go with the state that the thing is in."""
    NO_RESULT = "no_result"
    """The job has no result, or none yet."""
    TOO_LARGE = "too_large"
    """The body is larger than allowed."""
    TIMED_OUT = "timed_out"
    """The body did not come in time."""
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    """The body is of a type that this path does not read."""
    INVALID_REQUEST = "invalid_request"
    """A parameter, a field or an item is wrong; `errors` names each."""
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    """The idempotency key was used for another request."""
    RATE_LIMITED = "rate_limited"
    """Too many requests; `Retry-After` says when to ask again."""
    NO_ROOM = "no_room"
    """There is no room left for uploads; nothing of it was kept."""
    INTERNAL = "internal"
    """A fault of mediascribe."""
    UNAVAILABLE = "unavailable"
    """The database does not answer, or the server leaves; ask again."""


STATUSES: Mapping[ProblemCode, HTTPStatus] = {
    ProblemCode.MALFORMED: HTTPStatus.BAD_REQUEST,
    ProblemCode.BAD_CURSOR: HTTPStatus.BAD_REQUEST,
    ProblemCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ProblemCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ProblemCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ProblemCode.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    ProblemCode.CONFLICT: HTTPStatus.CONFLICT,
    ProblemCode.NO_RESULT: HTTPStatus.CONFLICT,
    ProblemCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ProblemCode.TIMED_OUT: HTTPStatus.REQUEST_TIMEOUT,
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ProblemCode.INVALID_REQUEST: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.IDEMPOTENCY_KEY_REUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ProblemCode.NO_ROOM: HTTPStatus.INSUFFICIENT_STORAGE,
    ProblemCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    ProblemCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}

RETRYABLE = frozenset(
    {
        ProblemCode.RATE_LIMITED, ProblemCode.UNAVAILABLE, ProblemCode.INTERNAL, ProblemCode.TIMED_OUT,
        ProblemCode.NO_ROOM,
    }
)  # fmt: skip
"""The same request may succeed later, unless the problem itself says otherwise."""


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """One field, parameter or item that is wrong."""

    field: str
    """Such as `options.prompt` or `limit`; for an item of a list, its field."""
    detail: str
    code: str = "invalid"
    index: int | None = None
    """Which item of a list, from 0."""

    def shape(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"index": self.index, "field": self.field, "code": self.code, "detail": self.detail}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What went wrong with one request."""

    code: ProblemCode
    detail: str
    retryable: bool | None = None
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> HTTPStatus:
        """Of the answer."""
        return STATUSES[self.code]

    def shape(self, request_id: str) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "type": f"urn:mediascribe:problem:{self.code}",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "code": str(self.code),
            "request_id": request_id,
            "retryable": self.code in RETRYABLE if self.retryable is None else self.retryable,
            "errors": [error.shape() for error in self.errors[:MOST_ERRORS]],
        }


class ProblemError(Exception):
    """A request ends with this problem."""

    def __init__(self, code: ProblemCode, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.problem = Problem(code=code, detail=detail, **more)


def problem_response(problem: Problem, request_id: str) -> JSONResponse:
    """The answer."""
    return JSONResponse(
        problem.shape(request_id), status_code=problem.status, headers=dict(problem.headers), media_type=MEDIA_TYPE
    )
