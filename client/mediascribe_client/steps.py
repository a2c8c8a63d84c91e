"""What a client does beyond one request: retrying and waiting, written once for both clients.

These are generators that do nothing themselves: they yield what is to be sent or slept, and are given what came of it.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mediascribe_client import calls
from mediascribe_client.calls import Call
from mediascribe_client.errors import (
    ApiError,
    ConnectionFailedError,
    RequestTimeoutError,
    WaitTimeoutError,
    api_error,
    understood,
)
from mediascribe_client.retries import Retries, asked_pause_seconds

if TYPE_CHECKING:
    import httpx2

    from mediascribe_client.shapes import BatchReport, Job, OutputT

T = TypeVar("T")

LONGEST_POLL_SECONDS = 25.0
"""Of one long poll: short enough for what stands between, which often gives up after 30 or 60 seconds."""
LOOK_SECONDS = 0.5
MOST_LOOK_SECONDS = 10.0
LONGEST_DETAIL_CHARS = 300


@dataclass(frozen=True)
class Sleep:
    """Do nothing for so long."""

    seconds: float


Steps = Generator["Call[Any] | Sleep", "httpx2.Response | Exception | None", T]
"""Sent are the answer to a call, or the exception that came instead."""


def ask(call: Call[Any], retries: Retries) -> Steps[httpx2.Response]:
    """The answer to a call, after as many attempts as it may take. Raises MediascribeError."""
    for attempt in itertools.count(1):
        outcome = yield call
        assert outcome is not None
        if not isinstance(outcome, Exception) and outcome.is_success:
            return outcome
        error = failed(outcome, call) if isinstance(outcome, Exception) else _problem(outcome)
        error.idempotency_key = call.idempotency_key
        pause = retries.pause_seconds(error, attempt=attempt, repeat=call.repeat, chance=random.random())
        if pause is None:
            raise error
        yield Sleep(pause)
    raise AssertionError("counting does not end")


def asked(call: Call[T], retries: Retries) -> Steps[T]:
    """What the answer to a call says. Raises MediascribeError."""
    answer = yield from ask(call, retries)
    with understood():
        return call.read(answer)


def wait_for_job(
    job: Job[OutputT] | str,
    retries: Retries,
    *,
    timeout_seconds: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Job[OutputT]]:
    """A job, as soon as it is done. Raises WaitTimeoutError."""
    job_id = job if isinstance(job, str) else job.id
    ends = _end(timeout_seconds, clock)
    while True:
        began = clock()
        wait_seconds = min(LONGEST_POLL_SECONDS, max(0.0, ends - began))
        job = yield from asked(calls.get_job(job_id, wait_seconds=wait_seconds), retries)
        if job.is_done:
            return job
        if clock() >= ends:
            raise WaitTimeoutError(f"{job_id} is still {job.state} after {timeout_seconds} seconds; it goes on")
        if clock() - began < wait_seconds / 2:  # a server that is leaving does not wait
            yield Sleep(min(1.0, max(0.0, ends - clock())))


def wait_for_batch(
    batch_id: str, retries: Retries, *, timeout_seconds: float | None, clock: Callable[[], float] = time.monotonic
) -> Steps[BatchReport]:
    """A batch, as soon as all its jobs are done; looked at less often the longer it takes. Raises WaitTimeoutError."""
    ends = _end(timeout_seconds, clock)
    pause = LOOK_SECONDS
    while True:
        report = yield from asked(calls.get_batch(batch_id), retries)
        if report.is_done:
            return report
        if clock() >= ends:
            words = f"{report.done} of {report.total} jobs of {batch_id} are done after {timeout_seconds} seconds; it goes on"
            raise WaitTimeoutError(words)
        yield Sleep(min(pause, max(0.0, ends - clock())))
        pause = min(MOST_LOOK_SECONDS, pause * 1.5)


def failed(error: Exception, call: Call[Any]) -> ConnectionFailedError:
    """What an exception of httpx2 means."""
    import httpx2

    kind = RequestTimeoutError if isinstance(error, httpx2.TimeoutException) else ConnectionFailedError
    ours = kind(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    ours.retryable = not isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol)
    ours.is_unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
    ours.idempotency_key = call.idempotency_key
    ours.__cause__ = error
    return ours


def _problem(answer: httpx2.Response) -> ApiError:
    """The problem that an answer tells; what stands between may tell it in a page of its own."""
    problem: Any = None
    if "json" in answer.headers.get("content-type", ""):
        try:
            problem = answer.json()
        except ValueError:
            problem = None
    if not isinstance(problem, dict):
        detail = " ".join(answer.text.split())[:LONGEST_DETAIL_CHARS]
        problem = {"title": answer.reason_phrase, "detail": detail or answer.headers.get("location", "")}
    problem.setdefault("request_id", answer.headers.get("x-request-id"))
    return api_error(answer.status_code, problem, retry_after_seconds=asked_pause_seconds(answer.headers))


def _end(timeout_seconds: float | None, clock: Callable[[], float]) -> float:
    return float("inf") if timeout_seconds is None else clock() + timeout_seconds
