"""Failures as values: a stable code, one nature, words for a person, details for a machine.

Every way in which a job can go wrong is one `FailureCode`. The code is the promise (it is shown by the command
line, the API, the pages, the metrics and the docs); the nature says what may be done about it. Foreign exceptions
are translated into a `Failure` once, at the edge where they appear, and travel as `FailureError` from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Nature(StrEnum):
    """What may be done about a failure."""

    PERMANENT = "permanent"
    """Asking again gives the same answer: the job ends."""
    TRANSIENT = "transient"
    """May pass by itself: try again later, up to the job's limit of attempts."""
    THROTTLED = "throttled"
    """Not our turn (quota, a paused lane): wait as told, no attempt is spent."""
    INTERRUPTED = "interrupted"
    """The worker left or was lost: back to the queue at once, no attempt is spent."""


class FailureCode(StrEnum):
    """Every reason for which a job or a call can fail. Names are promises; add, never rename."""

    SOURCE_NOT_FOUND = "source_not_found"
    SOURCE_FORBIDDEN = "source_forbidden"
    SOURCE_UNREACHABLE = "source_unreachable"
    SOURCE_EXPIRED = "source_expired"
    SOURCE_CHANGED = "source_changed"
    MEDIA_EMPTY = "media_empty"
    MEDIA_UNSUPPORTED = "media_unsupported"
    MEDIA_CORRUPT = "media_corrupt"
    MEDIA_TOO_LARGE = "media_too_large"
    MEDIA_TOO_LONG = "media_too_long"
    MEDIA_TOO_SHORT = "media_too_short"
    MEDIA_NO_AUDIO = "media_no_audio"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_TIMEOUT = "decoder_timeout"
    GEMINI_REJECTED = "gemini_rejected"
    GEMINI_AUTH = "gemini_auth"
    GEMINI_MODEL_NOT_FOUND = "gemini_model_not_found"
    GEMINI_QUOTA = "gemini_quota"
    GEMINI_UNAVAILABLE = "gemini_unavailable"
    GEMINI_TIMEOUT = "gemini_timeout"
    GEMINI_PENDING = "gemini_pending"
    GEMINI_BLOCKED = "gemini_blocked"
    GEMINI_RECITATION = "gemini_recitation"
    GEMINI_TRUNCATED = "gemini_truncated"
    GEMINI_EMPTY = "gemini_empty"
    GEMINI_INVALID_OUTPUT = "gemini_invalid_output"
    GEMINI_DEGENERATE = "gemini_degenerate"
    GEMINI_NOT_HEARD = "gemini_not_heard"
    BUDGET_EXCEEDED = "budget_exceeded"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    WORKER_LOST = "worker_lost"
    INVALID_OPTIONS = "invalid_options"
    INTERNAL = "internal"


NATURES: Mapping[FailureCode, Nature] = {
    FailureCode.SOURCE_NOT_FOUND: Nature.PERMANENT,
    FailureCode.SOURCE_FORBIDDEN: Nature.PERMANENT,
    FailureCode.SOURCE_UNREACHABLE: Nature.TRANSIENT,
    FailureCode.SOURCE_EXPIRED: Nature.PERMANENT,
    FailureCode.SOURCE_CHANGED: Nature.TRANSIENT,
    FailureCode.MEDIA_EMPTY: Nature.PERMANENT,
    FailureCode.MEDIA_UNSUPPORTED: Nature.PERMANENT,
    FailureCode.MEDIA_CORRUPT: Nature.PERMANENT,
    FailureCode.MEDIA_TOO_LARGE: Nature.PERMANENT,
    FailureCode.MEDIA_TOO_LONG: Nature.PERMANENT,
    FailureCode.MEDIA_TOO_SHORT: Nature.PERMANENT,
    FailureCode.MEDIA_NO_AUDIO: Nature.PERMANENT,
    FailureCode.DECODER_CRASHED: Nature.TRANSIENT,
    FailureCode.DECODER_TIMEOUT: Nature.TRANSIENT,
    FailureCode.GEMINI_REJECTED: Nature.PERMANENT,
    FailureCode.GEMINI_AUTH: Nature.THROTTLED,
    FailureCode.GEMINI_MODEL_NOT_FOUND: Nature.THROTTLED,
    FailureCode.GEMINI_QUOTA: Nature.THROTTLED,
    FailureCode.GEMINI_UNAVAILABLE: Nature.TRANSIENT,
    FailureCode.GEMINI_TIMEOUT: Nature.TRANSIENT,
    FailureCode.GEMINI_PENDING: Nature.THROTTLED,
    FailureCode.GEMINI_BLOCKED: Nature.PERMANENT,
    FailureCode.GEMINI_RECITATION: Nature.TRANSIENT,
    FailureCode.GEMINI_TRUNCATED: Nature.TRANSIENT,
    FailureCode.GEMINI_EMPTY: Nature.TRANSIENT,
    FailureCode.GEMINI_INVALID_OUTPUT: Nature.TRANSIENT,
    FailureCode.GEMINI_DEGENERATE: Nature.TRANSIENT,
    FailureCode.GEMINI_NOT_HEARD: Nature.TRANSIENT,
    FailureCode.BUDGET_EXCEEDED: Nature.THROTTLED,
    FailureCode.DEADLINE_EXCEEDED: Nature.PERMANENT,
    FailureCode.WORKER_LOST: Nature.INTERRUPTED,
    FailureCode.INVALID_OPTIONS: Nature.PERMANENT,
    FailureCode.INTERNAL: Nature.TRANSIENT,
}
"""The nature of each code, unless the failure itself says otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a job, a clip or a call did not succeed."""

    code: FailureCode
    message: str
    """What happened, to which item, and what to do next; one sentence or two, no secrets."""
    nature: Nature
    detail: Mapping[str, object] = field(default_factory=dict)
    """JSON-ready facts for machines: HTTP status, quota ids, the failing range."""
    retry_after_seconds: float | None = None
    """How long the other side asked us to wait."""
    pauses_lane: bool = False
    """True where no short wait mends it, for this job or any other of the lane: a wrong key, a spent day's quota."""

    @property
    def retryable(self) -> bool:
        """May the same job succeed when it is tried again unchanged?"""
        return self.nature is not Nature.PERMANENT


def failure(
    code: FailureCode,
    message: str,
    *,
    nature: Nature | None = None,
    retry_after_seconds: float | None = None,
    pauses_lane: bool = False,
    **detail: object,
) -> Failure:
    """A failure with the nature that its code usually has; keywords become its detail."""
    return Failure(
        code=code,
        message=message,
        nature=nature or NATURES[code],
        detail=detail,
        retry_after_seconds=retry_after_seconds,
        pauses_lane=pauses_lane,
    )


class FailureError(Exception):
    """A failure on its way up. Survives pickling, so that it may cross process borders."""

    def __init__(self, reason: Failure) -> None:
        super().__init__(reason)
        self.failure = reason

    def __str__(self) -> str:
        return f"{self.failure.code}: {self.failure.message}"
