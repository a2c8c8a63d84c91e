"""The spool: lines of calls that wait on this process's disk until enough of them can be sent together.

Nothing in it is paid for or promised: if the process dies, leases end and other workers pack the same calls anew. Lives on
the core's event loop; what is packed is written by threads, and handed over to the one that sends.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gemini.attached import AttachedBody
from models.failures import Failure
from models.store.parcelled import PackedCall
from models.store.parcels import display_name, new_parcel_id

MOST_BYTES = 256_000_000
"""Gemini takes 2 GB in a file, and keeps 20 GB for a project; smaller parcels are under way sooner."""
MOST_CALLS = 2_000
MOST_INPUT_TOKENS = 4_000_000
"""Google limits the tokens that may be enqueued for each model: 3 million to a billion, by the project's tier."""
MOST_PACKS = 2
"""Of a model on disk: one is filled while the one before it is sent. Then attempts wait, with their slots."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpooledLine:
    """A line in a pack."""

    call: PackedCall
    begin: int
    """Where in the file it stands, in bytes."""
    size_bytes: int
    batch_seconds: float
    """How long its job lets a batch take."""
    ticket: asyncio.Future[Failure]
    """What becomes of it; cancelled where nobody wants it any more."""

    def tell(self, what: Failure) -> None:
        """What became of it; from any thread."""

        def resolve() -> None:
            if not self.ticket.done():
                self.ticket.set_result(what)

        with contextlib.suppress(RuntimeError):  # the loop has ended
            self.ticket.get_loop().call_soon_threadsafe(resolve)


@dataclass(kw_only=True, slots=True)
class Pack:
    """What will be one parcel."""

    parcel_id: str
    lane: str
    model: str
    path: Path
    lines: list[SpooledLine] = field(default_factory=list)
    size_bytes: int = 0
    input_tokens: int = 0
    release: Callable[[], None] = lambda: None
    """To be called, by any thread, when it is off the disk."""

    @property
    def is_full(self) -> bool:
        """Is it time to send it?"""
        return self.size_bytes >= MOST_BYTES or len(self.lines) >= MOST_CALLS or self.input_tokens >= MOST_INPUT_TOKENS

    def write(self, body: AttachedBody) -> tuple[int, int]:
        """Append a line; where it begins and how long it is. Raises OSError, AttachmentError; the file is then as before."""
        with self.path.open("ab") as file:
            begin = file.tell()
            try:
                for block in body.blocks():
                    file.write(block)
                file.flush()
            except BaseException:
                file.truncate(begin)
                raise
            return begin, file.tell() - begin


@dataclass(eq=False, slots=True)
class _Box:
    """The packs of one lane."""

    lane: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_PACKS))
    pack: Pack | None = None


class Spool:
    """Collects lines; lives on one event loop."""

    def __init__(self, folder: Path, *, pack_seconds: float, send: Callable[[Pack], None]) -> None:
        """`send` takes over a pack that is full, or `pack_seconds` old; it must not block."""
        self.why_not: Failure | None = None
        """Why nothing can be sent from here, if so."""
        self._folder = folder
        self._pack_seconds = pack_seconds
        self._send = send
        self._boxes: dict[str, _Box] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(
        self, call: PackedCall, body: AttachedBody, *, lane: str, model: str, input_tokens: int, batch_seconds: float
    ) -> asyncio.Future[Failure]:
        """Write the line of a call; what comes of it is told by the future, whose cancelling takes the call back.

        Waits while the packs before it are not sent. Raises OSError, AttachmentError.
        """
        box = self._boxes.setdefault(lane, _Box(lane))
        ticket: asyncio.Future[Failure] = asyncio.get_running_loop().create_future()

        async def write() -> None:
            async with box.lock:
                pack = box.pack or await self._open(box, model)
                begin, size_bytes = await asyncio.to_thread(pack.write, body)
                pack.lines.append(
                    SpooledLine(
                        call=call, begin=begin, size_bytes=size_bytes, batch_seconds=batch_seconds, ticket=ticket
                    )
                )
                pack.size_bytes += size_bytes
                pack.input_tokens += input_tokens
                if pack.is_full:
                    self._close(box)

        try:
            await asyncio.shield(self._task(write()))  # a line is written whole, though its job was stopped
        except BaseException:
            ticket.cancel()
            raise
        return ticket

    async def _open(self, box: _Box, model: str) -> Pack:
        await box.room.acquire()
        loop = asyncio.get_running_loop()
        parcel_id = new_parcel_id()

        def release() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(box.room.release)

        path = self._folder / f"{display_name(parcel_id)}.jsonl"
        pack = Pack(parcel_id=parcel_id, lane=box.lane, model=model, path=path, release=release)
        loop.call_later(self._pack_seconds, lambda: self._task(self._close_if_open(box, pack)))
        box.pack = pack
        return pack

    async def _close_if_open(self, box: _Box, pack: Pack) -> None:
        async with box.lock:
            if box.pack is pack:
                self._close(box)

    def _close(self, box: _Box) -> None:
        if box.pack is not None:
            self._send(box.pack)
            box.pack = None

    def take_open(self) -> list[Pack]:
        """What was not handed over, on the way out: nothing more is put."""
        packs = [box.pack for box in self._boxes.values() if box.pack is not None]
        self._boxes.clear()
        return packs

    def _task(self, coroutine: "asyncio._CoroutineLike[None]") -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
