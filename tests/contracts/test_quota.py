"""The limiter: one suite over the counts in this process and over those in Redis, on a clock that the tests move."""

import itertools

import pytest
import redis as redis_py
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.quota import FREE, LEASE_SECONDS, Bench
from worker.quota import terms
from worker.quota.stores import InProcessStore, RedisStore
from worker.quota.terms import Day, Limits, Outcome, Reason, Settled


def test_a_day_has_no_more_requests_than_the_quota_and_a_new_day_has_them_again(bench: Bench) -> None:
    bench.limits = Limits(requests_per_day=3)
    today, tomorrow = Day(name="2026-11-26", seconds_left=77.0), Day(name="2026-11-27", seconds_left=86_400.0)

    replies = [reply for _, reply in bench.ask([1] * 5, day=today)]

    assert [reply.reason for reply in replies] == [None, None, None, Reason.DAY, Reason.DAY]
    assert replies[3].wait_seconds == 77.0
    assert len(bench.begin(1, day=tomorrow)) == 1


def test_a_call_that_is_not_sent_leaves_its_request_of_the_day_to_another(bench: Bench) -> None:
    bench.limits = Limits(requests_per_day=3)
    calls = bench.begin(3)

    bench.end(calls[:2], Outcome.UNSENT)
    bench.end(calls, Outcome.UNSENT)  # told again, and counted once
    bench.end(bench.begin(1), Outcome.BROKEN_OFF)

    assert len(bench.begin(FREE)) == 2


def test_what_is_stored_of_the_day_counts_where_the_limiter_has_forgotten(bench: Bench) -> None:
    bench.limits = Limits(requests_per_day=3)

    assert len(bench.begin(3, day=Day(name="2026-11-26", seconds_left=77.0, requests=2))) == 1


def test_a_lane_begins_with_few_calls_in_flight_and_doubles_them_while_all_is_well(bench: Bench) -> None:
    sizes = []
    for _ in range(4):
        calls = bench.begin(FREE)
        sizes.append(len(calls))
        bench.end(calls)

    assert sizes == [20, 40, 80, 160]


def test_calls_that_take_long_need_not_end_before_more_may_begin(bench: Bench) -> None:
    sizes = [len(bench.begin(FREE))]
    for _ in range(4):
        bench.begin(FREE)
        bench.now += terms.ROUND_SECONDS
        sizes.append(len(bench.begin(FREE)))

    assert sizes == [20, 20, 40, 80, 160]  # each time as many more as there were


def test_a_lane_that_does_not_use_what_it_may_gets_no_more(bench: Bench) -> None:
    for _ in range(30):
        bench.end(bench.begin(5))

    assert len(bench.begin(FREE)) == 20


def test_a_429_cuts_once_an_episode_and_then_grows_slowly(bench: Bench) -> None:
    bench.end(bench.begin(FREE))
    bench.end(bench.begin(FREE))
    calls = bench.begin(FREE)
    assert len(calls) == 80

    bench.end(calls[:7], Outcome.THROTTLED)  # all of one episode
    bench.end(calls[7:])
    bench.now += terms.COOLDOWN_SECONDS
    cut = bench.begin(FREE)
    bench.end(cut)
    grown = bench.begin(FREE)

    assert len(cut) == 64
    assert 65 <= len(grown) <= 68


def test_nothing_begins_before_the_time_that_a_429_asks_for(bench: Bench) -> None:
    [call, *_] = bench.begin(5)
    bench.end([call], Outcome.THROTTLED, wait_seconds=7.0)

    [(_, reply)] = bench.ask([1])
    bench.now += 7.0

    assert reply.reason is Reason.HELD
    assert reply.wait_seconds == pytest.approx(7.0, abs=1e-3)
    assert len(bench.begin(1)) == 1


def test_after_a_long_wait_a_lane_begins_with_few_again_and_finds_its_level_fast(bench: Bench) -> None:
    for _ in range(3):
        bench.end(bench.begin(FREE))
    calls = bench.begin(FREE)
    bench.end(calls[:1], Outcome.THROTTLED, wait_seconds=34.0)
    bench.end(calls[1:])
    bench.now += 35.0

    sizes = []
    for _ in range(5):
        calls = bench.begin(FREE)
        sizes.append(len(calls))
        bench.end(calls)

    assert sizes[:4] == [20, 40, 80, 128]  # up to 0.8 times 160, where it met the wall
    assert 129 <= sizes[4] <= 135


def test_trouble_of_the_other_side_cuts_nothing(bench: Bench) -> None:
    bench.end(bench.begin(FREE))
    calls = bench.begin(FREE)

    bench.end(calls[:10], Outcome.FAILED)
    bench.end(calls[10:])

    assert len(bench.begin(FREE)) == 40


def test_an_endpoint_in_trouble_is_shut_and_one_call_finds_out_whether_it_is_well_again(bench: Bench) -> None:
    calls = bench.begin(20)
    bench.end(calls, Outcome.FAILED)

    assert bench.ask([1])[0][1].reason is Reason.SHUT
    bench.now += terms.FIRST_SHUT_SECONDS
    [probe] = bench.begin(10)
    assert bench.ask([1])[0][1].reason is Reason.SHUT  # the others wait for what it finds
    bench.end([probe], Outcome.FAILED)
    bench.now += terms.FIRST_SHUT_SECONDS
    assert bench.ask([1])[0][1].reason is Reason.SHUT  # each time longer
    bench.now += terms.FIRST_SHUT_SECONDS
    [probe] = bench.begin(10)
    bench.end([probe])

    assert len(bench.begin(FREE)) == 20


def test_another_probe_goes_when_the_process_of_the_first_was_lost(bench: Bench) -> None:
    bench.end(bench.begin(20), Outcome.FAILED)
    bench.now += terms.FIRST_SHUT_SECONDS
    assert len(bench.begin(10)) == 1

    bench.now += LEASE_SECONDS + 1

    assert len(bench.begin(10)) == 1


def test_a_probe_that_was_never_sent_leaves_its_place_to_another(bench: Bench) -> None:
    bench.end(bench.begin(20), Outcome.FAILED)
    bench.now += terms.FIRST_SHUT_SECONDS
    bench.end(bench.begin(1), Outcome.UNSENT)

    assert len(bench.begin(1)) == 1


def test_a_few_failures_among_many_good_calls_shut_nothing(bench: Bench) -> None:
    calls = bench.begin(20)
    bench.end(calls[:14])
    for _ in range(4):
        bench.end(bench.begin(5), Outcome.FAILED)

    assert len(bench.begin(1)) == 1


def test_lanes_have_counts_of_their_own(bench: Bench) -> None:
    bench.limits = Limits(requests_per_minute=1)
    bench.begin(1, lane="one")

    assert len(bench.begin(1, lane="two")) == 1
    assert len(bench.begin(1, lane="one")) == 0


def test_the_reservations_of_a_lost_process_are_void_after_their_lease(bench: Bench) -> None:
    assert len(bench.begin(FREE)) == 20
    assert len(bench.begin(FREE)) == 0

    bench.now += LEASE_SECONDS + 1

    assert len(bench.begin(FREE)) == 20


def test_redis_that_forgets_everything_begins_low(redis_url: str) -> None:
    bench = Bench(make=lambda clock: RedisStore(redis_url, clock=clock), limits=Limits(requests_per_minute=6_000))
    for _ in range(3):
        bench.end(bench.begin(FREE))
    with redis_py.Redis.from_url(redis_url) as client:
        client.flushall()

    assert len(bench.begin(FREE)) == 20


_NUMBERS = itertools.count()
_TOLD = st.fixed_dictionaries({
    "wait": st.integers(0, 40 * 64).map(lambda parts: parts / 64),  # Redis counts whole microseconds, as these are
    "tokens": st.lists(st.integers(1, 1_200), max_size=30),
    "ended": st.lists(st.tuples(st.integers(0, 200), st.sampled_from(Outcome), st.integers(-300, 300), st.sampled_from([0.0, 3.0, 30.0])), max_size=40),
})  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limits=st.builds(
        Limits,
        requests_per_minute=st.none() | st.integers(1, 300),
        input_tokens_per_minute=st.none() | st.integers(1, 20_000),
        requests_per_day=st.none() | st.integers(1, 60),
    ),
    told=st.lists(_TOLD, max_size=12),
)
def test_redis_answers_as_one_process_does(redis_url: str, limits: Limits, told: list[dict[str, object]]) -> None:
    """The two forms of the rules say the same, whatever is told and asked."""
    local = Bench(make=lambda clock: InProcessStore(clock=clock), limits=limits)
    shared = Bench(
        make=lambda clock: RedisStore(redis_url, prefix=f"same-{next(_NUMBERS)}", clock=clock), limits=limits
    )
    begun: list[str] = []
    for one in told:
        ended = [
            Settled(id=begun[place % len(begun)], outcome=outcome, more_tokens=more, wait_seconds=wait)
            for place, outcome, more, wait in one["ended"]  # type: ignore[attr-defined]
            if begun
        ]
        answers = []
        for bench in (local, shared):
            bench.now += one["wait"]  # type: ignore[operator]
            answers.append(bench.ask(one["tokens"], ended))  # type: ignore[arg-type]
        here, there = ([(call, reply.reason, round(reply.wait_seconds, 3)) for call, reply in each] for each in answers)
        for (call, reason, wait), (_, other_reason, other_wait) in zip(here, there, strict=True):
            assert (call, reason) == (call, other_reason)
            assert wait == pytest.approx(other_wait, abs=0.002)
        begun += [call for call, reason, _ in here if reason is None]
    shared.store.close()
