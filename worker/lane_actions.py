"""What a failure means for its lane, as one table: pure functions of the failure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from gemini.quota import SPEND_WAIT_SECONDS, QuotaScope
from models.failures import Failure, FailureCode, Nature

WAIT_SECONDS = 60.0
"""How long a lane waits where the other side did not say; afterwards the next call tries again."""
LONGEST_WAIT_SECONDS = 600.0
LONGEST_PAUSE_SECONDS = 26 * 3_600.0
MANY_REFUSALS = 10
"""Refusals without a reason in ten minutes, each after a wait, that are taken for a spend limit."""


class Step(StrEnum):
    """What becomes of a lane."""

    WAIT = "wait"
    """It waits as it was told, minutes at most."""
    PAUSE = "pause"
    """It pauses until a time that is known: midnight in California, the end of a budget's day."""
    STOP = "stop"
    """It stops until somebody acts; now and then one call finds out whether somebody has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """What to do with a lane because of a failure."""

    step: Step
    seconds: float | None
    """Until it opens by itself; None where it is stopped."""
    may_fall_back: bool = False
    """Would another model be answered meanwhile?"""


_STEPS: Mapping[FailureCode | QuotaScope, Step] = {
    FailureCode.GEMINI_AUTH: Step.STOP,
    FailureCode.GEMINI_MODEL_NOT_FOUND: Step.STOP,
    QuotaScope.CLOSED: Step.STOP,
    QuotaScope.SPEND_CAP: Step.STOP,
    QuotaScope.DAY: Step.PAUSE,
    QuotaScope.SPEND: Step.WAIT,
    QuotaScope.MINUTE: Step.WAIT,
    QuotaScope.UNNAMED: Step.WAIT,
    FailureCode.GEMINI_QUOTA: Step.WAIT,
    FailureCode.BUDGET_EXCEEDED: Step.PAUSE,
    FailureCode.GEMINI_UNAVAILABLE: Step.WAIT,
}
"""What a 429 used up decides before its code. A code that is not here is none of the lane's business."""


_OF_ONE_MODEL = frozenset({FailureCode.GEMINI_MODEL_NOT_FOUND, QuotaScope.DAY})
"""What another model does not meet, and what minutes do not mend."""


def action_of(why: Failure) -> Action | None:
    """What becomes of the lane; None where the failure concerns one job alone."""
    met = _scope_of(why) or why.code
    step, may_fall_back = _STEPS.get(met), met in _OF_ONE_MODEL
    if why.nature is not Nature.THROTTLED or step is None:
        return None
    asked = why.retry_after_seconds
    if why.code is FailureCode.BUDGET_EXCEEDED:
        if not why.pauses_lane:  # the money of a batch or an owner, or held for calls in flight
            return None
        step = Step.STOP if asked is None else Step.PAUSE  # a budget without a day is raised by a person
    if step is Step.STOP:
        return Action(step=step, seconds=None, may_fall_back=may_fall_back)
    longest = LONGEST_PAUSE_SECONDS if step is Step.PAUSE else LONGEST_WAIT_SECONDS
    return Action(step=step, seconds=min(asked or WAIT_SECONDS, longest), may_fall_back=may_fall_back)


def is_unnamed(why: Failure) -> bool:
    """Was the lane refused without a word on which limit is met?"""
    return _scope_of(why) is QuotaScope.UNNAMED


def like_spend_limit(why: Failure, *, lane: str, refusals: int) -> Failure:
    """What so many refusals without a reason are taken for."""
    words = (
        f"{lane} was refused {refusals} times in ten minutes without a reason, as projects are that may not spend more: look at "
        f"the project's usage and spend limits in Google AI Studio. It is asked again every {SPEND_WAIT_SECONDS:.0f} s."
    )
    detail = {**why.detail, "quota_scope": str(QuotaScope.SPEND), "refusals": refusals}
    return replace(why, message=words, detail=detail, retry_after_seconds=SPEND_WAIT_SECONDS)


def _scope_of(why: Failure) -> QuotaScope | None:
    scope = why.detail.get("quota_scope")
    return QuotaScope(scope) if isinstance(scope, str) else None
