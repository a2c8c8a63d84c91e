"""Doing in one go what many coroutines ask for at nearly the same time.

Every job needs a few statements; a group of jobs needs the same few. A `Grouper` collects what is asked for within a
few milliseconds, hands the whole list to one plain function on a thread, and gives each asker its own part of the
answer. While one group is being handled the next one collects, so that groups grow by themselves under load.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Grouper(Generic[Item, Answer]):
    """Collects items and handles them together. Lives on one event loop."""

    def __init__(
        self,
        handle: Callable[[Sequence[Item]], Sequence[Answer]],
        *,
        executor: Executor,
        wait_seconds: float,
        most: int,
        hopeless: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> None:
        """`handle` gets at most `most` items and returns as many answers, in order; it runs on the executor.

        A group that raises is handled again item by item, unless what it raised is `hopeless` for each of them. What
        `handle` does must therefore be safe to repeat.
        """
        self._hopeless = hopeless
        self._handle = handle
        self._executor = executor
        self._wait_seconds = wait_seconds
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._handling: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Answer:
        """The answer to one item; raises what the handling of its group raised."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._handling is None:
            self._handling = asyncio.create_task(self._handle_all())
        return await future

    async def _handle_all(self) -> None:
        try:
            await asyncio.sleep(self._wait_seconds)
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._handle_group(group)
        finally:
            self._handling = None

    async def _handle_group(self, group: list[tuple[Item, "asyncio.Future[Answer]"]]) -> None:
        """Answer a group; where it cannot be handled together, each item alone, so that one harms no other."""
        loop = asyncio.get_running_loop()
        try:
            items = [item for item, _ in group]
            answers = await loop.run_in_executor(self._executor, self._handle, items)
            answered = list(zip(group, answers, strict=True))
        except Exception as error:  # noqa: BLE001 - every asker gets it
            if len(group) > 1 and not isinstance(error, self._hopeless):
                for one in group:
                    await self._handle_group([one])
                return
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in answered:
            if not future.done():
                future.set_result(answer)
