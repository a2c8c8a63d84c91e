"""HTTP/1.1 over asyncio with httptools' parser: cheap per call, and able to misbehave byte by byte.

A connection reads requests of any size (a body above the limit is read to its end and thrown away, so that the
client gets its answer), hands them one at a time to one handler, and offers the ways to reply: whole, in
trickles, cut off, or not at all.
"""

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, unquote

import httptools

from simulator.errors import Reply, html_reply

_LINGER_ZERO = struct.pack("ii", 1, 0)
_TRICKLES = 20
FILE_BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One whole request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """Names in lower case; of several alike the last."""
    body: bytes
    too_large: bool
    keep_alive: bool


Handler = Callable[[Request, "Connection"], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One client. The handler is given each request in turn and must reply to it or abort."""

    def __init__(self, handle: Handler, max_body_bytes: int, connected: "set[Connection]") -> None:
        self._handle = handle
        self._connected = connected
        self._max_body_bytes = max_body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._requests: deque[Request] = deque()
        self._work: asyncio.Task[None] | None = None
        self._keep_alive = True
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)
        self._connected.add(self)
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._drained: asyncio.Future[None] = loop.create_future()
        self._drained.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        """Called by asyncio when the client, or we, have closed."""
        self._connected.discard(self)
        self.closed.set_result(None)
        self.resume_writing()

    def pause_writing(self) -> None:
        """Called by asyncio when bytes wait to be sent."""
        if self._drained.done():
            self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Called by asyncio when all bytes are with the kernel."""
        if not self._drained.done():
            self._drained.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._send(html_reply(400, "Your client has issued a malformed or illegal request."), keep_alive=False)
            self._transport.close()

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Called by the parser, perhaps several times."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body_bytes += len(body)
        if self._body_bytes > self._max_body_bytes:
            self._body.clear()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=unquote(path) if "%" in path else path,
            query=parse_qs(query) if query else {},
            headers=self._headers,
            body=b"".join(self._body),
            too_large=self._body_bytes > self._max_body_bytes,
            keep_alive=self._parser.should_keep_alive(),
        )
        self._requests.append(request)
        self.on_message_begin()
        if self._work is None or self._work.done():
            self._work = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        while self._requests and not self._transport.is_closing():
            request = self._requests.popleft()
            self._keep_alive = request.keep_alive
            await self._handle(request, self)
            if not request.keep_alive:
                self._transport.close()

    @property
    def is_open(self) -> bool:
        """Is the client, as far as we know, still there?"""
        return not self._transport.is_closing() and not self.closed.done()

    def _send(self, reply: Reply, *, keep_alive: bool) -> None:
        self._transport.write(_head(reply, keep_alive=keep_alive) + reply.body)

    async def reply(self, reply: Reply) -> bool:
        """Send the whole reply; True where it was written to a client that was still there."""
        if not self.is_open:
            return False
        self._send(reply, keep_alive=self._keep_alive)
        await self._drained
        return self.is_open

    async def reply_file(self, head: Reply, path: Path) -> bool:
        """Send the file as the body of a reply, a block at a time; True where a client that was still there got it all."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self._transport.write(_head(head, keep_alive=self._keep_alive, body_bytes=size))
            while block := file.read(FILE_BLOCK_BYTES):
                if not self.is_open:
                    return False
                self._transport.write(block)
                await self._drained
        return self.is_open

    async def trickle(self, reply: Reply, seconds: float) -> bool:
        """Send the reply in small pieces over that time; True where a client that was still there got it all."""
        whole = _head(reply, keep_alive=self._keep_alive) + reply.body
        size = -(-len(whole) // _TRICKLES)
        for start in range(0, len(whole), size):
            await asyncio.wait([self.closed], timeout=seconds / _TRICKLES)
            if not self.is_open:
                return False
            self._transport.write(whole[start : start + size])
        await self._drained
        return self.is_open

    def reset(self) -> None:
        """Cut the connection with a TCP reset."""
        if not self.is_open:
            return
        sock = cast("socket.socket", self._transport.get_extra_info("socket"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._transport.abort()

    async def reset_mid_body(self, reply: Reply) -> None:
        """Send the head and half of the body, then cut."""
        if self.is_open:
            self._transport.write(_head(reply, keep_alive=True) + reply.body[: len(reply.body) // 2])
            # A reset may overtake bytes that the client has not read yet: let the half arrive.
            await asyncio.wait([self.closed], timeout=0.05)
        self.reset()

    def close(self) -> None:
        """Hang up, and drop the request that is being served: the server ends."""
        if self._work is not None:
            self._work.cancel()
        self._transport.abort()


def _head(reply: Reply, *, keep_alive: bool, body_bytes: int | None = None) -> bytes:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    connection = "" if keep_alive else "Connection: close\r\n"
    further = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    length = len(reply.body) if body_bytes is None else body_bytes
    return (
        f"HTTP/1.1 {reply.status} {phrase}\r\nContent-Type: {reply.content_type}\r\n"
        f"Content-Length: {length}\r\nServer: mediascribe-simulator\r\n{further}{connection}\r\n"
    ).encode("latin-1")
