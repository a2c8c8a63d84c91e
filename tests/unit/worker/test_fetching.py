"""Reading sources: bounded in all and by host, within its time, and never in the way of the loop."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from media.sniff import Family, MediaType
from media.source import LocalFile
from media.sources import Wanted
from models.failures import FailureCode, FailureError
from worker import fetching
from worker.fetching import Fetching

FILE = LocalFile(
    path=Path("a.png"), size_bytes=1, sha256="0", modified_ns=1, name="a.png",
    media_type=MediaType(name="png", mime_type="image/png", family=Family.PICTURE),
)  # fmt: skip


class Readers:
    """Readers that wait until they are let go, and count themselves by host."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.came = threading.Semaphore(0)
        self.now: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self._lock = threading.Lock()

    def read(self, wanted: Wanted) -> LocalFile:
        host = wanted.source.split("/")[2]
        with self._lock:
            for name in (host, "all"):
                self.now[name] = self.now.get(name, 0) + 1
                self.most[name] = max(self.most.get(name, 0), self.now[name])
        self.came.release()
        self.let_go.wait(10)
        with self._lock:
            for name in (host, "all"):
                self.now[name] -= 1
        return FILE


def reads(
    read: Callable[[Wanted], LocalFile], *, most: int = 4, most_per_host: int = 2, seconds: float = 5.0
) -> Fetching:
    return Fetching(read=read, most=most, most_per_host=most_per_host, timeout_seconds=seconds)


def test_no_more_are_read_at_once_than_allowed_in_all_and_from_one_host() -> None:
    readers = Readers()

    async def run() -> list[LocalFile]:
        fetches = reads(readers.read)
        sources = [f"https://host-{number % 3}/{number}" for number in range(24)]
        tasks = [asyncio.create_task(fetches.open(source, owner="o", folder=None)) for source in sources]
        for _ in range(4):
            await asyncio.to_thread(readers.came.acquire, timeout=5)
        readers.let_go.set()
        try:
            return await asyncio.gather(*tasks)
        finally:
            fetches.close()

    assert asyncio.run(run()) == [FILE] * 24
    assert readers.most.pop("all") == 4
    assert max(readers.most.values()) == 2


def test_a_reader_that_hangs_gives_its_place_to_the_next_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SLACK_SECONDS", 0.5)
    hangs = threading.Event()
    stopped: list[Wanted] = []

    def read(wanted: Wanted) -> LocalFile:
        if "hangs" in wanted.source:
            stopped.append(wanted)
            hangs.wait(10)
        return FILE

    async def run() -> None:
        fetches = reads(read, most=1, most_per_host=1, seconds=0.5)
        hanging = asyncio.create_task(fetches.open("https://u:secret@host/hangs?secret", owner="o", folder=None))
        after = asyncio.create_task(fetches.open("https://host/next", owner="o", folder=None))
        with pytest.raises(FailureError, match=r"^source_unreachable: https://host/hangs was not read within 0.5 s"):
            await hanging
        assert await after == FILE
        assert stopped[0].stop.is_set()
        hangs.set()
        fetches.close()

    asyncio.run(run())


def test_where_too_much_hangs_nothing_more_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SLACK_SECONDS", 0.01)
    monkeypatch.setattr(fetching, "MOST_HANGING", 2)
    hangs = threading.Event()

    def read(_: Wanted) -> LocalFile:
        hangs.wait(10)
        return FILE

    async def run() -> list[str]:
        fetches = reads(read, most=1, most_per_host=1, seconds=0.01)
        words = []
        for _ in range(4):
            with pytest.raises(FailureError) as caught:
                await fetches.open("a.png", owner="o", folder=None)
            assert caught.value.failure.code is FailureCode.SOURCE_UNREACHABLE
            words.append(caught.value.failure.message)
        hangs.set()
        fetches.close()
        return words

    words = asyncio.run(run())
    assert ["too many others hang" in each for each in words] == [False, False, False, True]


def test_a_stopped_job_stops_its_reader_and_leaves_the_place_free() -> None:
    readers = Readers()

    async def run() -> None:
        fetches = reads(readers.read, most=1, most_per_host=1)
        first = asyncio.create_task(fetches.open("https://host/1", owner="o", folder=None))
        await asyncio.to_thread(readers.came.acquire, timeout=5)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        readers.let_go.set()
        assert await fetches.open("https://host/2", owner="o", folder=None) == FILE
        fetches.close()

    asyncio.run(run())


def test_whatever_a_reader_raises_comes_to_who_waits() -> None:
    def read(_: Wanted) -> LocalFile:
        raise MemoryError

    async def run() -> None:
        fetches = reads(read)
        with pytest.raises(MemoryError):
            await fetches.open("a.png", owner="o", folder=None)
        fetches.close()

    asyncio.run(run())
