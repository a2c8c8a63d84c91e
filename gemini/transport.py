"""Sending requests to Gemini: on aiohttp, whose parser and pool of connections cost a sixth of httpx2's CPU (decision 33).

A POST is sent once, follows no redirect and has no time of its own: whoever asks sets the limit around it. Names are
looked up by the system, certificates and proxies are found as httpx2 finds them, and nothing that happens to be
installed changes any of it.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import httpx2
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection

from gemini.attached import BLOCK_BYTES, AttachedBody, AttachmentError
from gemini.connection import proxy_for
from gemini.envelope import Envelope

KEEPALIVE_SECONDS = 120.0
ENCODINGS = "gzip, deflate"


@dataclass(frozen=True, kw_only=True, slots=True)
class RawReply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Looked up in any case."""
    body: bytes


class Sender:
    """Connections to Gemini; further requests than connections wait. Lives on one event loop."""

    def __init__(self, *, max_connections: int) -> None:
        """Opens nothing yet; the first request does."""
        self._max_connections = max_connections
        self._opened: aiohttp.ClientSession | None = None

    async def send(self, envelope: Envelope, body: AttachedBody | None = None) -> RawReply:
        """Sends the request once, and reads the reply to its end.

        Raises:
            AttachmentError: a file to send is not there or not what it was; the request was not sent, or not to its end.
            aiohttp.ClientError: what goes wrong with a connection, and OSError.

        """
        if body is None or body.size_bytes <= BLOCK_BYTES:
            return await self._send(envelope, None if body is None else b"".join(body.blocks()), {})
        with closing(body.blocks()) as blocks:  # and so the file, also where sending ends early
            sending = _Sending(blocks, size_bytes=body.size_bytes)
            try:
                reply = await self._send(envelope, sending.blocks(), {"content-length": str(body.size_bytes)})
            finally:
                sending.raise_error()
        if reply.status == HTTPStatus.OK and not sending.is_over:
            raise AttachmentError("an answer came before all of the file was sent")
        return reply

    async def _send(
        self, envelope: Envelope, data: bytes | AsyncIterator[bytes] | None, more: dict[str, str]
    ) -> RawReply:
        headers = {**envelope.headers, "accept-encoding": ENCODINGS, **more}
        async with self._session.request(
            envelope.method, envelope.url, headers=headers, data=data,
            allow_redirects=False, proxy=envelope.proxy,
        ) as response:  # fmt: skip
            return RawReply(status=response.status, headers=response.headers, body=await response.read())

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = aiohttp.TCPConnector(
                limit=self._max_connections, keepalive_timeout=KEEPALIVE_SECONDS,
                ssl=httpx2.create_ssl_context(), resolver=aiohttp.ThreadedResolver(),
            )  # fmt: skip
            self._opened = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None),
                request_class=_Request,
            )  # fmt: skip
        return self._opened

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._opened is not None:
            await self._opened.close()


class _Request(aiohttp.ClientRequest):
    """A request that drops its connection where it is given up while it is sent.

    aiohttp would wait until the other side has read what is on its way, for ever if it does not read.
    """

    async def write_bytes(self, writer: AbstractStreamWriter, conn: Connection, *more: Any) -> None:
        transport = conn.transport
        is_whole = False
        try:
            await super().write_bytes(writer, conn, *more)
            is_whole = conn.protocol is not None and conn.protocol.exception() is None
        finally:
            if not is_whole and transport is not None:
                transport.abort()


class _Sending:
    """A long body on its way. aiohttp takes what fails in it for a failure of the connection, or reads the reply all the same."""

    def __init__(self, blocks: Iterator[bytes], *, size_bytes: int) -> None:
        self._blocks = blocks
        self._left_bytes = size_bytes
        self._error: Exception | None = None

    async def blocks(self) -> AsyncIterator[bytes]:
        try:
            for block in self._blocks:
                self._left_bytes -= len(block)
                yield block
        except Exception as error:
            self._error = error
            raise

    @property
    def is_over(self) -> bool:
        """Was all of it handed over?"""
        return self._left_bytes == 0

    def raise_error(self) -> None:
        """Raises what was wrong with the body, whatever else came of it."""
        if self._error is not None:
            raise self._error


def plain_client(*, base_url: str, timeout: httpx2.Timeout) -> httpx2.Client:
    """A synchronous HTTP client for what is not asked often: no redirects, nothing sent twice."""
    transport = httpx2.HTTPTransport(verify=httpx2.create_ssl_context(), proxy=proxy_for(base_url))
    return httpx2.Client(transport=transport, timeout=timeout, follow_redirects=False, trust_env=False)
