"""The limiter: in no minute are there more requests or tokens than the quota, and nearly as many are made use of.

One suite over the counts in this process and over those in Redis, on a clock that the tests move.
"""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.quota import START, Bench
from worker.quota.stores import InProcessStore
from worker.quota.terms import Limits, Reason


def _accepted(bench: Bench, sizes: Sequence[int], seconds: float, step: float) -> list[tuple[float, int]]:
    """Ask at every step for the next size, as an eager worker would; when calls began, and with how many tokens."""
    began: list[tuple[float, int]] = []
    rest = iter(sizes)
    waiting = next(rest, None)
    end = bench.now + seconds
    while waiting is not None and bench.now < end:
        [(call, reply)] = bench.ask([waiting])
        if reply.reason is None:
            began.append((bench.now + reply.wait_seconds, waiting))
            bench.end([call])
            waiting = next(rest, None)
        else:
            bench.now += step
    return began


def _most_in_a_minute(began: Sequence[tuple[float, int]]) -> tuple[int, int]:
    """The most calls, and the most tokens, that began within any 60 seconds."""
    windows = [[size for at, size in began if start <= at < start + 60.0] for start, _ in began]
    return max(map(len, windows), default=0), max(map(sum, windows), default=0)


def test_no_minute_has_more_requests_than_the_quota(bench: Bench) -> None:
    bench.limits = Limits(requests_per_minute=30)

    began = _accepted(bench, [1] * 100, seconds=180.0, step=0.4)

    assert 29 <= _most_in_a_minute(began)[0] <= 30
    assert len(began) >= 85  # in three minutes: nearly all that there was


@pytest.mark.parametrize("sizes", [[100] * 300, [100, 100, 100, 3_000] * 40, [4_000, 10] * 30, [9_000] * 3])
def test_no_minute_has_more_tokens_than_the_quota(bench: Bench, sizes: list[int]) -> None:
    bench.limits = Limits(input_tokens_per_minute=10_000)

    began = _accepted(bench, sizes, seconds=240.0, step=0.5)

    assert len(began) >= 2
    assert _most_in_a_minute(began)[1] <= 10_000


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 1_000), min_size=2, max_size=60), rpm=st.integers(1, 60))
def test_whatever_the_sizes_no_minute_has_more_than_the_quota(sizes: list[int], rpm: int) -> None:
    bench = Bench(make=lambda clock: InProcessStore(clock=clock))
    bench.limits = Limits(requests_per_minute=rpm, input_tokens_per_minute=1_000)

    began = _accepted(bench, sizes, seconds=400.0, step=0.7)

    requests, tokens = _most_in_a_minute(began)
    assert requests <= rpm
    assert tokens <= 1_000


def test_small_calls_use_nearly_all_tokens_of_the_quota(bench: Bench) -> None:
    bench.limits = Limits(input_tokens_per_minute=1_000_000)

    began = _accepted(bench, [1_200] * 3_000, seconds=180.0, step=0.5)

    used = sum(size for at, size in began if START + 60 <= at < START + 180)
    assert used >= 0.97 * 2_000_000


def test_a_call_that_could_never_pass_is_refused_and_the_others_go_on(bench: Bench) -> None:
    bench.limits = Limits(input_tokens_per_minute=1_000)

    replies = [reply.reason for _, reply in bench.ask([1_001, 10])]

    assert replies == [Reason.TOO_LARGE, None]


def test_a_call_is_booked_ahead_only_for_a_moment(bench: Bench) -> None:
    bench.limits = Limits(requests_per_minute=60)

    replies = [reply for _, reply in bench.ask([1] * 6)]

    waits = [reply.wait_seconds for reply in replies if reply.reason is None]
    assert waits == pytest.approx([0.0, 61 / 60])
    assert {reply.reason for reply in replies[2:]} == {Reason.REQUESTS}
    assert replies[2].wait_seconds == pytest.approx(2 * 61 / 60)


def test_fewer_tokens_than_reserved_come_back(bench: Bench) -> None:
    bench.limits = Limits(input_tokens_per_minute=6_000)
    [(call, _)] = bench.ask([600])
    assert bench.ask([100])[0][1].reason is Reason.TOKENS

    bench.end([call], more_tokens=-590)

    assert bench.ask([100])[0][1].reason is None


def test_more_tokens_than_reserved_are_paid_later(bench: Bench) -> None:
    bench.limits = Limits(input_tokens_per_minute=6_000)
    [(call, _)] = bench.ask([10])
    bench.end([call], more_tokens=2_900)
    bench.now += 1.0

    assert bench.ask([10])[0][1].reason is Reason.TOKENS
