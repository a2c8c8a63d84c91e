"""What a failure means for its lane: one table."""

from typing import Any

import pytest

from gemini.quota import QuotaScope
from models.failures import NATURES, Failure, FailureCode, Nature, failure
from worker.lane_actions import LONGEST_PAUSE_SECONDS, LONGEST_WAIT_SECONDS, WAIT_SECONDS, Step, action_of

_QUOTA, _BUDGET = FailureCode.GEMINI_QUOTA, FailureCode.BUDGET_EXCEEDED


def _quota(scope: str, seconds: float | None = None) -> Failure:
    return failure(_QUOTA, "words", retry_after_seconds=seconds, quota_scope=scope)


_OF_A_LANE = [
    code for code, nature in NATURES.items() if nature is Nature.THROTTLED and code is not FailureCode.GEMINI_PENDING
]
"""That a job's question is in a batch at Gemini is the job's business alone."""


@pytest.mark.parametrize(
    ("why", "step", "seconds"),
    [
        (failure(FailureCode.GEMINI_AUTH, "words", pauses_lane=True), Step.STOP, None),
        (failure(FailureCode.GEMINI_AUTH, "words", retry_after_seconds=5.0), Step.STOP, None),
        (failure(FailureCode.GEMINI_MODEL_NOT_FOUND, "words"), Step.STOP, None),
        (_quota("closed"), Step.STOP, None),
        (_quota("spend_cap"), Step.STOP, None),
        (_quota("day", 40_000.0), Step.PAUSE, 40_000.0),
        (_quota("day", 10.0**9), Step.PAUSE, LONGEST_PAUSE_SECONDS),
        (_quota("spend", 120.0), Step.WAIT, 120.0),
        (_quota("minute", 34.0), Step.WAIT, 34.0),
        (_quota("minute", 10.0**9), Step.WAIT, LONGEST_WAIT_SECONDS),
        (_quota("unnamed", 30.0), Step.WAIT, 30.0),
        (_quota("unnamed"), Step.WAIT, WAIT_SECONDS),
        (failure(_QUOTA, "words", retry_after_seconds=9.0), Step.WAIT, 9.0),
        (failure(_BUDGET, "words", pauses_lane=True), Step.STOP, None),
        (failure(_BUDGET, "words", pauses_lane=True, retry_after_seconds=3_600.0), Step.PAUSE, 3_600.0),
        (
            failure(FailureCode.GEMINI_UNAVAILABLE, "w", nature=Nature.THROTTLED, retry_after_seconds=5.0),
            Step.WAIT,
            5.0,
        ),
    ],
)
def test_what_becomes_of_a_lane(why: Failure, step: Step, seconds: float | None) -> None:
    action = action_of(why)
    assert action is not None
    assert (action.step, action.seconds) == (step, seconds)


@pytest.mark.parametrize("nature", [nature for nature in Nature if nature is not Nature.THROTTLED])
@pytest.mark.parametrize("code", [FailureCode.GEMINI_AUTH, _QUOTA, FailureCode.GEMINI_UNAVAILABLE])
def test_what_is_not_throttled_concerns_one_job(code: FailureCode, nature: Nature) -> None:
    assert action_of(failure(code, "words", nature=nature)) is None


@pytest.mark.parametrize("code", _OF_A_LANE)
@pytest.mark.parametrize("scope", [None, *QuotaScope])
def test_another_model_is_asked_only_where_it_does_not_meet_the_same_wall_and_minutes_do_not_mend_it(
    code: FailureCode, scope: QuotaScope | None
) -> None:
    detail: dict[str, Any] = {} if scope is None or code is not _QUOTA else {"quota_scope": str(scope)}
    action = action_of(failure(code, "words", pauses_lane=True, **detail))
    of_one_model = code is FailureCode.GEMINI_MODEL_NOT_FOUND or (code is _QUOTA and scope is QuotaScope.DAY)
    assert action is not None
    assert action.may_fall_back == of_one_model


def test_money_of_a_batch_or_held_for_calls_in_flight_pauses_no_lane() -> None:
    assert action_of(failure(_BUDGET, "words", retry_after_seconds=1.0)) is None


def test_every_code_that_waits_by_itself_has_its_row() -> None:
    assert [code for code in _OF_A_LANE if action_of(failure(code, "words", pauses_lane=True)) is None] == []
