"""The gate: calls of one process begin in turn, lane by lane, and who waits too long is sent away."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps

from worker.quota.gate import RECENT_SECONDS, Gate, _Line
from worker.quota.stores import InProcessStore
from worker.quota.terms import (
    LEAST_TROUBLE,
    Day,
    Exchange,
    Limits,
    Outcome,
    QuotaStoreError,
    Reason,
    Reply,
    Settled,
    Store,
    Want,
)

_IDS = itertools.count()


def on_a_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """The test, run on an event loop of its own."""

    @wraps(test)
    def run() -> None:
        async def whole() -> None:
            await test()

        asyncio.run(whole())

    return run


def _gate(limits: dict[str, Limits] | None = None, store: Store | None = None) -> Gate:
    return Gate(
        store or InProcessStore(),
        limits=lambda lane: (limits or {}).get(lane, Limits()),
        today=lambda _: Day(name="2026-11-26", seconds_left=500.0),
        lease_seconds=lambda _: 150.0,
    )


def _want(tokens: int = 1) -> Want:
    return Want(id=f"cal_{next(_IDS)}", input_tokens=tokens)


class CountingStore(InProcessStore):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: list[Exchange] = []
        self.told = asyncio.Event()

    def exchange(self, asked: Exchange) -> list[Reply]:
        self.exchanges.append(asked)
        if asked.settled:
            self.told.set()
        return super().exchange(asked)

    @property
    def settled(self) -> list[Settled]:
        return [one for exchange in self.exchanges for one in exchange.settled]


async def _enter_all(gate: Gate, wants: Sequence[Want], *, lane: str = "m", patience: float = 5.0) -> list[Reply]:
    return await asyncio.gather(*(gate.enter(lane, want, patience_seconds=patience) for want in wants))


@on_a_loop
async def test_calls_that_come_at_the_same_time_cost_one_exchange() -> None:
    store = CountingStore()

    replies = await _enter_all(_gate(store=store), [_want() for _ in range(20)])

    assert {reply.reason for reply in replies} == {None}
    assert len(store.exchanges) <= 2


@on_a_loop
async def test_a_call_that_waits_begins_as_soon_as_another_ends() -> None:
    gate = _gate()
    first = [_want() for _ in range(20)]
    await _enter_all(gate, first)
    waiting = asyncio.create_task(gate.enter("m", _want(), patience_seconds=5.0))
    await asyncio.sleep(0.01)
    assert not waiting.done()

    gate.leave("m", Settled(id=first[0].id, outcome=Outcome.GOOD))

    async with asyncio.timeout(0.5):
        assert (await waiting).reason is None


@on_a_loop
async def test_who_waits_too_long_is_sent_away_with_the_reason() -> None:
    gate = _gate({"m": Limits(requests_per_minute=1)})
    await gate.enter("m", _want(), patience_seconds=5.0)

    reply = await gate.enter("m", _want(), patience_seconds=0.05)

    assert reply.reason is Reason.REQUESTS
    assert 55 < reply.wait_seconds <= 61


@on_a_loop
async def test_nobody_waits_for_tomorrow() -> None:
    gate = _gate({"m": Limits(requests_per_day=1)})
    await gate.enter("m", _want(), patience_seconds=60.0)

    async with asyncio.timeout(1.0):
        reply = await gate.enter("m", _want(), patience_seconds=60.0)

    assert (reply.reason, reply.wait_seconds) == (Reason.DAY, 500.0)


@on_a_loop
async def test_a_lane_that_waits_holds_up_no_other() -> None:
    gate = _gate({"slow": Limits(requests_per_minute=1)})
    slow = [asyncio.create_task(gate.enter("slow", _want(), patience_seconds=5.0)) for _ in range(10)]

    async with asyncio.timeout(0.5):
        replies = await _enter_all(gate, [_want() for _ in range(20)], lane="fast")

    assert {reply.reason for reply in replies} == {None}
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


@on_a_loop
async def test_a_call_that_is_cancelled_in_line_takes_nobody_s_place() -> None:
    store = CountingStore()
    gate = _gate({"m": Limits(requests_per_minute=60)}, store)
    await gate.enter("m", _want(), patience_seconds=5.0)
    booked, in_line = _want(), _want()
    tasks = [asyncio.create_task(gate.enter("m", want, patience_seconds=5.0)) for want in (booked, in_line)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    async with asyncio.timeout(4.0):
        assert (await gate.enter("m", _want(), patience_seconds=3.9)).reason is None

    assert booked.id in {one.id for one in store.settled if one.outcome is Outcome.UNSENT}


@on_a_loop
async def test_what_has_ended_is_told_though_nobody_waits() -> None:
    store = CountingStore()
    gate = _gate(store=store)
    want = _want()
    await gate.enter("m", want, patience_seconds=1.0)

    gate.leave("m", Settled(id=want.id, outcome=Outcome.GOOD))

    async with asyncio.timeout(1.0):
        await store.told.wait()


@on_a_loop
async def test_a_store_that_fails_is_asked_again_and_nothing_is_forgotten() -> None:
    class Moody(CountingStore):
        def exchange(self, asked: Exchange) -> list[Reply]:
            replies = super().exchange(asked)
            if len(self.exchanges) == 2:
                raise QuotaStoreError("away")
            return replies

    store = Moody()
    gate = _gate(store=store)
    want = _want()
    await gate.enter("m", want, patience_seconds=1.0)
    gate.leave("m", Settled(id=want.id, outcome=Outcome.GOOD))

    async with asyncio.timeout(3.0):
        assert (await gate.enter("m", _want(), patience_seconds=2.5)).reason is None

    told = [one.id for exchange in store.exchanges[2:] for one in exchange.settled]
    assert told == [want.id]


@on_a_loop
async def test_of_a_limited_lane_no_more_jobs_are_taken_than_will_soon_go_through() -> None:
    gate = _gate({"m": Limits(requests_per_minute=120)})
    assert gate.room(96) == 96
    waiting = [asyncio.create_task(gate.enter("m", _want(), patience_seconds=5.0)) for _ in range(12)]
    await asyncio.sleep(0.05)

    assert gate.crowded_lanes() == ["m"]  # some are booked, the others stand in line
    assert gate.room(96) == 96  # of other lanes

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for _ in range(100):
        if not gate.crowded_lanes():
            break
        await asyncio.sleep(0.02)
    room = gate.room(96)
    gate.note_taken(room)
    assert 1 <= room <= 10
    assert gate.room(96) == 0  # those are on their way


@on_a_loop
async def test_a_call_that_is_cancelled_in_the_moment_in_which_it_may_begin_gives_its_place_back() -> None:
    tasks: list[asyncio.Task[Reply]] = []

    class Cancelling(CountingStore):
        def exchange(self, asked: Exchange) -> list[Reply]:
            if asked.wants:  # runs before the task hears of the answer that it is given now
                asyncio.get_running_loop().call_soon(tasks[0].cancel)
            return super().exchange(asked)

    store = Cancelling()
    want = _want()
    tasks.append(asyncio.create_task(_gate(store=store).enter("m", want, patience_seconds=1.0)))
    await asyncio.gather(*tasks, return_exceptions=True)
    assert tasks[0].cancelled()

    async with asyncio.timeout(1.0):
        await store.told.wait()

    assert store.settled == [Settled(id=want.id, outcome=Outcome.UNSENT)]


@on_a_loop
async def test_a_gate_that_closes_has_told_what_ended() -> None:
    store = CountingStore()
    gate = _gate(store=store)
    wants = [_want() for _ in range(3)]
    await _enter_all(gate, wants)
    for want in wants:
        gate.leave("m", Settled(id=want.id, outcome=Outcome.GOOD))

    await gate.aclose()

    assert {one.id for one in store.settled} == {want.id for want in wants}


def test_calls_of_long_ago_are_not_kept() -> None:
    line = _Line("m")

    for number in range(10_000):
        line.note_through(number / 10)

    assert len(line.recent) <= 10 * RECENT_SECONDS + 1
    assert line.ahead(1_000.0) == 2.0 * 20


@on_a_loop
async def test_a_tier_without_room_shuts_no_other() -> None:
    gate = _gate()
    for _ in range(LEAST_TROUBLE):
        want = _want()
        assert (await gate.enter("m:flex", want, patience_seconds=5.0)).reason is None
        gate.leave("m:flex", Settled(id=want.id, outcome=Outcome.FAILED))
    refused = await gate.enter("m:flex", _want(), patience_seconds=1.0)
    admitted = await gate.enter("m", _want(), patience_seconds=1.0)
    other = await gate.enter("n:flex", _want(), patience_seconds=1.0)

    assert (refused.reason, admitted.reason, other.reason) == (Reason.SHUT, None, Reason.SHUT)
    await gate.aclose()


@on_a_loop
async def test_a_reservation_is_kept_for_as_long_as_a_call_of_its_lane_may_take() -> None:
    store = CountingStore()
    gate = Gate(
        store, limits=lambda _: Limits(), today=lambda _: Day(name="2026-11-26", seconds_left=500.0),
        lease_seconds={"m": 150.0, "m:flex": 930.0}.__getitem__,
    )  # fmt: skip
    await gate.enter("m", _want(), patience_seconds=1.0)
    await gate.enter("m:flex", _want(), patience_seconds=1.0)

    assert {asked.lane: asked.lease_seconds for asked in store.exchanges} == {"m": 150.0, "m:flex": 930.0}
    await gate.aclose()
