"""In which tier a call is made, and how long a job waits for room in it: tables."""

from pathlib import Path
from typing import Any

import pytest

from gemini.question import Call
from models.failures import FailureCode, Nature, failure
from models.tier import ServiceTier
from tests.unit.worker.claims import claimed
from worker.environment import load_settings
from worker.retry import Outcome, RetryPolicy, decide
from worker.tiers import is_refusal, refusal, seconds_for_batch, seconds_left_in_flex, tier_for

ECONOMY, FLEX, STANDARD = ServiceTier.ECONOMY, ServiceTier.FLEX, ServiceTier.STANDARD
SETTINGS = load_settings(environment={}, dotenv=Path("/nowhere/.env")).settings
FULL = failure(FailureCode.GEMINI_UNAVAILABLE, "Gemini is overloaded.")


def due(in_seconds: float, after_seconds: float) -> dict[str, float]:
    return {"deadline_in_seconds": in_seconds, "deadline_after_seconds": after_seconds}


@pytest.mark.parametrize(
    ("job", "held_seconds", "tier"),
    [
        ({"lane": "m"}, 0, STANDARD),
        ({"lane": "m", "refused_seconds": 5_000.0}, 0, STANDARD),
        ({"lane": "m:economy", "refused_seconds": 5_000.0}, 0, ServiceTier.ECONOMY),
        ({"lane": "m:flex"}, 0, FLEX),
        ({"lane": "m:flex"}, 100_000, FLEX),  # a long recording that is answered clip by clip
        ({"lane": "m:flex", "refused_seconds": 0.0}, 0, FLEX),
        ({"lane": "m:flex", "refused_seconds": 1_799.9}, 0, FLEX),
        ({"lane": "m:flex", "refused_seconds": 1_800.0}, 0, STANDARD),
        ({"lane": "m:flex", "refused_seconds": 1_700.0}, 5_000, FLEX),
        ({"lane": "m:flex", **due(501.0, 1_000.0)}, 0, FLEX),
        ({"lane": "m:flex", **due(500.0, 1_000.0)}, 0, STANDARD),
        ({"lane": "m:flex", **due(501.0, 1_000.0)}, 1, STANDARD),
        ({"lane": "m:flex", **due(-5.0, 1_000.0)}, 0, STANDARD),
        (
            {"lane": "m:flex", **due(90_000.0, 100_000.0), "refused_seconds": 1_800.0},
            0,
            STANDARD,
        ),  # sooner than its half
        ({"lane": "m:flex", **due(400.0, 1_000.0), "refused_seconds": 3.0}, 0, STANDARD),
    ],
)
def test_a_job_is_asked_in_its_tier_until_it_has_waited_long_or_its_deadline_nears(
    job: dict[str, Any], held_seconds: float, tier: ServiceTier
) -> None:
    one = claimed(**job)
    left = seconds_left_in_flex(one, SETTINGS, held_seconds=held_seconds)
    assert tier_for(one, left_in_flex=left, left_for_batch=1.0) is tier


def test_a_job_that_has_waited_long_stays_in_flex_while_the_standard_lane_is_paused() -> None:
    job = claimed(lane="m:flex", refused_seconds=10_000.0, **due(5.0, 1_000.0))
    left = seconds_left_in_flex(job, SETTINGS, held_seconds=0, is_standard_paused=True)
    assert tier_for(job, left_in_flex=left, left_for_batch=0.0) is FLEX
    assert refusal(FULL, job, SETTINGS, left).retry_after_seconds == SETTINGS.retry_max_seconds


@pytest.mark.parametrize(
    ("job", "was_in_batch", "tier"),
    [
        ({}, False, ECONOMY),
        ({}, True, FLEX),
        ({"refused_seconds": 1_799.9}, True, FLEX),
        ({"refused_seconds": 1_800.0}, True, STANDARD),
        (due(501.0, 1_000.0), False, ECONOMY),
        (due(500.0, 1_000.0), False, STANDARD),
        ({"model": "gemini-3.5-transcribe"}, True, STANDARD),  # has no flex
        ({"lane": "m"}, True, STANDARD),
        ({"lane": "m:flex"}, True, FLEX),
    ],
)
def test_a_question_goes_into_a_batch_once_and_not_where_its_deadline_nears(
    job: dict[str, Any], tier: ServiceTier, *, was_in_batch: bool
) -> None:
    claimed_job = claimed(**{"lane": "m:economy", **job})
    in_flex = seconds_left_in_flex(claimed_job, SETTINGS, held_seconds=0.0)
    for_batch = 0.0 if was_in_batch else seconds_for_batch(claimed_job, SETTINGS, held_seconds=0.0)
    assert tier_for(claimed_job, left_in_flex=in_flex, left_for_batch=for_batch) is tier


@pytest.mark.parametrize(
    ("job", "seconds"), [({}, 86_400.0), (due(900.0, 1_000.0), 390.0), (due(90_000.0, 100_000.0), 39_990.0)]
)
def test_a_batch_may_take_no_longer_than_half_of_the_time_to_a_deadline(job: dict[str, Any], seconds: float) -> None:
    assert seconds_for_batch(claimed(lane="m:economy", **job), SETTINGS, held_seconds=10.0) == seconds


@pytest.mark.parametrize(
    ("refused_seconds", "asked_seconds", "waits"),
    [
        (None, None, 2.0),
        (1.0, None, 2.0),
        (40.0, None, 20.0),
        (40.0, 30.0, 30.0),  # what Gemini asks for
        (1_000.0, None, 300.0),  # no longer than any other wait
        (1_790.0, None, 10.0),  # then it is asked in the standard tier
        (1_800.0, None, 0.0),
    ],
)
def test_a_job_that_finds_no_room_waits_the_longer_the_longer_it_has_waited(
    refused_seconds: float | None, asked_seconds: float | None, waits: float
) -> None:
    why = failure(FULL.code, FULL.message, retry_after_seconds=asked_seconds)
    job = claimed(lane="m:flex", refused_seconds=refused_seconds)
    left = seconds_left_in_flex(job, SETTINGS, held_seconds=0)
    assert refusal(why, job, SETTINGS, left).retry_after_seconds == waits


def test_no_room_spends_no_attempt_not_even_the_last_one() -> None:
    job = claimed(lane="m:flex", attempts=4, max_attempts=4)
    full = refusal(FULL, job, SETTINGS, seconds_left_in_flex(job, SETTINGS, held_seconds=0))
    policy = RetryPolicy(base_seconds=2.0, max_seconds=300.0)
    ending = decide(Outcome(failures=[full]), job, policy, jitter=0.5)
    assert (ending.move, ending.counts_attempt, ending.delay_seconds) == ("wait", False, 2.5)
    assert full.nature is Nature.THROTTLED
    assert "no attempt" in full.message


@pytest.mark.parametrize(
    ("code", "http_status", "tier", "is_one"),
    [
        (FailureCode.GEMINI_UNAVAILABLE, 503, FLEX, True),
        (FailureCode.GEMINI_UNAVAILABLE, 503, STANDARD, False),
        (FailureCode.GEMINI_UNAVAILABLE, 500, FLEX, False),
        (FailureCode.GEMINI_UNAVAILABLE, None, FLEX, False),
        (FailureCode.GEMINI_TIMEOUT, 504, FLEX, False),
        (None, 200, FLEX, False),
    ],
)
def test_only_503_in_flex_says_that_there_is_no_room(
    code: FailureCode | None, http_status: int | None, tier: ServiceTier, *, is_one: bool
) -> None:
    call = Call(model="m", http_status=http_status, failure=failure(code, "No.") if code else None)
    assert is_refusal(call, tier) is is_one
