"""Which service tier a call is made in: that of its job, until the job has waited long enough for room in it.

Flex promises no room: HTTP 503 is its everyday no. Such a no spends no attempt; the job waits, longer each time, and asks
again. `flex_fallback_seconds` after the first no, or at half of the time to the job's deadline, whichever comes first, it is
asked in the standard tier, and is then a call of that lane: its limits, its budgets, its price. While that lane is paused
there is nowhere to go, and it goes on asking in flex.

In the economy tier a question goes into a batch once. What the batch leaves without an answer that can be used, and what is to
be asked again in another way, goes on as in the flex tier, which costs the same; so does a job that would spend half of the time
to its deadline on a batch.
"""

import math
from dataclasses import replace
from http import HTTPStatus

from gemini.abilities import tiers_of
from gemini.question import Call
from models.failures import Failure, FailureCode, Nature
from models.moves import ClaimedJob
from models.tier import ServiceTier, tier_of
from worker.settings import Settings

WAITS_AGAIN = 0.5
"""So much of the time that it has waited already, a job waits before it asks once more."""
SHARE_OF_DEADLINE = 0.5
"""So much of the time to its deadline, a job may spend on waiting for room."""


def tier_for(job: ClaimedJob, *, left_in_flex: float, left_for_batch: float) -> ServiceTier:
    """The tier of a call that is made while the job has so much time left for room in flex, and for a batch."""
    tier = tier_of(job.lane)
    if tier is ServiceTier.ECONOMY:
        if left_for_batch > 0:
            return tier
        tier = ServiceTier.FLEX if ServiceTier.FLEX in tiers_of(job.model) else ServiceTier.STANDARD
    return ServiceTier.STANDARD if tier is ServiceTier.FLEX and left_in_flex <= 0 else tier


def seconds_for_batch(job: ClaimedJob, settings: Settings, *, held_seconds: float) -> float:
    """How long a batch with a question of the job may take; none at all where that is not above zero."""
    left = settings.economy_deadline_seconds
    if job.deadline_in_seconds is None or job.deadline_after_seconds is None:
        return left
    return min(left, job.deadline_in_seconds - held_seconds - SHARE_OF_DEADLINE * job.deadline_after_seconds)


def seconds_left_in_flex(
    job: ClaimedJob, settings: Settings, *, held_seconds: float, is_standard_paused: bool = False
) -> float:
    """Until the job, claimed `held_seconds` ago, is asked in the standard tier, if it is told no all the time.

    While it is held only its deadline comes nearer: a recording of which some clips were answered since it was told no, goes
    on in flex.
    """
    if is_standard_paused:
        return math.inf
    left = settings.flex_fallback_seconds - (job.refused_seconds or 0.0)
    if job.deadline_in_seconds is None or job.deadline_after_seconds is None:
        return left
    until_deadline = job.deadline_in_seconds - held_seconds
    return min(left, until_deadline - SHARE_OF_DEADLINE * job.deadline_after_seconds)


def is_refusal(call: Call, tier: ServiceTier) -> bool:
    """Did the call find no room in a tier that promises none?"""
    why = call.failure
    is_full = why is not None and why.code is FailureCode.GEMINI_UNAVAILABLE
    return is_full and tier is ServiceTier.FLEX and call.http_status == HTTPStatus.SERVICE_UNAVAILABLE


def refusal(why: Failure, job: ClaimedJob, settings: Settings, seconds_left: float) -> Failure:
    """The failure of a call that found no room: the job waits and spends no attempt.

    How long follows from how long it has waited already, so that nothing has to be counted; no longer than the time that it
    has left in flex.
    """
    wait = max(settings.retry_base_seconds, WAITS_AGAIN * (job.refused_seconds or 0.0), why.retry_after_seconds or 0.0)
    return replace(
        why,
        message=f"{why.message} The flex tier has no room for it now; the job waits and spends no attempt.",
        nature=Nature.THROTTLED,
        retry_after_seconds=min(wait, settings.retry_max_seconds, max(seconds_left, 0.0)),
    )
