"""Room on disk for what is prepared and not yet sent: one asyncio loop uses it.

A nine-hour recording is half a gigabyte of clips. It is prepared portion by portion, and a further portion only when
there is room for it; a clip's room is free again when the clip is answered.
"""

import asyncio
import contextlib
from collections import deque


class Shelf:
    """So many bytes of room, if need be as part of a larger shelf. Whoever waits is served in turn."""

    def __init__(self, max_bytes: int, *, within: "Shelf | None" = None) -> None:
        self._max_bytes = max_bytes
        self._within = within
        self._used_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used_bytes(self) -> int:
        """What is taken now."""
        return self._used_bytes

    async def take(self, size_bytes: int) -> None:
        """Wait until there is room for so much, and take it. An empty shelf has room for anything."""
        await self._take_here(size_bytes)
        if self._within is None:
            return
        try:
            await self._within.take(size_bytes)
        except BaseException:
            self._give_back_here(size_bytes)
            raise

    def give_back(self, size_bytes: int) -> None:
        """So much is free again."""
        self._give_back_here(size_bytes)
        if self._within is not None:
            self._within.give_back(size_bytes)

    async def _take_here(self, size_bytes: int) -> None:
        if not self._waiting and self._fits(size_bytes):
            self._used_bytes += size_bytes
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back_here(size_bytes)  # it was ours already
            else:
                with contextlib.suppress(ValueError):  # who was served in between stepped over it
                    self._waiting.remove((size_bytes, turn))
                self._serve()
            raise

    def _give_back_here(self, size_bytes: int) -> None:
        self._used_bytes -= size_bytes
        self._serve()

    def _fits(self, size_bytes: int) -> bool:
        return self._used_bytes == 0 or self._used_bytes + size_bytes <= self._max_bytes

    def _serve(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size_bytes, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._used_bytes += size_bytes
                turn.set_result(None)
