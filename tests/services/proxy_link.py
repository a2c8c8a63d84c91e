"""One connection by way of the proxy of `tests/services/proxy.py`: what carries it, holds it up and trips it.

Promises: bytes are neither changed nor reordered. A close goes through as a close and a reset as a reset, but, like
bytes, not while they are held up: a client that dies behind a blackhole stays connected to the server.

Everything here, `Trip.wait` and `Trip.release` apart, runs on the proxy's loop. A connection has one task for each
direction. It reads a chunk, waits until bytes may flow, looks for tripwires, and sends. It asks again before each send,
and awaits nothing between asking and sending, so that nothing slips through a way that was blocked a moment ago.
"""

import asyncio
import contextlib
import math
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.services.process import LOOPBACK

Direction = Literal["up", "down"]
"""From the client to the server, or back."""
Then = Literal["hold", "cut", "cut_after", "drop", "pass"]
"""What becomes of the connection that trips a wire; see `Proxy.trip`."""

PATIENCE_SECONDS = 30.0
_ANSWER_SECONDS = 0.5
_CHUNK_BYTES = 65_536
_TAIL_BYTES = 1_023
_LONG_AGO = -math.inf
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


@dataclass(eq=False, kw_only=True)
class Road:
    """What holds for every connection of one proxy."""

    loop: asyncio.AbstractEventLoop
    target_port: int
    blackholed: bool = False
    delay_seconds: float = 0.0
    trips: list["Trip"] = field(default_factory=list)
    links: set["Link"] = field(default_factory=set)
    complaints: list[object] = field(default_factory=list)
    """What went wrong in the proxy itself."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def do(self, deed: Coroutine[Any, Any, None]) -> None:
        """From any other thread: do it on the loop, and return when it is done."""
        asyncio.run_coroutine_threadsafe(deed, self.loop).result(PATIENCE_SECONDS)

    def wake(self) -> None:
        """Make every connection ask again whether its bytes may flow."""
        self.changed.set()
        self.changed = asyncio.Event()


class Trip:
    """A tripwire, laid by `Proxy.trip`."""

    def __init__(self, road: Road, pattern: bytes, *, direction: Direction, nth: int, then: Then) -> None:
        assert 0 < len(pattern) <= _TAIL_BYTES + 1, f"a pattern has 1 to {_TAIL_BYTES + 1} bytes, not {len(pattern)}"
        assert nth > 0, f"the first time is 1, not {nth}"
        self.pattern = pattern
        self.direction = direction
        self.then = then
        self.holds = then == "hold"
        self.told = threading.Event()
        self._road = road
        self._left = nth

    @property
    def fired(self) -> bool:
        """Was it tripped, and is its `then` done?"""
        return self.told.is_set()

    def wait(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Return when it was tripped and its `then` is done; AssertionError, naming the pattern, when not in time."""
        assert self.told.wait(seconds), f"{self.pattern!r} was not seen on its way {self.direction} in {seconds:g} s"

    def release(self) -> None:
        """Let the connection that it holds go on; a tripwire that was not tripped yet is taken away."""
        self._road.do(self._release())

    async def _release(self) -> None:
        self.holds = False
        if self in self._road.trips:
            self._road.trips.remove(self)
        self._road.wake()

    def is_tripped_by(self, seen: bytes, new_bytes: int) -> bool:
        """Is this the nth time? `seen` ends in so many new bytes; each place where the pattern ends in them counts."""
        place = seen.find(self.pattern, max(0, len(seen) - new_bytes - len(self.pattern) + 1))
        while place >= 0 and self._left:
            self._left -= 1
            place = seen.find(self.pattern, place + 1)
        return not self._left


class Link:
    """One client's connection and the one to the server that goes with it; it is one of the road's until it is closed."""

    def __init__(self, road: Road, client: socket.socket) -> None:
        self._road = road
        self._client = client
        self._server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for end in (self._client, self._server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tails: dict[Direction, bytes] = {"up": b"", "down": b""}
        self._held_by: Trip | None = None
        self._cut_by: Trip | None = None
        self._answered = asyncio.Event()
        self._closes_well = {self._client: False, self._server: False}
        road.links.add(self)
        self.task = road.loop.create_task(self._serve())
        self.task.add_done_callback(self._close)  # not a `finally`: a task that is cancelled at once never begins

    async def _serve(self) -> None:
        """Carry both directions to their ends."""
        try:
            await self._may_flow(_LONG_AGO)
            await self._road.loop.sock_connect(self._server, (LOOPBACK, self._road.target_port))
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._carry("up", self._client, self._server))
                directions.create_task(self._carry("down", self._server, self._client))
            self._closes_well = {self._client: True, self._server: True}
        except* OSError:
            pass  # one side was reset, or a tripwire cuts: an end that does not close well is reset

    async def _carry(self, direction: Direction, source: socket.socket, sink: socket.socket) -> None:
        while True:
            chunk = await self._read(source)
            if self._cut_by is not None:
                return self._answered.set()
            if not chunk:
                return sink.shutdown(socket.SHUT_WR)
            trip = self._tripped(direction, chunk)
            if trip is None:
                await self._send(sink, chunk)
            else:
                await self._meet(trip, sink, chunk)

    async def _meet(self, trip: Trip, sink: socket.socket, chunk: bytes) -> None:
        """Do what the tripwire is for, and tell; of a cut `_close` tells."""
        match trip.then:
            case "hold":
                self._held_by = trip
                trip.told.set()
                await self._send(sink, chunk)
            case "drop":
                trip.told.set()
            case "pass":
                await self._send(sink, chunk)
                trip.told.set()
            case "cut":
                self._cut_by = trip
                raise ConnectionResetError
            case "cut_after":
                self._cut_by = trip
                await self._send(sink, chunk)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        await self._answered.wait()
                self._closes_well[sink] = True  # a reset would take the chunk from a receiver that has not read it yet
                raise ConnectionResetError

    def _tripped(self, direction: Direction, chunk: bytes) -> Trip | None:
        """The tripwire that this chunk meets; of several the first, and the others tell."""
        tail = self._tails[direction]
        self._tails[direction] = (tail + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        wires = [trip for trip in self._road.trips if trip.direction == direction]
        met = [trip for trip in wires if trip.is_tripped_by(tail + chunk, len(chunk))]
        for trip in met:
            self._road.trips.remove(trip)
        for trip in met[1:]:
            trip.told.set()
        return met[0] if met else None

    async def _read(self, source: socket.socket) -> bytes:
        """The next bytes of this side, none at its end, as soon as they may go on; OSError if it was reset."""
        try:
            chunk = await self._road.loop.sock_recv(source, _CHUNK_BYTES)
        except OSError:
            await self._may_flow(self._road.loop.time())
            raise
        await self._may_flow(self._road.loop.time())
        return chunk

    async def _send(self, sink: socket.socket, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            await self._may_flow(_LONG_AGO)
            try:
                rest = rest[sink.send(rest) :]
            except BlockingIOError:
                await _writable(self._road.loop, sink)

    async def _may_flow(self, read_at: float) -> None:
        """Return when nothing holds up what was read then, on the loop's clock, and the delay from then on is over."""
        while True:
            blocked = self._road.blackholed or (self._held_by is not None and self._held_by.holds)
            left = math.inf if blocked else read_at + self._road.delay_seconds - self._road.loop.time()
            if left <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if blocked else left):
                    await self._road.changed.wait()

    def _close(self, task: "asyncio.Task[None]") -> None:
        for end, well in self._closes_well.items():
            if not well:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            end.close()
        self._road.links.discard(self)
        if self._cut_by is not None:
            self._cut_by.told.set()
        if not task.cancelled() and task.exception() is not None:
            self._road.complaints.append(task.exception())


async def _writable(loop: asyncio.AbstractEventLoop, sink: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_writer(sink, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(sink)
