"""Groups: in order, one at a time, and everybody gets their own answer or error, whatever happens to the others."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from worker.grouping import Grouper

PATIENCE_SECONDS = 10.0


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


class Doubling:
    """Doubles numbers and remembers in what groups; with `gate`, waits for it in each group."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.groups: list[list[int]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.begun = threading.Event()
        self._gate = gate
        self._lock = threading.Lock()

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
            self.groups.append(list(items))
        self.begun.set()
        if self._gate is not None:
            assert self._gate.wait(PATIENCE_SECONDS)
        with self._lock:
            self.at_once -= 1
        if -1 in items:
            raise ValueError("a group with -1 in it")
        return [2 * item for item in items]


def run(
    handle: Callable[[Sequence[int]], Sequence[int]],
    ask: Callable[[Grouper[int, int]], Awaitable[None]],
    executor: Executor,
    *,
    most: int = 100,
) -> None:
    async def asked() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await ask(Grouper(handle, executor=executor, wait_seconds=0.005, most=most))

    asyncio.run(asked())


async def begun(handle: Doubling) -> None:
    assert await asyncio.to_thread(handle.begun.wait, PATIENCE_SECONDS)


def test_what_is_asked_together_is_handled_together_and_each_gets_its_own_answer(executor: Executor) -> None:
    handle = Doubling()

    async def ask(grouper: Grouper[int, int]) -> None:
        assert await asyncio.gather(*(grouper.ask(n) for n in range(50))) == [2 * n for n in range(50)]

    run(handle, ask, executor)
    assert handle.groups == [list(range(50))]


def test_no_group_is_larger_than_allowed_and_order_is_kept(executor: Executor) -> None:
    handle = Doubling()

    async def ask(grouper: Grouper[int, int]) -> None:
        assert await asyncio.gather(*(grouper.ask(n) for n in range(25))) == [2 * n for n in range(25)]

    run(handle, ask, executor, most=10)
    assert [len(group) for group in handle.groups] == [10, 10, 5]
    assert [item for group in handle.groups for item in group] == list(range(25))


def test_one_group_is_handled_at_a_time_while_the_next_one_collects(executor: Executor) -> None:
    gate = threading.Event()
    handle = Doubling(gate)

    async def ask(grouper: Grouper[int, int]) -> None:
        first = asyncio.create_task(grouper.ask(1))
        await begun(handle)
        rest = [asyncio.create_task(grouper.ask(n)) for n in (2, 3, 4)]
        await asyncio.sleep(0)
        gate.set()
        assert [await first, *(await asyncio.gather(*rest))] == [2, 4, 6, 8]

    run(handle, ask, executor)
    assert handle.groups == [[1], [2, 3, 4]]
    assert handle.most_at_once == 1


def test_an_item_that_spoils_its_group_harms_no_neighbour(executor: Executor) -> None:
    handle = Doubling()

    async def ask(grouper: Grouper[int, int]) -> None:
        ended = await asyncio.gather(*(grouper.ask(n) for n in (1, -1, 2, 3)), return_exceptions=True)
        assert [type(answer) for answer in ended] == [int, ValueError, int, int]
        assert await grouper.ask(5) == 10

    run(handle, ask, executor, most=4)


def test_an_asker_that_is_cancelled_harms_nobody_and_what_it_asked_for_is_done(executor: Executor) -> None:
    gate = threading.Event()
    handle = Doubling(gate)

    async def ask(grouper: Grouper[int, int]) -> None:
        tasks = [asyncio.create_task(grouper.ask(n)) for n in (1, 2, 3)]
        await begun(handle)
        tasks[0].cancel()
        tasks[1].cancel()
        gate.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in ended[:2]] == [asyncio.CancelledError] * 2
        assert ended[2] == 6
        assert await grouper.ask(4) == 8

    run(handle, ask, executor)
    assert handle.groups == [[1, 2, 3], [4]]


def test_the_first_asker_may_be_cancelled_before_its_group_begins(executor: Executor) -> None:
    async def ask(grouper: Grouper[int, int]) -> None:
        first, second = asyncio.create_task(grouper.ask(1)), asyncio.create_task(grouper.ask(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 4

    run(Doubling(), ask, executor)


def test_a_handler_that_answers_too_few_leaves_nobody_waiting(executor: Executor) -> None:
    async def ask(grouper: Grouper[int, int]) -> None:
        async with asyncio.timeout(1.0):
            ended = await asyncio.gather(grouper.ask(1), grouper.ask(2), return_exceptions=True)
        assert any(isinstance(answer, Exception) for answer in ended)

    run(lambda items: [0 for _ in items[1:]], ask, executor)
