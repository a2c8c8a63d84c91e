"""Waiting for jobs without asking for each: one look a moment for all that anybody waits for, and none where nobody does."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from models.database import DatabaseNotReadyError, DatabaseUnavailableError

LOOK_SECONDS = 0.05
"""Least time between two looks."""
COST_OF_LOOKING = 10
"""Looking takes at most this fraction of the time."""


class Watcher:
    """Wakes those who wait for a job when it is done. Lives on the server's loop."""

    def __init__(self, final_among: Callable[[Iterable[str]], set[str]], *, is_leaving: Callable[[], bool]) -> None:
        """`final_among` tells which of some jobs are done; it is called on a thread."""
        self._final_among = final_among
        self._is_leaving = is_leaving
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def wait_for(self, job_id: str, *, seconds: float) -> None:
        """Return when the job is done, the time is up, or the server leaves."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, set()).add(done)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_while_somebody_waits())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(done, seconds)
        finally:
            others = self._waiting.get(job_id, set())
            others.discard(done)
            if not others:
                self._waiting.pop(job_id, None)

    async def _look_while_somebody_waits(self) -> None:
        while self._waiting:
            began = time.monotonic()
            for job_id in await self._look():
                for waiter in self._waiting.pop(job_id, set()):
                    if not waiter.done():
                        waiter.set_result(None)
            await asyncio.sleep(max(LOOK_SECONDS, COST_OF_LOOKING * (time.monotonic() - began)))

    async def _look(self) -> Iterable[str]:
        if self._is_leaving():
            return list(self._waiting)
        try:
            return await run_in_threadpool(self._final_among, list(self._waiting))
        except (DatabaseUnavailableError, DatabaseNotReadyError):
            return ()  # whoever waits finds out when the time is up


async def watcher_of(request: Request) -> Watcher:
    """The watcher of the app that serves this request."""
    watcher: Watcher = request.app.state.watcher
    return watcher
