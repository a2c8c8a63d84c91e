"""Asks Gemini, once a question, and returns what became of it. The only module that holds a google-genai client.

Promises: one `ask` is at most one HTTP request, whatever fails; nothing is tried again and nothing continued behind
the caller's back. `ask` returns a `Call` and raises nothing but `asyncio.CancelledError`. It is over within the
question's time. The transport is httpx2, also where aiohttp is installed, and the environment changes nothing.

One client serves a process: hundreds of calls in flight, from one event loop. Build it after a fork, not before.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gemini.attached import Marks, sent_in_place
from gemini.connection import Connection, connection_from_environment
from gemini.exceptions import failure_of_exception
from gemini.failures import call_of_answer, failure_of_error, failure_of_text
from gemini.question import Call, Question
from gemini.reply import parse_json, read_error
from gemini.request import marks_of, request_body
from models.failures import Failure

if TYPE_CHECKING:
    import httpx2
    from google import genai
    from google.genai.errors import APIError
    from google.genai.types import GenerateContentConfig

__all__ = ["MIN_SERVER_TIMEOUT_SECONDS", "Connection", "GeminiClient", "connection_from_environment"]

MIN_SERVER_TIMEOUT_SECONDS = 10
"""Gemini refuses requests that give it less ("Manually set deadline 5s is too short")."""

CHECK_TIMEOUT_SECONDS = 15.0
_HTTP_ERRORS = range(400, 600)
GOOGLE_URL = "https://generativelanguage.googleapis.com"


class GeminiClient:
    """A long-lived connection to Gemini. Close it with `aclose`."""

    def __init__(self, connection: Connection) -> None:
        """Opens nothing yet; the first call does.

        Raises:
            ValueError: where google-genai refuses the combination of key, project and address.

        """
        from google import genai  # takes a second to import; only a process that calls pays for it

        from gemini.transport import http_client

        url = connection.base_url or GOOGLE_URL
        self._http = http_client(max_connections=connection.max_connections, base_url=url)
        self._genai = genai.Client(
            vertexai=connection.vertexai,
            api_key=connection.api_key.get_secret_value() if connection.api_key else None,
            project=connection.project,
            location=connection.location,
            http_options=_http_options(connection, self._http),
        )
        self._secrets = (connection.api_key.get_secret_value(),) if connection.api_key else ()

    async def ask(self, question: Question) -> Call:
        """Sends the question once and says how it ended; never raises, except when it is cancelled."""
        started = time.perf_counter()
        marks = marks_of(question)
        try:
            with sent_in_place(marks):
                async with asyncio.timeout(question.timeout_seconds):
                    response = await self._genai.aio.models.generate_content(
                        model=question.model, contents=".", config=_config(question, marks)
                    )
            reply = response.sdk_http_response
            call = self._call_of_reply(question.model, (reply and reply.body) or "", (reply and reply.headers) or {})
        except Exception as error:  # noqa: BLE001  (a paid call must end as a value whatever happens)
            call = self._call_of_exception(question.model, error)
        return replace(call, duration_seconds=time.perf_counter() - started)

    async def check(self) -> Failure | None:
        """Does Gemini take our key? Lists one model, which costs nothing; None where all is well."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                await self._genai.aio.models.list(config={"page_size": 1})
        except Exception as error:  # noqa: BLE001  (as in `ask`)
            return self._call_of_exception("the list of models", error).failure
        return None

    async def aclose(self) -> None:
        """Closes every connection. Calls in flight fail."""
        await self._genai.aio.aclose()
        await self._http.aclose()
        self._genai.close()

    def _call_of_reply(self, model: str, text: str, headers: Mapping[str, str]) -> Call:
        """The outcome of HTTP 200."""
        body = parse_json(text)
        call = call_of_answer(body, model=model)
        return self._call_of_no_answer(model, text, body, headers) if call is None else call

    def _call_of_no_answer(self, model: str, text: str, body: object, headers: Mapping[str, str]) -> Call:
        """HTTP 200 without an answer: some proxies send an error that way, with its true status inside."""
        inner = body.get("error") if isinstance(body, Mapping) else None
        status = inner.get("code") if isinstance(inner, Mapping) else None
        if isinstance(status, int) and status in _HTTP_ERRORS:
            return self._call_of_error(model, status, text, headers)
        return Call(model=model, http_status=200, failure=failure_of_text(text, model=model, secrets=self._secrets))

    def _call_of_error(self, model: str, status: int, body: str | bytes, headers: Mapping[str, str]) -> Call:
        error = read_error(status, body, {name.lower(): value for name, value in headers.items()})
        reason = failure_of_error(error, model=model, now=datetime.now(UTC), secrets=self._secrets)
        return Call(model=model, http_status=status, failure=reason, response_id=error.request_id)

    def _call_of_exception(self, model: str, error: Exception) -> Call:
        from google.genai.errors import APIError

        if isinstance(error, APIError):
            body, headers = _body_and_headers(error)
            return self._call_of_error(model, error.code, body, headers)
        return Call(model=model, failure=failure_of_exception(error, model=model, secrets=self._secrets))


def _http_options(connection: Connection, http: "httpx2.AsyncClient") -> "genai.types.HttpOptions":
    from google.genai.types import HttpOptions, HttpRetryOptions

    return HttpOptions(
        base_url=connection.base_url,
        api_version=connection.api_version,
        timeout=_milliseconds(CHECK_TIMEOUT_SECONDS),
        retry_options=HttpRetryOptions(attempts=1),
        httpx_async_client=http,  # also keeps google-genai from choosing aiohttp
    )


def _config(question: Question, marks: Marks) -> "GenerateContentConfig":
    """Everything of substance is in `extra_body`; the rest switches off what the SDK would do by itself."""
    from google.genai.types import AutomaticFunctionCallingConfig, GenerateContentConfig, HttpOptions

    return GenerateContentConfig(
        http_options=HttpOptions(
            timeout=_milliseconds(question.timeout_seconds), extra_body=request_body(question, marks)
        ),
        automatic_function_calling=AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
        should_return_http_response=True,
    )


def _milliseconds(seconds: float) -> int:
    """The time that Gemini is told, never less than it accepts; our own clock keeps the exact one."""
    return math.ceil(max(seconds, MIN_SERVER_TIMEOUT_SECONDS) * 1000)


def _body_and_headers(error: "APIError") -> tuple[bytes, Mapping[str, str]]:
    response: object = error.response
    body, headers = getattr(response, "content", b""), getattr(response, "headers", {})
    return body if isinstance(body, bytes) else b"", headers if isinstance(headers, Mapping) else {}
