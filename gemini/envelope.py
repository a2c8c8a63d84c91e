"""Where a request goes and by whose credentials: google-genai writes address and headers, and sends nothing itself.

google-genai knows the addresses of Gemini and Vertex, the headers, and Google's credentials with their renewal. Letting it send
each request costs five times the CPU of a call (decision 33), for it also builds typed objects that are not used here. So it is let write
a request now and then, into a transport that only keeps it, and what it wrote stands for every request to the same
model for a minute.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import httpx2
from google import genai
from google.auth.exceptions import TransportError
from google.genai.types import (
    AutomaticFunctionCallingConfig,
    GenerateContentConfig,
    HttpOptions,
    HttpRetryOptions,
)

from gemini.connection import Connection, proxy_for

GOOD_FOR_SECONDS = 60.0
"""How long an envelope is used. Google's library renews a credential while it still has minutes to live."""
WRITING_SECONDS = 10.0
"""So long may Google's credentials take to come."""
_NOT_SENT = frozenset({"host", "content-length", "accept-encoding", "connection"})
"""Headers of the connection and the body, which are the sender's to say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """A request without its body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    proxy: str | None = field(repr=False)


class Envelopes:
    """Envelopes of one connection to Gemini. Lives on one event loop."""

    def __init__(self, connection: Connection, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Opens nothing.

        Raises:
            ValueError: where google-genai refuses the combination of key, project and address.

        """
        self._clock = clock
        self._notebook = _Notebook()
        self._genai = genai.Client(
            vertexai=connection.vertexai,
            api_key=connection.api_key.get_secret_value() if connection.api_key else None,
            project=connection.project,
            location=connection.location,
            http_options=HttpOptions(
                base_url=connection.base_url,
                api_version=connection.api_version,
                retry_options=HttpRetryOptions(attempts=1),
                httpx_async_client=httpx2.AsyncClient(transport=self._notebook, trust_env=False),
            ),
        )
        self._written: dict[tuple[str, int], tuple[Envelope, float]] = {}
        self._being_written: dict[tuple[str, int], asyncio.Task[Envelope]] = {}
        self._turn = asyncio.Lock()

    async def to_model(self, model: str, *, timeout_ms: int) -> Envelope:
        """That of a `generateContent` of the model; `timeout_ms` is the time that Gemini is told.

        Who asks while it is being written gets the same, or the same error.

        Raises:
            ValueError: the model's name is none that could be asked.
            google.auth.exceptions.GoogleAuthError: Google's credentials were not found or not accepted.

        """
        wanted = (model, timeout_ms)
        envelope, until = self._written.get(wanted, (None, 0.0))
        if envelope is not None and self._clock() < until:
            return envelope
        writing = self._being_written.get(wanted)
        if writing is None:
            writing = self._being_written[wanted] = asyncio.create_task(self._write_to_model(model, timeout_ms))
            writing.add_done_callback(lambda done: self._end_writing(wanted, done))
        try:
            async with asyncio.timeout(WRITING_SECONDS):
                return await asyncio.shield(writing)
        except TimeoutError:
            words = "Google's credentials did not come in time"
            raise TransportError(words) from None  # type: ignore[no-untyped-call]

    async def to_list_of_models(self) -> Envelope:
        """That of a list of one model. Raises google.auth.exceptions.GoogleAuthError."""
        return await self._write(lambda: self._genai.aio.models.list(config={"page_size": 1}))

    async def aclose(self) -> None:
        """Ends what google-genai keeps."""
        await self._genai.aio.aclose()
        self._genai.close()

    async def _write_to_model(self, model: str, timeout_ms: int) -> Envelope:
        config = GenerateContentConfig(
            http_options=HttpOptions(timeout=timeout_ms),
            automatic_function_calling=AutomaticFunctionCallingConfig(disable=True),
            automatic_continuation=False,
            should_return_http_response=True,
        )
        return await self._write(
            lambda: self._genai.aio.models.generate_content(model=model, contents=".", config=config)
        )

    async def _write(self, ask: Callable[[], Awaitable[object]]) -> Envelope:
        async with self._turn:
            await ask()
            return self._notebook.tear_out()

    def _end_writing(self, wanted: tuple[str, int], done: "asyncio.Task[Envelope]") -> None:
        del self._being_written[wanted]
        with suppress(asyncio.CancelledError, Exception):  # whoever asked has it
            now = self._clock()
            self._written = {known: (kept, until) for known, (kept, until) in self._written.items() if until > now}
            self._written[wanted] = (done.result(), now + GOOD_FOR_SECONDS)


class _Notebook(httpx2.AsyncBaseTransport):
    """Keeps the last request instead of sending it."""

    def __init__(self) -> None:
        self._last: httpx2.Request | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._last = request
        return httpx2.Response(200, json={})

    def tear_out(self) -> Envelope:
        last, self._last = self._last, None
        if last is None:
            raise RuntimeError("google-genai made no request")
        headers = {name: value for name, value in last.headers.items() if name.lower() not in _NOT_SENT}
        url = str(last.url.copy_with(userinfo=b""))  # of which httpx2 has made a header
        return Envelope(method=last.method, url=url, headers=headers, proxy=proxy_for(url))
