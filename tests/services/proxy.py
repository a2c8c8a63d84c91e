"""A TCP proxy for fault tests: a way to a server on this machine that can be slowed, broken and tripped.

`with proxy(server.port) as way` forwards a loopback port to that server; clients are given `way.url(server.url)`.

Promises: a method returns when it is in force, on connections that exist and on those to come, and may be called from
any thread. When the block ends, whoever is still connected is reset, and no socket and no thread is left. Where the
server itself refuses, the client's connection is made and then reset. One thread runs an asyncio loop on which all
happens; how a connection is carried is told in `proxy_link.py`.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.services.process import LOOPBACK, ServerFailedError, free_port
from tests.services.proxy_link import Direction, Link, Road, Then, Trip

_WAITING_CLIENTS = 1_024


class Proxy:
    """A way to one server; made by `proxy`."""

    def __init__(self, road: Road) -> None:
        self.port = free_port()
        """Where clients connect, on loopback."""
        self.opened = 0
        """Connections accepted so far."""
        self._road = road
        self._door = _bound(self.port)
        self._admits = False

    @property
    def connections(self) -> int:
        """Connections that are open now; one whose end is held up by a blackhole or a tripwire is open."""
        return len(self._road.links)

    def url(self, original_url: str) -> str:
        """The same address by way of the proxy; ValueError where it is not that of the proxy's server."""
        parts = urlsplit(original_url)
        server = f"{LOOPBACK}:{self._road.target_port}"
        login, at, address = parts.netloc.rpartition("@")
        if address != server:
            raise ValueError(f"{original_url} does not lead to {server}, where this proxy goes")
        return parts._replace(netloc=f"{login}{at}{LOOPBACK}:{self.port}").geturl()

    def blackhole(self) -> None:
        """A dropped network: connections stay, new ones are made, and nothing passes, neither bytes nor their end."""
        self._road.do(self._become(blackholed=True))

    def refuse(self) -> None:
        """A dead server: every connection is reset and new ones are refused, until `heal` or `blackhole`."""
        self._road.do(self._become(admits=False, reset=True))

    def heal(self, *, reset: bool = True) -> None:
        """End `blackhole`, `refuse` and `slow`; what a tripwire holds stays held.

        With `reset`, connections that are in a blackhole are reset first, and what was on its way in them is lost, as
        when both sides have given up. Without, it flows on, late, as when the network comes back in time: bytes,
        closes, and connections that the server has not seen yet.
        """
        self._road.do(self._become(reset=reset and self._road.blackholed, delay_seconds=0.0))

    def cut(self) -> None:
        """Reset every connection on both sides; what was on its way is lost. New ones fare as they did before."""
        self._road.do(self._cut())

    def slow(self, seconds: float) -> None:
        """From now on each chunk is sent so long after it was read, those on their way included; 0 ends it.

        One chunk at a time is on its way in each direction of a connection: a long stream takes as long every 64 KiB.
        """
        self._road.do(self._slow(seconds))

    def trip(self, pattern: bytes, *, direction: Direction = "up", nth: int = 1, then: Then = "hold") -> Trip:
        """A tripwire: the nth time that the pattern passes, over all connections, `then` is done to that connection.

        It happens once. The chunk that holds the end of the pattern trips; what begins it may have passed before.

        - hold: neither this chunk nor anything after it passes, in both directions, until `Trip.release`.
        - cut: both sides are reset, and the chunk is not sent.
        - cut_after: the chunk is sent; when its receiver has answered, or after 0.5 s, the sender is reset without the
          answer and the receiver's side is closed. The sender cannot know what came of it.
        - drop: this chunk is lost, all else passes.
        - pass: it is sent; the tripwire only tells.

        Where one chunk trips several, the one that was laid first acts and the others only tell.
        """
        trip = Trip(self._road, pattern, direction=direction, nth=nth, then=then)
        self._road.do(self._lay(trip))
        return trip

    async def _become(
        self, *, blackholed: bool = False, admits: bool = True, reset: bool = False, delay_seconds: float | None = None
    ) -> None:
        if admits != self._admits:
            self._open_door() if admits else self._shut_door()
        if reset:
            await self._cut()
        self._road.blackholed = blackholed
        await self._slow(self._road.delay_seconds if delay_seconds is None else delay_seconds)

    async def _slow(self, seconds: float) -> None:
        self._road.delay_seconds = seconds
        self._road.wake()

    async def _lay(self, trip: Trip) -> None:
        self._road.trips.append(trip)

    async def _cut(self) -> None:
        self._accept()  # clients that wait at the door believe that they are connected: they are cut, too
        tasks = [link.task for link in self._road.links]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _end(self) -> None:
        if self._admits:
            self._shut_door()
        await self._cut()
        self._door.close()

    def _open_door(self) -> None:
        self._door.listen(_WAITING_CLIENTS)
        self._road.loop.add_reader(self._door, self._accept)
        self._admits = True

    def _shut_door(self) -> None:
        """From now on whoever connects is refused; the port stays ours."""
        self._road.loop.remove_reader(self._door)
        self._door.close()
        self._door = _bound(self.port)
        self._admits = False

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._admits:
                client, _ = self._door.accept()
                self.opened += 1
                Link(self._road, client)


def _bound(port: int) -> socket.socket:
    """A socket that has the port and does not listen: whoever connects is refused."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setblocking(False)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind((LOOPBACK, port))
    return door


@contextmanager
def proxy(target_port: int) -> Iterator[Proxy]:
    """A way to the server on that loopback port, for as long as the block lasts.

    Raises:
        ServerFailedError: at the end, where something went wrong in the proxy itself.
    """
    road = Road(loop=asyncio.new_event_loop(), target_port=target_port)
    way = Proxy(road)
    road.loop.set_exception_handler(lambda _, context: road.complaints.append(context))
    thread = threading.Thread(target=road.loop.run_forever, name=f"proxy to {target_port}", daemon=True)
    thread.start()
    try:
        road.do(way._become())
        yield way
    finally:
        road.do(way._end())
        road.loop.call_soon_threadsafe(road.loop.stop)
        thread.join()
        road.loop.close()
    if road.complaints:
        raise ServerFailedError(f"the proxy failed: {road.complaints}")
