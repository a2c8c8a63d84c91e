"""Failures: every code has a nature, and a failure survives the way between processes."""

import copy
import pickle
import re

import pytest

from models.failures import NATURES, Failure, FailureCode, FailureError, Nature, failure


def test_every_code_has_a_nature() -> None:
    assert set(NATURES) == set(FailureCode)


def test_every_nature_is_that_of_some_code() -> None:
    assert set(NATURES.values()) == set(Nature)


@pytest.mark.parametrize("code", FailureCode)
def test_codes_are_written_as_they_are_shown(code: FailureCode) -> None:
    assert code.value == code.name.lower()
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    assert str(code) == code.value


@pytest.mark.parametrize("code", FailureCode)
def test_only_a_permanent_failure_is_not_worth_another_try(code: FailureCode) -> None:
    assert failure(code, "words").retryable == (NATURES[code] is not Nature.PERMANENT)


def test_a_failure_may_know_its_nature_better_than_its_code() -> None:
    assert failure(FailureCode.GEMINI_REJECTED, "words", nature=Nature.TRANSIENT).nature is Nature.TRANSIENT


def test_what_is_said_beside_becomes_the_detail() -> None:
    assert failure(FailureCode.MEDIA_CORRUPT, "words", field="x", at=3).detail == {"field": "x", "at": 3}


FULL = Failure(
    code=FailureCode.GEMINI_QUOTA, message="Wait.", nature=Nature.THROTTLED, detail={"quota_ids": ["a"], "n": 1},
    retry_after_seconds=2.5, pauses_lane=True,
)  # fmt: skip


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_failure_on_its_way_up_survives_pickling_with_all_that_it_says(protocol: int) -> None:
    arrived = pickle.loads(pickle.dumps(FailureError(FULL), protocol))  # noqa: S301 - our own bytes
    assert isinstance(arrived, FailureError)
    assert arrived.failure == FULL
    assert str(arrived) == "gemini_quota: Wait."
    assert copy.copy(arrived).failure == FULL
