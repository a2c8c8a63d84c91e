"""The gate: lets the calls of one process begin in turn, as the limiter allows. Lives on the core's event loop.

Each lane has a line of its own, so that one that has to wait holds up no other. A line asks the store for its first few
calls in one exchange and tells in the same one what has ended, so that a busy process costs a few exchanges a second and
not two a call. Who has waited too long is sent away with the time at which to come again: the job then waits in SQL and
holds no slot.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import structlog

from models.tier import lane_of, tier_of
from worker.quota.terms import HORIZON_SECONDS, Day, Exchange, Limits, Outcome, Reason, Reply, Settled, Store, Want

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 64
"""Wants in one exchange."""
SETTLE_SECONDS = 0.02
"""How long what has ended is collected before it is told by itself."""
LEAST_REST_SECONDS = 0.1
LONGEST_REST_SECONDS = 1.0
RECENT_SECONDS = 2.0
WORTH_WAITING = 0.2
"""Of its patience a call waits so much for a lane that lets nothing through."""
LIMITED_SECONDS = 10.0
"""A lane that was refused something is taken for limited for so long."""
AHEAD = 2.0
"""Calls that may stand in line of a limited lane, in relation to those that went through in `RECENT_SECONDS`."""
LEAST_AHEAD = 2
CLOSE_SECONDS = 2.0
ON_THEIR_WAY_SECONDS = 0.5
"""About as long as a job takes from its claim into the line."""


@dataclass(eq=False, kw_only=True, slots=True)
class _Waiting:
    want: Want
    since: float
    until: float
    answer: "asyncio.Future[Reply]"


@dataclass(eq=False, slots=True)
class _Line:
    """What one lane waits for and has to tell."""

    lane: str
    waiting: deque[_Waiting] = field(default_factory=deque)
    ended: list[Settled] = field(default_factory=list)
    recent: deque[float] = field(default_factory=deque)
    """When calls went through, of late."""
    limited_until: float = 0.0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    pump: "asyncio.Task[None] | None" = None

    def note_through(self, now: float) -> None:
        """A call went through."""
        while self.recent and now - self.recent[0] > RECENT_SECONDS:
            self.recent.popleft()
        self.recent.append(now)

    def ahead(self, now: float) -> int:
        """How many calls may stand in line while the lane is limited. Other threads than the loop's ask, too."""
        through = sum(now - at <= RECENT_SECONDS for at in self.recent.copy())
        return max(LEAST_AHEAD, int(AHEAD * through))


class Gate:
    """Lets calls begin in turn."""

    def __init__(
        self,
        store: Store,
        *,
        limits: Callable[[str], Limits],
        today: Callable[[str], Day],
        lease_seconds: Callable[[str], float],
        executor: Executor | None = None,
    ) -> None:
        """`limits`, `today` and `lease_seconds` are asked by lane. With an `executor` the store is asked on its thread, else in place."""
        self._store = store
        self._limits = limits
        self._today = today
        self._lease_seconds = lease_seconds
        self._executor = executor
        self._lines: dict[str, _Line] = {}
        self._taken: deque[tuple[float, int]] = deque()
        """Jobs that were taken of late, and may not stand in line yet."""
        self._taking = threading.Lock()

    async def enter(self, lane: str, want: Want, *, patience_seconds: float) -> Reply:
        """Wait until the call may begin; where the reply has a reason, it may not, and none waited on its account.

        The caller tells by `leave` how the call ended, and that it was never sent as well.
        """
        line = self._lines.setdefault(lane, _Line(lane))
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        now = time.monotonic()
        line.waiting.append(_Waiting(want=want, since=now, until=now + patience_seconds, answer=answer))
        self._wake(line)
        try:
            reply = await answer
            if reply.reason is None and reply.wait_seconds > 0:
                await asyncio.sleep(reply.wait_seconds)
        except BaseException:
            # Booked already, though perhaps not yet told so; where the answer itself was cancelled, the pump sees to it.
            if answer.done() and not answer.cancelled() and answer.result().reason is None:
                self.leave(lane, Settled(id=want.id, outcome=Outcome.UNSENT))
            raise
        return reply

    def leave(self, lane: str, ended: Settled) -> None:
        """The call has ended, or is not sent after all."""
        line = self._lines[lane]
        line.ended.append(ended)
        self._wake(line)

    async def aclose(self) -> None:
        """Tell what has ended: else the reservations of a worker that left would count until their leases end."""
        pumps = [line.pump for line in self._lines.values() if line.pump is not None]
        if pumps:
            _, late = await asyncio.wait(pumps, timeout=CLOSE_SECONDS)
            for pump in late:
                pump.cancel()

    # For the feeder, from any thread

    def crowded_lanes(self) -> list[str]:
        """Lanes of which enough calls stand in line: taking more of their jobs would only hold slots."""
        now = time.monotonic()
        return [
            line.lane
            for line in self._lines.copy().values()
            if line.limited_until > now and len(line.waiting) >= line.ahead(now)
        ]

    def limited_lanes(self) -> list[str]:
        """Lanes of which few jobs are taken, the crowded ones among them."""
        now = time.monotonic()
        return [line.lane for line in self._lines.copy().values() if line.limited_until > now]

    def room(self, free: int) -> int:
        """How many jobs of any lane to take of `free` slots: few, while one is limited and more of its jobs may come."""
        now = time.monotonic()
        with self._taking:
            while self._taken and now - self._taken[0][0] > ON_THEIR_WAY_SECONDS:
                self._taken.popleft()
            coming = sum(count for _, count in self._taken)
        limited = (
            line.ahead(now) - len(line.waiting) - coming
            for line in self._lines.copy().values()
            if line.limited_until > now and len(line.waiting) < line.ahead(now)
        )
        return max(0, min((free, *limited)))

    def note_taken(self, count: int) -> None:
        """So many jobs were taken, and are on their way into the line."""
        if count:
            with self._taking:
                self._taken.append((time.monotonic(), count))

    # The lines

    def _wake(self, line: _Line) -> None:
        line.news.set()
        if line.pump is None:
            line.pump = asyncio.get_running_loop().create_task(self._serve(line), name=f"gate {line.lane}")

    async def _serve(self, line: _Line) -> None:
        """Exchange until nobody waits and everything is told."""
        try:
            while line.waiting or line.ended:
                line.news.clear()
                if not line.waiting:
                    await _news_within(line, SETTLE_SECONDS)
                rest_seconds = await self._exchange(line)
                if rest_seconds > 0:
                    await _news_within(line, rest_seconds)
        finally:
            line.pump = None

    async def _exchange(self, line: _Line) -> float:
        """One exchange; how long to rest before the next, unless something ends meanwhile."""
        line.waiting = deque(one for one in line.waiting if not one.answer.done())  # without those that were cancelled
        asked = [line.waiting[place] for place in range(min(MOST_AT_ONCE, len(line.waiting)))]
        ended, line.ended = tuple(line.ended), []
        exchange = Exchange(
            lane=line.lane, family=_family(line.lane), limits=self._limits(line.lane), day=self._today(line.lane),
            lease_seconds=self._lease_seconds(line.lane), settled=ended, wants=tuple(one.want for one in asked),
        )  # fmt: skip
        try:
            replies = await self._ask_store(exchange)
        except Exception:
            log.exception("the limiter could not be asked", lane=line.lane)
            line.ended = [*ended, *line.ended]
            return LONGEST_REST_SECONDS
        refused = self._hand_out(line, asked, replies)
        self._send_away(line, refused)
        return _rest(refused) if refused and line.waiting else 0.0

    async def _ask_store(self, exchange: Exchange) -> list[Reply]:
        if self._executor is None:
            return self._store.exchange(exchange)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._store.exchange, exchange)

    def _hand_out(self, line: _Line, asked: list[_Waiting], replies: list[Reply]) -> Reply | None:
        """Let go who may begin, and who never may; the first refusal of those that stay."""
        refused: Reply | None = None
        for one, reply in zip(asked, replies, strict=True):
            if reply.reason not in (None, Reason.TOO_LARGE):
                refused = refused or reply
                continue
            line.waiting.remove(one)
            if reply.reason is None:
                line.note_through(time.monotonic())
            if not one.answer.done():
                one.answer.set_result(reply)
            elif reply.reason is None:
                line.ended.append(Settled(id=one.want.id, outcome=Outcome.UNSENT))
        return refused

    def _send_away(self, line: _Line, refused: Reply | None) -> None:
        """Those who waited too long, and all where there is nothing more today."""
        if refused is None:
            return
        now = time.monotonic()
        if refused.reason is not Reason.IN_FLIGHT:  # a place is free again as soon as any call ends
            line.limited_until = now + LIMITED_SECONDS
        for one in list(line.waiting):
            if _waits_in_vain(one, refused, now):
                line.waiting.remove(one)
                if not one.answer.done():
                    one.answer.set_result(refused)


def _family(lane: str) -> str:
    """What shares a breaker: that one tier has no room says nothing of another."""
    return lane_of("generate", tier_of(lane))


def _waits_in_vain(one: _Waiting, refused: Reply, now: float) -> bool:
    """Its time is up, or the lane is shut for so long that a slot is better used for something else."""
    is_shut = refused.reason in (Reason.DAY, Reason.HELD, Reason.SHUT)
    return one.until <= now or (is_shut and refused.wait_seconds > (one.until - one.since) * WORTH_WAITING)


async def _news_within(line: _Line, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await line.news.wait()
    except TimeoutError:
        pass
    else:
        await asyncio.sleep(0)  # what comes in the same moment goes into the same exchange


def _rest(refused: Reply) -> float:
    """Until the first in line may be served, as far as the store can tell."""
    bookable = refused.wait_seconds - HORIZON_SECONDS
    asked = bookable if refused.reason in (Reason.REQUESTS, Reason.TOKENS) else refused.wait_seconds
    return min(max(asked, LEAST_REST_SECONDS), LONGEST_REST_SECONDS)
