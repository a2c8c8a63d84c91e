"""Where aiohttp's connections must behave otherwise: a reply is the reply to its own request, and what is given up is let go."""

import asyncio
import select
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler


class QuietConnector(aiohttp.TCPConnector):
    """Uses a connection again only while nothing has come on it in between.

    aiohttp would take what came (a late reply, the word of a proxy that it closes) for the reply to the next request, and would
    send that on a connection whose end the event loop has not read yet.
    """

    def __init__(self, **options: Any) -> None:
        """`options` are those of aiohttp's own."""
        super().__init__(**options)
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def connect(self, req: aiohttp.ClientRequest, *more: Any, **named: Any) -> Connection:
        """A new connection, or one that is quiet."""
        while True:
            connection = await super().connect(req, *more, **named)
            protocol = connection.protocol
            assert protocol is not None
            if protocol not in self._used:
                self._used.add(protocol)
                return connection
            if not protocol.should_close and _is_quiet(connection.transport):
                return connection
            connection.close()


class AbortingRequest(aiohttp.ClientRequest):
    """A request that drops its connection where it is given up while it is sent.

    aiohttp would wait until the other side has read what is on its way, for ever if it does not read.
    """

    async def write_bytes(self, writer: AbstractStreamWriter, conn: Connection, *more: Any, **named: Any) -> None:
        """Send the body."""
        transport = conn.transport
        is_whole = False
        try:
            await super().write_bytes(writer, conn, *more, **named)
            is_whole = conn.protocol is not None and conn.protocol.exception() is None
        finally:
            if not is_whole and transport is not None:
                transport.abort()


def _is_quiet(transport: asyncio.Transport | None) -> bool:
    """Has nothing come that nobody has read?"""
    if transport is None:
        return False
    waiting = select.poll()
    waiting.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return not waiting.poll(0)
