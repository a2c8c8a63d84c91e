"""The two Python clients behind one face, so that every test of one is a test of the other."""

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mediascribe_client import AsyncMediascribe, Mediascribe
from mediascribe_client.retries import Retries

COLOURS = ("plain", "asyncio")
PARTS = ("jobs", "batches", "bulk_actions", "webhooks")


@contextmanager
def client(colour: str, url: str, **more: Any) -> Iterator[Any]:
    """A Mediascribe; for asyncio one whose methods return when they are done."""
    if colour == "plain":
        with Mediascribe(url, **more) as plain:
            yield plain
        return
    with asyncio.Runner() as runner:
        other = AsyncMediascribe(url, **more)
        try:
            yield Awaited(other, runner)
        finally:
            runner.run(other.close())


def hurry(either: Any) -> None:
    """From now on it waits a moment between its attempts, and no more."""
    either._sender.retries = Retries(most=either._sender.retries.most, base_seconds=0.001)


class Awaited:
    """An object whose coroutines are awaited, and whose asynchronous iterators are read to their end."""

    def __init__(self, wrapped: Any, runner: asyncio.Runner) -> None:
        self._wrapped = wrapped
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._wrapped, name)
        if name in PARTS:
            return Awaited(value, self._runner)
        return self._done(value) if callable(value) else value

    def _done(self, method: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            result = method(*arguments, **named)
            if inspect.isawaitable(result):
                return self._runner.run(_of(result))
            return iter(self._runner.run(_all(result))) if hasattr(result, "__aiter__") else result

        return call


async def _of(awaitable: Any) -> Any:
    return await awaitable


async def _all(iterator: Any) -> list[Any]:
    return [each async for each in iterator]
