"""The limiter without Redis: lost in the middle it slows the work, and overruns nothing."""

import time

import pytest

from tests.services.redis import RedisServer
from worker.quota.guarded import GuardedStore, NoStore
from worker.quota.stores import InProcessStore, RedisStore
from worker.quota.terms import Day, Exchange, Limits, Outcome, QuotaStoreError, Reason, Reply, Settled, Want


def _exchange(wants: int = 0, ended: tuple[Settled, ...] = (), **limits: int) -> Exchange:
    return Exchange(
        lane="m", family="generate", limits=Limits(**limits), day=Day(name="2026-11-26", seconds_left=3_600.0),
        lease_seconds=150.0, settled=ended, wants=[Want(id=f"cal_{time.monotonic_ns()}_{n}", input_tokens=1) for n in range(wants)],
    )  # fmt: skip


@pytest.fixture
def dead_redis(redis: RedisServer, redis_url: str) -> RedisServer:
    """A Redis that was killed; the next test finds it alive again."""
    assert redis_url
    redis.kill()
    return redis


def test_without_redis_a_worker_goes_on_and_begins_low(dead_redis: RedisServer) -> None:
    store = GuardedStore(RedisStore(dead_redis.database_url(1)), workers=lambda: 8)

    replies = store.exchange(_exchange(10, requests_per_minute=1_600))

    assert [reply.reason for reply in replies] == [None, *[Reason.IN_FLIGHT] * 9]  # it begins low, too


def test_the_share_of_all_workers_together_is_half_of_the_quota() -> None:
    now = 1_000.0
    stores = [GuardedStore(NoStore(), workers=lambda: 8, clock=lambda: now) for _ in range(8)]
    booked = 0
    for step in range(600):
        now = 1_000.0 + step / 10
        for store in stores:
            asked = _exchange(1, requests_per_minute=320)
            [reply] = store.exchange(asked)
            if reply.reason is None:
                booked += 1
                store.exchange(_exchange(0, (Settled(id=asked.wants[0].id, outcome=Outcome.GOOD),)))

    assert 140 <= booked <= 8 * 2 + 160 * 62 / 61


def test_redis_that_comes_back_counts_for_all_again(redis: RedisServer, redis_url: str) -> None:
    now = 1_000.0
    store = GuardedStore(RedisStore(redis_url), workers=lambda: 8, clock=lambda: now)
    store.exchange(_exchange(1))
    redis.kill()
    store.exchange(_exchange(1))
    redis.start()
    now += 2.0

    replies = store.exchange(_exchange(30))

    assert [reply.reason for reply in replies] == [None] * 20 + [Reason.IN_FLIGHT] * 10


def test_calls_that_end_while_redis_is_away_leave_their_places_when_it_is_back() -> None:
    class Moody(InProcessStore):
        is_away = False

        def exchange(self, asked: Exchange) -> list[Reply]:
            if self.is_away:
                raise QuotaStoreError("away")
            return super().exchange(asked)

    now = 1_000.0
    shared = Moody(clock=lambda: 1_000.0)  # in no time nothing grows
    store = GuardedStore(shared, workers=lambda: 1, clock=lambda: now)
    begun = _exchange(20)
    store.exchange(begun)
    shared.is_away = True
    store.exchange(_exchange(0, tuple(Settled(id=want.id, outcome=Outcome.GOOD) for want in begun.wants)))
    shared.is_away = False
    now += 2.0

    replies = store.exchange(_exchange(20))

    assert {reply.reason for reply in replies} == {None}


def test_a_redis_that_does_not_answer_costs_a_second_and_no_more(redis: RedisServer, redis_url: str) -> None:
    store = GuardedStore(RedisStore(redis_url), workers=lambda: 1)
    redis.pause()
    before = time.monotonic()

    [reply] = store.exchange(_exchange(1))

    assert reply.reason is None
    assert time.monotonic() - before < 3.0
    redis.resume()
