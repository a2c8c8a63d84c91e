"""What becomes of a job after an attempt: the whole table, and what holds whatever happened."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.failures import Failure, FailureCode, Nature, failure
from models.moves import ClaimedJob
from models.state import JobState, Move
from tests.unit.worker.claims import claimed
from worker.retry import Outcome, RetryPolicy, decide

POLICY = RetryPolicy(base_seconds=2.0, max_seconds=300.0)


def failing(nature: Nature, *, after: float | None = None) -> Failure:
    codes = {
        Nature.PERMANENT: FailureCode.MEDIA_CORRUPT, Nature.TRANSIENT: FailureCode.GEMINI_UNAVAILABLE,
        Nature.THROTTLED: FailureCode.GEMINI_QUOTA, Nature.INTERRUPTED: FailureCode.WORKER_LOST,
    }  # fmt: skip
    return failure(codes[nature], "words", nature=nature, retry_after_seconds=after)


P, T, Q, I = (failing(nature) for nature in (Nature.PERMANENT, Nature.TRANSIENT, Nature.THROTTLED, Nature.INTERRUPTED))  # noqa: E741
W = failure(FailureCode.GEMINI_PENDING, "in a batch", retry_after_seconds=3_600.0)
SOME: dict[str, Any] = {"text": "what there is"}


@pytest.mark.parametrize(
    ("failures", "output", "attempts", "move", "counts"),
    [
        ([], SOME, 1, Move.SUCCEED, True),
        ([], SOME, 4, Move.SUCCEED, True),
        ([P], None, 1, Move.FAIL, True),
        ([P], SOME, 1, Move.SUCCEED_PARTLY, True),
        ([T], None, 1, Move.WAIT, True),
        ([T], None, 3, Move.WAIT, True),
        ([T], None, 4, Move.FAIL, True),
        ([T], SOME, 3, Move.WAIT, True),
        ([T], SOME, 4, Move.SUCCEED_PARTLY, True),
        ([P, T], SOME, 1, Move.WAIT, True),
        ([P, T], SOME, 4, Move.SUCCEED_PARTLY, True),
        ([Q], None, 1, Move.WAIT, False),
        ([Q], None, 4, Move.WAIT, False),
        ([Q], SOME, 4, Move.WAIT, False),
        ([T, Q], None, 1, Move.WAIT, True),
        ([P, Q], None, 3, Move.WAIT, True),
        ([T, Q], None, 4, Move.FAIL, True),
        ([P, T, Q], SOME, 4, Move.SUCCEED_PARTLY, True),
        ([W], None, 4, Move.WAIT, False),
        ([P, W], SOME, 4, Move.WAIT, False),  # it is paid for
        ([T, W], None, 3, Move.WAIT, True),
        ([W, I], None, 1, Move.GIVE_BACK, False),
        ([I], None, 4, Move.GIVE_BACK, False),
        ([P, T, Q, I], SOME, 4, Move.GIVE_BACK, False),
    ],
)
def test_the_table_of_decisions(
    failures: list[Failure], output: dict[str, Any] | None, attempts: int, move: Move, *, counts: bool
) -> None:
    ending = decide(Outcome(failures=failures, output=output), claimed(attempts=attempts), POLICY, jitter=0.5)
    assert (ending.move, ending.counts_attempt) == (move, counts)


def test_a_clip_that_was_paid_for_in_vain_counts_though_it_then_had_to_wait_for_quota() -> None:
    for attempts, move, why in ((3, Move.WAIT, Q), (4, Move.FAIL, T)):
        ending = decide(Outcome(failures=[Q], in_vain=[T]), claimed(attempts=attempts), POLICY, jitter=0.5)
        assert (ending.move, ending.counts_attempt, ending.failure) == (move, True, why)


natures = st.sampled_from(Nature)
asked = st.none() | st.floats(0.0, 100_000.0)
failures = st.lists(st.builds(failing, natures, after=asked), max_size=6)
outputs = st.none() | st.just(SOME)
jitters = st.floats(0.0, 1.0, exclude_max=True)
jobs = st.integers(1, 20).flatmap(
    lambda most: st.integers(1, most).map(lambda attempts: claimed(attempts=attempts, max_attempts=most))
)
policies = st.floats(0.01, 100.0).flatmap(
    lambda base: st.floats(base, 10_000.0).map(lambda most: RetryPolicy(base_seconds=base, max_seconds=most))
)


@given(failures=failures, output=outputs, job=jobs, policy=policies, jitter=jitters)
def test_whatever_happened_one_legal_move_follows_that_says_what_it_must(
    failures: list[Failure], output: dict[str, Any] | None, job: ClaimedJob, policy: RetryPolicy, jitter: float
) -> None:
    assume(failures or output)
    ending = decide(Outcome(failures=failures, output=output), job, policy, jitter=jitter)
    assert (ending.state is JobState.WAITING) == (ending.delay_seconds is not None)
    assert (ending.state in {JobState.FAILED, JobState.PARTIAL, JobState.WAITING}) == (ending.failure is not None)
    assert (ending.state in {JobState.SUCCEEDED, JobState.PARTIAL}) == (ending.output is not None)
    if ending.failure is not None:
        assert ending.failure in failures


@given(failures=failures, job=jobs, policy=policies, jitter=jitters)
def test_a_try_that_counts_is_followed_by_another_only_while_there_are_some_left(
    failures: list[Failure], job: ClaimedJob, policy: RetryPolicy, jitter: float
) -> None:
    ending = decide(Outcome(failures=failures, output=SOME), job, policy, jitter=jitter)
    if ending.state is JobState.WAITING and ending.counts_attempt:
        assert job.attempts < job.max_attempts


@given(failures=failures, job=jobs, jitter=jitters)
def test_only_interruptions_and_pure_waiting_for_quota_spend_no_try(
    failures: list[Failure], job: ClaimedJob, jitter: float
) -> None:
    ending = decide(Outcome(failures=failures, output=SOME), job, POLICY, jitter=jitter)
    natures = {failure.nature for failure in failures}
    is_free = Nature.INTERRUPTED in natures or natures == {Nature.THROTTLED}
    assert ending.counts_attempt == (not is_free)


@given(job=jobs, policy=policies, jitter=jitters)
def test_the_wait_before_another_try_is_never_longer_than_the_policy_says(
    job: ClaimedJob, policy: RetryPolicy, jitter: float
) -> None:
    ending = decide(Outcome(failures=[T]), job, policy, jitter=jitter)
    if ending.delay_seconds is not None:
        assert 0.0 <= ending.delay_seconds <= min(policy.max_seconds, policy.base_seconds * 2 ** (job.attempts - 1))


@given(nature=st.sampled_from([Nature.TRANSIENT, Nature.THROTTLED]), after=st.floats(0.0, 100_000.0), jitter=jitters)
def test_nobody_comes_back_before_the_time_that_was_asked_for_nor_long_after(
    nature: Nature, after: float, jitter: float
) -> None:
    ending = decide(Outcome(failures=[failing(nature, after=after)]), claimed(), POLICY, jitter=jitter)
    assert ending.delay_seconds is not None
    assert after <= ending.delay_seconds <= after + max(10.0, after / 10)


@given(first=jitters, second=jitters, nature=st.sampled_from([Nature.TRANSIENT, Nature.THROTTLED]))
def test_a_crowd_that_failed_together_does_not_come_back_together(first: float, second: float, nature: Nature) -> None:
    assume(abs(first - second) > 0.01)
    for after in (None, 30.0):
        why = failing(nature, after=after)
        delays = {
            decide(Outcome(failures=[why]), claimed(), POLICY, jitter=jitter).delay_seconds
            for jitter in (first, second)
        }
        assert len(delays) == 2


def test_quota_without_a_time_waits_a_while_of_its_own() -> None:
    ending = decide(Outcome(failures=[Q]), claimed(), POLICY, jitter=0.0)
    assert ending.delay_seconds == POLICY.base_seconds


def test_a_thousandth_attempt_overflows_nothing() -> None:
    ending = decide(Outcome(failures=[T]), claimed(attempts=1_000, max_attempts=1_001), POLICY, jitter=0.9)
    assert ending.delay_seconds == pytest.approx(270.0)


def test_a_success_carries_all_that_is_known_of_it() -> None:
    outcome = Outcome(output=SOME, model_version="v", reused_from="job_1")
    ending = decide(outcome, claimed(), POLICY, jitter=0.0)
    assert (ending.output, ending.model_version, ending.reused_from) == (SOME, "v", "job_1")


@pytest.mark.parametrize(("claim", "delay_seconds"), [(1, 30.0), (2, 60.0), (5, 480.0), (6, 600.0), (10_000, 600.0)])
def test_a_twin_waits_without_spending_an_attempt_and_looks_again_by_itself_ever_later(
    claim: int, delay_seconds: float
) -> None:
    ending = decide(Outcome(is_twin=True), replace(claimed(), claim=claim), POLICY, jitter=0.0)
    assert (ending.is_twin, ending.state, ending.counts_attempt) == (True, "waiting", False)
    assert ending.delay_seconds == delay_seconds
    spread = decide(Outcome(is_twin=True), replace(claimed(), claim=claim), POLICY, jitter=1.0).delay_seconds
    assert spread == pytest.approx(delay_seconds * 1.1)
