"""The HTTP client under google-genai: httpx2, with a pool of its own for every connection; and a plain one beside it.

Why not one pool: httpcore2 walks every connection of a pool twice a request and asks the system about each idle one.
Measured with calls of half a second, one pool costs 0.56 ms of CPU a call at 32 calls in flight, 1.3 ms at 200 and
7.5 ms at 1,000. The connection that was used last is used next, so that a steady stream of calls opens none and
keeps no more warm than it needs.

Attachments are put into the request here, a block at a time (`gemini.attached`).
"""

from collections.abc import AsyncIterator, Callable
from contextlib import closing
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from gemini.attached import AttachedBody, attached_body

KEEPALIVE_SECONDS = 120.0


def http_client(*, max_connections: int, base_url: str) -> httpx2.AsyncClient:
    """An HTTP client for `max_connections` requests at once; further ones share connections and wait.

    It has no timeout of its own, follows no redirect and tries nothing twice. A proxy is taken from the usual
    variables (`HTTPS_PROXY`, `NO_PROXY`), as httpx2 itself would.
    """
    transport = SpreadTransport(connections=max_connections, proxy=_proxy_for(base_url))
    return httpx2.AsyncClient(transport=transport, timeout=None, follow_redirects=False, trust_env=False)


def plain_client(*, base_url: str, timeout: httpx2.Timeout) -> httpx2.Client:
    """A synchronous HTTP client for what is not asked often; as the other one but for its timeouts."""
    transport = httpx2.HTTPTransport(verify=httpx2.create_ssl_context(), proxy=_proxy_for(base_url))
    return httpx2.Client(transport=transport, timeout=timeout, follow_redirects=False, trust_env=False)


class SpreadTransport(httpx2.AsyncBaseTransport):
    """Sends each request through the free connection that was used last."""

    def __init__(self, *, connections: int, proxy: str | None) -> None:
        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEPALIVE_SECONDS)
        context = httpx2.create_ssl_context()  # one for all: reading the certificates takes tens of milliseconds
        self._pools = [
            httpx2.AsyncHTTPTransport(verify=context, limits=limits, proxy=proxy) for _ in range(connections)
        ]
        self._free = list(self._pools)
        self._next_shared = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request, sent once; its place is free again when the body was read or dropped.

        Raises:
            AttachmentError: a file to send is not there or not what it was; the request was not sent, or not to its end.

        """
        _put_attachments_in(request)
        if not self._free:
            return await self._shared().handle_async_request(request)
        chosen = self._free.pop()
        try:
            response = await chosen.handle_async_request(request)
        except BaseException:
            self._free.append(chosen)
            raise
        response.stream = _Released(response.stream, lambda: self._free.append(chosen))
        return response

    def _shared(self) -> httpx2.AsyncHTTPTransport:
        """More requests than connections: the next one in turn, where the request waits for its place."""
        self._next_shared = (self._next_shared + 1) % len(self._pools)
        return self._pools[self._next_shared]

    async def aclose(self) -> None:
        """Closes every pool."""
        for pool in self._pools:
            await pool.aclose()


def _put_attachments_in(request: httpx2.Request) -> None:
    """Gives the request its true body and the length of that: Google's front end takes no chunks."""
    if (body := attached_body(request.content)) is not None:
        request.stream = _Blocks(body)
        request.headers["content-length"] = str(body.size_bytes)


class _Blocks(httpx2.AsyncByteStream):
    """A body with attachments, for the HTTP client to send."""

    def __init__(self, body: AttachedBody) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with closing(self._body.blocks()) as blocks:  # and so the file, also where sending ends early
            for block in blocks:
                yield block


class _Released(httpx2.AsyncByteStream):
    """A body that says once when it is done with."""

    def __init__(self, body: object, release: Callable[[], None]) -> None:
        assert isinstance(body, httpx2.AsyncByteStream)  # the asynchronous transport gives no other
        self._body = body
        self._release: Callable[[], None] | None = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            yield part

    async def aclose(self) -> None:
        if self._release is not None:
            self._release()
            self._release = None
        await self._body.aclose()


def _proxy_for(base_url: str) -> str | None:
    address = urlsplit(base_url)
    if proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(address.scheme) or proxies.get("all")
