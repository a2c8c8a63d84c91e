"""What a worker has to store: ended attempts, calls, paid answers. Values only; `models.store.record` writes them.

One constructor for each move by which a worker ends its attempt sets every field that the move sets, so that no caller
can combine them wrongly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models.failures import Failure, Nature
from models.state import MOVES, JobState, Move


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedJob:
    """A job as its worker holds it: what to do, and the claim number that fences its writes."""

    id: str
    batch_id: str
    owner: str
    kind: str
    source: str
    options: Mapping[str, Any]
    model: str
    """That is asked: the job's own, or the fallback of its lane."""
    lane: str
    """That it is asked in."""
    own_model: str
    """That it was submitted for."""
    attempts: int
    """Counted attempts, this one included."""
    max_attempts: int
    claim: int
    worker_id: str
    reuse: bool
    """May a stored answer to the same question be used?"""
    refused_seconds: float | None = None
    """When it was claimed: since an attempt in a tier without a promise of room first found none. None: none has."""
    deadline_in_seconds: float | None = None
    """When it was claimed: until its deadline, if it has one."""
    deadline_after_seconds: float | None = None
    """From its submission to its deadline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRecord:
    """One request to Gemini as it is stored."""

    id: str
    clip: int
    lane: str
    """In which it was asked: not that of the job, where that found no room."""
    model: str
    model_version: str | None
    http_status: int | None
    finish_reason: str | None
    response_id: str | None
    failure: Failure | None
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int
    input_by_modality: Mapping[str, int]
    cost_usd: Decimal | None
    duration_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerRecord:
    """A paid and checked answer of one clip."""

    clip_hash: str
    model_version: str | None
    answer: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How an attempt ends: one move and everything that it sets."""

    move: Move
    counts_attempt: bool = True
    delay_seconds: float | None = None
    failure: Failure | None = None
    output: Mapping[str, Any] | None = None
    question_hash: str | None = None
    model_version: str | None = None
    reused_from: str | None = None

    @property
    def state(self) -> JobState:
        """Where the move leads."""
        return MOVES[self.move].target


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a job is: in clips, and for a recording in its own seconds. The totals grow while it is prepared."""

    done: int
    total: int
    seconds_done: float | None = None
    seconds_total: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One group of facts about one claim, stored together.

    Calls and answers are stored always, the ending only if the claim still owns the job.
    """

    job: ClaimedJob
    calls: tuple[CallRecord, ...] = ()
    answers: tuple[AnswerRecord, ...] = ()
    progress: Progress | None = None
    ending: Ending | None = None


def succeeded(
    output: Mapping[str, Any], *, question_hash: str | None, model_version: str | None, reused_from: str | None = None
) -> Ending:
    """The result is complete."""
    return Ending(
        move=Move.SUCCEED,
        output=output,
        question_hash=question_hash,
        model_version=model_version,
        reused_from=reused_from,
    )


def succeeded_partly(output: Mapping[str, Any], *, failure: Failure, model_version: str | None) -> Ending:
    """There is a result, and something is missing from it for good; `failure` says why."""
    return Ending(move=Move.SUCCEED_PARTLY, output=output, failure=failure, model_version=model_version)


def failed(failure: Failure) -> Ending:
    """No result."""
    return Ending(move=Move.FAIL, failure=failure)


def waits(failure: Failure, *, delay_seconds: float, counts_attempt: bool | None = None) -> Ending:
    """Try again after the delay; unless it is said otherwise, only a transient failure counts as an attempt."""
    counts = failure.nature is Nature.TRANSIENT if counts_attempt is None else counts_attempt
    return Ending(move=Move.WAIT, failure=failure, delay_seconds=delay_seconds, counts_attempt=counts)


def given_back() -> Ending:
    """The worker leaves before the job is done; the attempt is not counted."""
    return Ending(move=Move.GIVE_BACK, counts_attempt=False)


def cancelled() -> Ending:
    """Somebody asked for it."""
    return Ending(move=Move.CANCEL)
