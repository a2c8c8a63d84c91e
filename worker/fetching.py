"""Sources for the attempts of a process: read on threads of their own, bounded in all and by host, each within its time.

Reading waits for servers, name servers and mounts, any of which may hang for ever. The core's loop never waits with it:
when its time is over an attempt goes on without its thread, which ends whenever it is let go and is then used again.
"""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from media.outbound.target import redacted
from media.source import LocalFile
from media.source_rules import place_of
from media.sources import Wanted
from models.failures import FailureCode, FailureError, failure

SLACK_SECONDS = 2.0
"""A reader that keeps its time by itself says better what it waited for, so it goes first."""
MOST_HANGING = 256
"""Threads that hang, at most; beyond them nothing more is read."""


class Fetching:
    """Reads sources for the attempts on one loop."""

    def __init__(
        self, *, read: Callable[[Wanted], LocalFile], most: int, most_per_host: int, timeout_seconds: float
    ) -> None:
        """`read` waits as long as it takes; `most` reads at once, `most_per_host` of them from one host, one bucket, or this machine's disks."""
        self._read = read
        self._room = asyncio.Semaphore(most)
        self._most_hanging = most + MOST_HANGING
        self._most_per_host = most_per_host
        self._places: dict[str, tuple[asyncio.Semaphore, int]] = {}
        """By place: its room, and how many use it or wait for it."""
        self._timeout_seconds = timeout_seconds
        self._threads = _Threads()

    async def open(self, source: str, *, owner: str, folder: Path | None) -> LocalFile:
        """The source as a local file; what is remote is copied into the folder. Raises FailureError."""
        stop = threading.Event()
        wanted = Wanted(source=source, owner=owner, folder=folder, stop=stop)
        async with self._room_at(place_of(source)), self._room:
            if self._threads.busy >= self._most_hanging:
                raise _hanging(source, "is not read: too many others hang; check the mounts and name servers")
            try:
                async with asyncio.timeout(self._timeout_seconds + SLACK_SECONDS):
                    return await self._threads.run(lambda: self._read(wanted))
            except TimeoutError as error:
                words = f"was not read within {self._timeout_seconds:g} seconds; check its disk, mount or server"
                raise _hanging(source, words) from error
            finally:
                stop.set()

    def close(self) -> None:
        """Let the threads go; those that hang end with the process."""
        self._threads.close()

    @asynccontextmanager
    async def _room_at(self, place: str) -> AsyncIterator[None]:
        room, users = self._places.get(place, (asyncio.Semaphore(self._most_per_host), 0))
        self._places[place] = room, users + 1
        try:
            async with room:
                yield
        finally:
            users = self._places[place][1] - 1
            if users:
                self._places[place] = room, users
            else:
                del self._places[place]


class _Threads:
    """As many threads as there is work at once. They end with the process, even where they hang."""

    def __init__(self) -> None:
        self.busy = 0
        """Those at work, the ones that nobody waits for any more among them; counted on the loop."""
        self._started = 0
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def run(self, work: Callable[[], LocalFile]) -> LocalFile:
        """What the work yields, or raises."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[LocalFile] = loop.create_future()

        def do() -> None:
            found: LocalFile | BaseException
            try:
                found = work()
            except BaseException as error:  # noqa: BLE001 - it is raised where the work is awaited
                found = error
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._end, ended, found)

        self.busy += 1
        if self.busy > self._started:
            self._started += 1
            threading.Thread(target=self._serve, name=f"mediascribe-fetch-{self._started}", daemon=True).start()
        self._work.put(do)
        return await ended

    def close(self) -> None:
        """No further work comes."""
        for _ in range(self._started):
            self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _end(self, ended: "asyncio.Future[LocalFile]", found: LocalFile | BaseException) -> None:
        self.busy -= 1
        if ended.done():  # nobody waits any more
            return
        if isinstance(found, BaseException):
            ended.set_exception(found)
        else:
            ended.set_result(found)


def _hanging(source: str, words: str) -> FailureError:
    return FailureError(failure(FailureCode.SOURCE_UNREACHABLE, f"{redacted(source)} {words}."))
