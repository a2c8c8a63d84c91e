"""Exceptions as problems: each is translated here once. What is not foreseen says nothing of its inside."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from api.problems import STATUSES, FieldError, Problem, ProblemCode, ProblemError
from media.storage.base import StorageError
from models.database import DatabaseNotReadyError, DatabaseUnavailableError
from models.failures import Failure, FailureCode, FailureError
from models.store.receipts import KeyReusedError
from models.store.uploads import UploadLostError
from worker.submit import RefusedError

log = structlog.get_logger(__name__)

RETRY_SECONDS = 2
"""When to ask again where nobody knows."""
PLACES = frozenset({"body", "query", "path", "header"})

_OF_STATUS: Mapping[int, ProblemCode] = {
    **{int(status): code for code, status in reversed(list(STATUSES.items()))},
    HTTPStatus.UNPROCESSABLE_ENTITY: ProblemCode.INVALID_REQUEST,
}
"""The general code of a status that the framework answers with."""

_DETAILS: Mapping[ProblemCode, str] = {
    ProblemCode.NOT_FOUND: "there is nothing at this path",
    ProblemCode.METHOD_NOT_ALLOWED: "this path has other methods; see Allow",
    ProblemCode.TOO_LARGE: "the body is larger than MEDIASCRIBE_API_MAX_BODY_BYTES allows; send a stream of items to /v1/batches",
    ProblemCode.MALFORMED: "the body cannot be read as JSON",
}


def problem_of(error: Exception) -> Problem:
    """The problem that an exception is."""
    if isinstance(error, ProblemError):
        return error.problem
    for kind, translate in _TRANSLATIONS.items():
        if isinstance(error, kind):
            return translate(error)
    log.error("a request failed", exc_info=error)
    words = "a fault of mediascribe; the server's log says more under this request_id"
    return Problem(code=ProblemCode.INTERNAL, detail=words)


def failure_error(why: Failure, index: int | None = None) -> FieldError:
    """A refused item or field."""
    return FieldError(index=index, field=str(why.detail.get("field", "")), code=str(why.code), detail=why.message)


def validation_errors(error: ValidationError, *, index: int | None = None) -> list[FieldError]:
    """What pydantic found wrong, without what was given: that may be a secret."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [FieldError(index=index, field=_path(each["loc"]), code=each["type"], detail=each["msg"]) for each in found]


M = TypeVar("M", bound=BaseModel)


def read_body(model: type[M], raw: bytes) -> M:
    """The body as that model. Raises ProblemError: malformed, invalid_request."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        errors = validation_errors(error)
        if errors[0].code == "json_invalid":
            raise ProblemError(ProblemCode.MALFORMED, f"the body cannot be read as JSON: {errors[0].detail}") from error
        raise invalid(errors) from error


def invalid(errors: list[FieldError]) -> ProblemError:
    """The problem that these fields are."""
    words = f"{errors[0].field or 'the body'}: {errors[0].detail}"
    return ProblemError(ProblemCode.INVALID_REQUEST, words, errors=errors)


def _path(place: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in (place[1:] if place and place[0] in PLACES else place))


def _of_framework(error: Any) -> Problem:
    code = _OF_STATUS.get(error.status_code, ProblemCode.INTERNAL)
    return Problem(code=code, detail=_DETAILS.get(code, str(error.detail)), headers=error.headers or {})


def _of_validation(error: Any) -> Problem:
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return Problem(code=ProblemCode.MALFORMED, detail=_DETAILS[ProblemCode.MALFORMED])
    errors = [FieldError(field=_path(each["loc"]), code=each["type"], detail=each["msg"]) for each in found]
    first = errors[0]
    return Problem(
        code=ProblemCode.INVALID_REQUEST, detail=f"{first.field or 'the body'}: {first.detail}", errors=errors
    )


def _of_refusal(error: Any) -> Problem:
    errors = [failure_error(why, index) for index, why in sorted(error.problems.items())]
    words = errors[0].detail if len(errors) == 1 else str(error)
    return Problem(code=ProblemCode.INVALID_REQUEST, detail=words, errors=errors)


def _of_failure(error: Any) -> Problem:
    why: Failure = error.failure
    if why.code is FailureCode.INVALID_OPTIONS:
        return Problem(code=ProblemCode.INVALID_REQUEST, detail=why.message, errors=[failure_error(why)])
    return Problem(code=ProblemCode.UNAVAILABLE, detail=why.message, retryable=why.retryable)


def _of_database(error: Any) -> Problem:  # noqa: ARG001 - its words name the server's address
    words = "the database does not answer or is not ready; nothing was done"
    return Problem(code=ProblemCode.UNAVAILABLE, detail=words, headers={"Retry-After": str(RETRY_SECONDS)})


def _of_reuse(error: Any) -> Problem:  # noqa: ARG001 - it says nothing more
    words = "Idempotency-Key was used for a request with another body; take another key for another request"
    return Problem(code=ProblemCode.IDEMPOTENCY_KEY_REUSED, detail=words)


def _of_storage(error: Any) -> Problem:
    if error.is_full:
        words = "there is no room left for uploads; nothing of it was kept"
        return Problem(code=ProblemCode.NO_ROOM, detail=words)
    log.error("the storage of uploads failed", reason=str(error))
    words = "the storage of uploads does not answer; nothing of it was kept"
    return Problem(code=ProblemCode.UNAVAILABLE, detail=words, headers={"Retry-After": str(RETRY_SECONDS)})


def _of_lost_upload(error: Any) -> Problem:  # noqa: ARG001 - it says nothing more
    return Problem(code=ProblemCode.UNAVAILABLE, detail="the upload took too long to be kept; send it again")


_TRANSLATIONS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    RequestValidationError: _of_validation,
    HTTPException: _of_framework,
    RefusedError: _of_refusal,
    FailureError: _of_failure,
    KeyReusedError: _of_reuse,
    StorageError: _of_storage,
    UploadLostError: _of_lost_upload,
    DatabaseUnavailableError: _of_database,
    DatabaseNotReadyError: _of_database,
}
