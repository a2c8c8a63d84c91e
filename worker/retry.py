"""Deciding what becomes of a job after an attempt: a pure function of what happened, the job, the policy and chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.failures import Failure, FailureCode, Nature
from models.moves import ClaimedJob, Ending, failed, given_back, succeeded, succeeded_partly, waits, waits_for_twin

TWIN_SECONDS, TWIN_MAX_SECONDS = 30.0, 600.0
"""A job that waits for its twin is woken when that ends; should that be missed, it looks again after so long, then later."""

LANE_HOLDS_SECONDS = 2.0
"""So long a job waits by itself whose lane is paused; then it is queued, and held back until the lane opens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How long to wait between attempts, in seconds."""

    base_seconds: float
    max_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What an attempt came to."""

    failures: Sequence[Failure] = ()
    """Of the item as a whole, or of single clips; none if all went well."""
    in_vain: Sequence[Failure] = ()
    """Of clips that were asked, got nothing that can be kept, and have to wait before they are asked once more."""
    output: Mapping[str, Any] | None = None
    """What can be stored as the result: all of it, or what the failed clips leave."""
    model_version: str | None = None
    reused_from: str | None = None
    is_twin: bool = False
    """Another job is asking the same now: nothing was done."""


def decide(outcome: Outcome, job: ClaimedJob, policy: RetryPolicy, *, jitter: float) -> Ending:
    """The one move that ends the attempt.

    `jitter` is a random number from [0, 1). In this order: one whose twin is asking waits for it; an interrupted job goes
    back; one that has to wait for quota waits; one that may yet succeed is tried again while it has attempts; then what
    there is, is stored; else it failed. Waiting for quota costs no attempt, unless a clip was asked and failed.
    """
    worst = _worst(outcome.failures)
    if worst is None:
        return _without_failure(outcome, job, jitter)
    if worst.nature is Nature.INTERRUPTED:
        return given_back()
    met = (*outcome.failures, *outcome.in_vain)
    tried = [failure for failure in met if failure.nature in {Nature.TRANSIENT, Nature.PERMANENT}]
    is_last = bool(tried) and job.attempts >= job.max_attempts
    # What is in a batch is paid for: the job ends when that is over.
    is_pending = any(failure.code is FailureCode.GEMINI_PENDING for failure in outcome.failures)
    if is_pending or (worst.nature is Nature.THROTTLED and not is_last):
        # A clip that was asked and failed counts, though it or another has to wait: else it would be paid for without end.
        delay = _throttled_delay(worst, policy, jitter)
        return waits(worst, delay_seconds=delay, counts_attempt=bool(tried) and not is_last)
    if worst.nature is Nature.TRANSIENT and not is_last:
        return waits(worst, delay_seconds=_backoff(job.attempts, worst, policy, jitter), counts_attempt=True)
    reason = _worst(tried) or worst
    if outcome.output is not None:
        return succeeded_partly(outcome.output, failure=reason, model_version=outcome.model_version)
    return failed(reason)


def _without_failure(outcome: Outcome, job: ClaimedJob, jitter: float) -> Ending:
    if outcome.is_twin:
        return waits_for_twin(delay_seconds=_twin_delay(job.claim, jitter))
    return succeeded(outcome.output or {}, model_version=outcome.model_version, reused_from=outcome.reused_from)


_URGENCY = (Nature.INTERRUPTED, Nature.THROTTLED, Nature.TRANSIENT, Nature.PERMANENT)


def _worst(failures: Sequence[Failure]) -> Failure | None:
    """The failure that decides: while any clip can still be had, the job goes on."""
    return min(failures, key=lambda failure: _URGENCY.index(failure.nature), default=None)


def _backoff(attempt: int, failure: Failure, policy: RetryPolicy, jitter: float) -> float:
    """Full jitter over a doubling span, but not before the other side asked us back."""
    span = min(policy.max_seconds, policy.base_seconds * 2.0 ** (attempt - 1))
    return max(span * jitter, _asked(failure, jitter))


def _twin_delay(claim: int, jitter: float) -> float:
    """When to look again should nobody have woken it: later each time, so that many twins of one job cost next to nothing."""
    return min(TWIN_MAX_SECONDS, TWIN_SECONDS * 2.0 ** min(claim - 1, 16)) * (1 + jitter / 10)


def _throttled_delay(failure: Failure, policy: RetryPolicy, jitter: float) -> float:
    """What the other side asked for; without a word from it, a span of its own, so that a crowd spreads out.

    What pauses the lane holds the job back by that pause, which may end early: a person resumes it, a budget is raised.
    """
    if failure.pauses_lane:
        return LANE_HOLDS_SECONDS * (1 + jitter)
    return _asked(failure, jitter) or policy.base_seconds * (1 + jitter * 4)


def _asked(failure: Failure, jitter: float) -> float:
    """The wait that was asked for, spread by up to a tenth (at least up to a second) beyond it."""
    asked = failure.retry_after_seconds
    return 0.0 if asked is None else asked + jitter * max(1.0, asked / 10)
