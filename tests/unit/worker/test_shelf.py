"""The shelf: nobody takes more than there is room for, everybody is served in turn, and nothing of it is lost."""

import asyncio

import pytest

from worker.shelf import Shelf


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_finds_no_room_waits_until_there_is_some_and_is_served_in_turn() -> None:
    async def scenario() -> None:
        shelf = Shelf(100)
        await shelf.take(80)
        large, small = (asyncio.create_task(shelf.take(size)) for size in (90, 10))
        await settle()
        assert (large.done(), small.done()) == (False, False)  # the small one does not pass the large one
        shelf.give_back(80)
        await settle()
        assert (large.done(), small.done(), shelf.used_bytes) == (True, True, 100)

    asyncio.run(scenario())


def test_an_empty_shelf_takes_what_is_larger_than_itself() -> None:
    async def scenario() -> None:
        shelf = Shelf(100)
        await asyncio.wait_for(shelf.take(250), timeout=1)
        waiting = asyncio.create_task(shelf.take(1))
        await settle()
        assert not waiting.done()
        shelf.give_back(250)
        await waiting

    asyncio.run(scenario())


@pytest.mark.parametrize("when", ["served", "waiting"])
def test_who_leaves_holds_nothing_up(when: str) -> None:
    async def scenario() -> None:
        shelf = Shelf(100)
        await shelf.take(100)
        leaving, next_one = (asyncio.create_task(shelf.take(60)) for _ in range(2))
        await settle()
        if when == "served":
            shelf.give_back(100)  # its turn has come, and it does not know yet
        leaving.cancel()
        if when == "waiting":
            shelf.give_back(100)
        await asyncio.wait_for(next_one, timeout=1)
        await settle()
        assert shelf.used_bytes == 60

    asyncio.run(scenario())


def test_who_leaves_lets_those_behind_go_where_there_is_room_for_them() -> None:
    async def scenario() -> None:
        shelf = Shelf(100)
        await shelf.take(40)
        leaving, behind = (asyncio.create_task(shelf.take(size)) for size in (70, 60))
        await settle()
        leaving.cancel()
        await asyncio.wait_for(behind, timeout=1)

    asyncio.run(scenario())


def test_a_part_of_a_larger_shelf_takes_room_on_both_and_waits_for_both() -> None:
    async def scenario() -> None:
        large = Shelf(100)
        one, other = Shelf(80, within=large), Shelf(80, within=large)
        await one.take(70)
        waiting = asyncio.create_task(other.take(60))
        await settle()
        assert (waiting.done(), one.used_bytes, large.used_bytes) == (False, 70, 70)
        one.give_back(70)
        await waiting
        assert (one.used_bytes, other.used_bytes, large.used_bytes) == (0, 60, 60)
        leaving = asyncio.create_task(one.take(50))
        await settle()
        leaving.cancel()
        await settle()
        assert (one.used_bytes, large.used_bytes) == (0, 60)

    asyncio.run(scenario())


def test_who_leaves_together_with_another_that_makes_room_is_cancelled_and_nothing_else() -> None:
    async def scenario() -> None:
        shelf = Shelf(100)
        await shelf.take(100)
        leaving = asyncio.create_task(shelf.take(60))
        await settle()
        leaving.cancel()
        shelf.give_back(100)  # before the one that leaves knows of it, as where a worker drains
        (ended,) = await asyncio.gather(leaving, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)
        assert shelf.used_bytes == 0

    asyncio.run(scenario())
