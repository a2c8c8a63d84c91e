"""Every way in which the client fails: one hierarchy. Each error has a stable code and says whether asking again may help."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """One field, parameter or item that is wrong."""

    field: str
    code: str
    detail: str
    index: int | None = None
    """Of an item in a batch, from 0."""


class MediascribeError(Exception):
    """The root of all errors of this package."""

    code = "internal"
    """Stable; compare this and not the words."""
    retryable = False
    """May the same succeed later?"""
    request_id: str | None = None
    """What to report to whoever runs the server."""
    idempotency_key: str | None = None
    """Of a request that makes work: send it again with this key, and nothing is made twice."""


class ConnectionFailedError(MediascribeError):
    """No answer, or not all of it."""

    code = "connection_failed"
    retryable = True
    is_unsent = False
    """Is it certain that the server has seen nothing of the request?"""


class RequestTimeoutError(ConnectionFailedError):
    """The server took longer than `timeout_seconds`."""

    code = "request_timeout"


class ApiError(MediascribeError):
    """The server answered with a problem (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, retry_after_seconds: float | None = None) -> None:
        self.status = status
        self.problem = problem
        """The whole document; empty where something between sent another answer."""
        self.code = str(problem.get("code", f"http_{status}"))
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        self.retryable = bool(problem.get("retryable", status in _RETRYABLE))
        self.request_id = problem.get("request_id")
        told = problem.get("errors") or ()
        self.errors = tuple(_field_error(each) for each in told if isinstance(each, Mapping))
        """Each field or item that is wrong."""
        self.retry_after_seconds = retry_after_seconds
        """When the server says to ask again."""
        super().__init__(f"{self.code} ({status}): {self.detail or self.title}")


_RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})


class InvalidRequestError(ApiError):
    """The request is wrong; `errors` names each field or item."""


class AuthenticationError(ApiError):
    """There is no key, or it is not valid."""


class PermissionDeniedError(ApiError):
    """The key does not allow this."""


class NotFoundError(ApiError):
    """There is no such thing, or it belongs to somebody else."""


class ConflictError(ApiError):
    """It does not go with the state that the thing is in."""


class RateLimitedError(ApiError):
    """Too many requests, for longer than the client waits by itself."""


class ServerError(ApiError):
    """A fault of the server, or it is away."""


class UnexpectedAnswerError(MediascribeError):
    """Something answered that is no mediascribe: is `base_url` right?"""

    code = "unexpected_answer"


class WaitTimeoutError(MediascribeError):
    """The time given to a wait is over. What was waited for goes on."""

    code = "wait_timeout"
    retryable = True


class JobFailedError(MediascribeError):
    """A job has no result: `code` is its failure code, or `no_result` where it was cancelled or is not done."""

    def __init__(self, message: str, *, code: str, retryable: bool, job_id: str) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.job_id = job_id


class WebhookVerificationError(MediascribeError):
    """A message that claims to be a webhook is not to be believed. Answer 400 and do nothing."""

    code = "webhook_invalid"


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitedError,
}
_SERVERS_FAULT = 500


def api_error(status: int, problem: Mapping[str, Any], *, retry_after_seconds: float | None = None) -> ApiError:
    """The error that an answer is."""
    kind = _BY_STATUS.get(status, ServerError if status >= _SERVERS_FAULT else ApiError)
    return kind(status, problem, retry_after_seconds=retry_after_seconds)


@contextmanager
def understood() -> Iterator[None]:
    """Reads an answer. Raises UnexpectedAnswerError where it is none of ours."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise UnexpectedAnswerError("the answer is none of mediascribe's; is base_url right?") from error


def _field_error(shape: Mapping[str, Any]) -> FieldError:
    return FieldError(
        field=str(shape.get("field", "")),
        code=str(shape.get("code", "")),
        detail=str(shape.get("detail", "")),
        index=shape.get("index"),
    )
