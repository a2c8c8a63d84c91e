"""Sending requests to Gemini: on aiohttp, whose parser and pool of connections cost a sixth of httpx2's CPU (decision 33).

A POST is sent once, follows no redirect and has no time of its own: whoever asks sets the limit around it. Names are
looked up by the system, certificates and proxies are found as httpx2 finds them, and nothing that happens to be
installed changes any of it.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
import httpx2

from gemini.attached import BLOCK_BYTES, AttachedBody, AttachmentError
from gemini.connection import proxy_for
from gemini.envelope import Envelope
from gemini.wire import AbortingRequest, QuietConnector

KEEPALIVE_SECONDS = 120.0
CONNECT_SECONDS = 20.0
ENCODINGS = "gzip, deflate"
MAX_REPLY_BYTES = 16 * 1024 * 1024
"""Unpacked; the longest answer is far below."""
MAX_HEADER_BYTES = 65_536
MAX_HEADERS = 1_000


class AddressError(Exception):
    """The address, or that of the proxy, is none that a request could be sent to."""


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
            AddressError: the request was not sent.
            aiohttp.ClientError: what goes wrong with a connection, and OSError.

        """
        if body is None or body.size_bytes <= BLOCK_BYTES:
            return await self._send(envelope, None if body is None else b"".join(body.blocks()), {})
        with closing(body.blocks()) as blocks:  # and so the file, also where sending ends early
            sending = _Sending(blocks, size_bytes=body.size_bytes)
            try:
                reply = await self._send(envelope, sending.blocks(), {"content-length": str(body.size_bytes)})
            except aiohttp.ClientError:
                sending.raise_error()
                raise
            sending.raise_error()
        if reply.status == HTTPStatus.OK and not sending.is_over:
            raise AttachmentError("an answer came before all of the file was sent")
        return reply

    async def _send(
        self, envelope: Envelope, data: bytes | AsyncIterator[bytes] | None, more: dict[str, str]
    ) -> RawReply:
        headers = {**envelope.headers, "accept-encoding": ENCODINGS, **more}
        try:
            async with self._session.request(
                envelope.method, envelope.url, headers=headers, data=data, allow_redirects=False, proxy=envelope.proxy
            ) as response:
                return RawReply(status=response.status, headers=response.headers, body=await _body(response))
        except ValueError as error:  # aiohttp says so of addresses, proxies and headers that it cannot use
            raise AddressError(f"{type(error).__name__}: {error}") from error

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = QuietConnector(
                limit=self._max_connections, keepalive_timeout=KEEPALIVE_SECONDS,
                ssl=httpx2.create_ssl_context(), resolver=aiohttp.ThreadedResolver(),
            )  # fmt: skip
            self._opened = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                max_line_size=MAX_HEADER_BYTES, max_field_size=MAX_HEADER_BYTES, max_headers=MAX_HEADERS,
                request_class=AbortingRequest,
            )  # fmt: skip
        return self._opened

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._opened is not None:
            await self._opened.close()


async def _body(response: aiohttp.ClientResponse) -> bytes:
    blocks, size = [], 0
    async for block in response.content.iter_any():
        size += len(block)
        if size > MAX_REPLY_BYTES:
            raise aiohttp.ClientPayloadError(f"the reply is longer than {MAX_REPLY_BYTES:,} bytes")
        blocks.append(block)
    return b"".join(blocks)


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
