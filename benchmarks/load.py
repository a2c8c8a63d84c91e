"""Many clients at once from one process, on bare sockets, so that the load tool takes as little of the machine as it can.

Each client has one connection and sends its next request when it has the answer to the one before.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What became of the requests."""

    seconds: float
    milliseconds: Sequence[float]
    """Of each request, shortest first."""
    statuses: Sequence[int]

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return len(self.milliseconds) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of the requests was answered."""
        return self.milliseconds[min(len(self.milliseconds) - 1, int(share * len(self.milliseconds)))]


def load(url: str, requests: Sequence[bytes], *, clients: int) -> Load:
    """Send all of the requests, by so many clients at once."""
    return asyncio.run(_load(url, requests, clients))


def request(method: str, path: str, body: bytes = b"", headers: Sequence[str] = ()) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    if body:
        lines.append("Content-Type: application/json")
    return "\r\n".join(lines).encode() + HEAD_END + body


async def _load(url: str, requests: Sequence[bytes], clients: int) -> Load:
    place = urlsplit(url)
    loop = asyncio.get_running_loop()
    waiting = iter(requests)
    made = [_Client(waiting, loop) for _ in range(clients)]
    for client in made:
        await loop.create_connection(partial(_itself, client), str(place.hostname), place.port or 80)
    began = time.perf_counter()
    for client in made:
        client.send()
    await asyncio.gather(*(client.done for client in made))
    seconds = time.perf_counter() - began
    return Load(
        seconds=seconds,
        milliseconds=sorted(each for client in made for each in client.milliseconds),
        statuses=[each for client in made for each in client.statuses],
    )


def _itself(client: "_Client") -> "_Client":
    return client


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, waiting: Iterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._waiting = waiting
        self._read = bytearray()
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = loop.create_future()
        self.milliseconds: list[float] = []
        self.statuses: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self) -> None:
        """The next request, if there is one left."""
        following = next(self._waiting, None)
        if following is None:
            self._transport.close()
            self.done.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(following)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, mark, body = self._read.partition(HEAD_END)
        if not mark or len(body) < _length(head):
            return
        self.milliseconds.append(1_000 * (time.perf_counter() - self._sent_at))
        self.statuses.append(int(head[9:12]))
        self._read.clear()
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed a connection"))


def _length(head: bytearray) -> int:
    lowered = bytes(head).lower()
    return int(lowered.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
