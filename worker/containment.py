"""Containing what code raises: an attempt, and a kind's own code, end in a `Failure`, whatever they raise."""

from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from models.failures import Failure, FailureCode, FailureError, failure

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


def contained(code: Callable[..., Result], *arguments: Any) -> Result:
    """What a kind's own code returns; whatever it raises is a failure of this job.

    A SystemExit or KeyboardInterrupt that escaped from one of several tasks would end the event loop, and all jobs with it.
    """
    try:
        return code(*arguments)
    except FailureError:
        raise
    except BaseException as error:
        raise FailureError(failure_of(error)) from error


def failure_of(error: BaseException) -> Failure:
    """Any exception of an attempt as a failure; several at once (clips side by side) as the first of them."""
    if isinstance(error, BaseExceptionGroup):
        return failure_of(error.exceptions[0])
    if isinstance(error, FailureError):
        return error.failure
    log.error("unexpected error in an attempt", exc_info=error)
    words = f"An unexpected {type(error).__name__} stopped the attempt; the worker's log has the details."
    return failure(FailureCode.INTERNAL, words, exception=type(error).__name__)
