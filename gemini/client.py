"""Asks Gemini, once a question, and returns what became of it.

Promises: one `ask` is at most one HTTP request, whatever fails; nothing is tried again and nothing continued behind
the caller's back. `ask` returns a `Call` and raises nothing but `asyncio.CancelledError`. It is over within the
question's time. google-genai writes address and headers (`gemini.envelope`), aiohttp sends (`gemini.transport`), and the
environment changes nothing.

One client serves a process: hundreds of calls in flight, from one event loop. Build it after a fork, not before.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from gemini.connection import Connection, connection_from_environment
from gemini.exceptions import failure_of_exception
from gemini.failures import call_of_answer, failure_of_error, failure_of_text
from gemini.question import Call, Question
from gemini.reply import parse_json, read_error
from gemini.request import body_of
from models.failures import Failure

if TYPE_CHECKING:
    from gemini.transport import RawReply

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
        # Late, because google-genai takes a second to import; only a process that calls pays for it.
        from gemini.envelope import Envelopes
        from gemini.transport import Sender

        self._envelopes = Envelopes(connection)
        self._sender = Sender(max_connections=connection.max_connections)
        self._secrets = (connection.api_key.get_secret_value(),) if connection.api_key else ()

    async def ask(self, question: Question) -> Call:
        """Sends the question once and says how it ended; never raises, except when it is cancelled."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(question.timeout_seconds):
                envelope = await self._envelopes.to_model(
                    question.model, timeout_ms=_milliseconds(question.timeout_seconds)
                )
                reply = await self._sender.send(envelope, body_of(question))
            call = self._call_of_reply(question.model, reply)
        except Exception as error:  # noqa: BLE001  (a paid call must end as a value whatever happens)
            call = self._call_of_exception(question.model, error)
        return replace(call, duration_seconds=time.perf_counter() - started)

    async def check(self) -> Failure | None:
        """Does Gemini take our key? Lists one model, which costs nothing; None where all is well."""
        what = "the list of models"
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                reply = await self._sender.send(await self._envelopes.to_list_of_models())
        except Exception as error:  # noqa: BLE001  (as in `ask`)
            return self._call_of_exception(what, error).failure
        if reply.status != HTTPStatus.OK:
            return self._call_of_error(what, reply.status, reply).failure
        if not isinstance(parse_json(reply.body), Mapping):
            return failure_of_text(_text(reply), model=what, secrets=self._secrets)
        return None

    async def aclose(self) -> None:
        """Closes every connection. Calls in flight fail."""
        try:
            await self._envelopes.aclose()
        finally:
            await self._sender.aclose()

    def _call_of_reply(self, model: str, reply: "RawReply") -> Call:
        if reply.status != HTTPStatus.OK:
            return self._call_of_error(model, reply.status, reply)
        body = parse_json(reply.body)
        call = call_of_answer(body, model=model)
        return self._call_of_no_answer(model, reply, body) if call is None else call

    def _call_of_no_answer(self, model: str, reply: "RawReply", body: object) -> Call:
        """HTTP 200 without an answer: some proxies send an error that way, with its true status inside."""
        inner = body.get("error") if isinstance(body, Mapping) else None
        status = inner.get("code") if isinstance(inner, Mapping) else None
        if isinstance(status, int) and status in _HTTP_ERRORS:
            return self._call_of_error(model, status, reply)
        why = failure_of_text(_text(reply), model=model, secrets=self._secrets)
        return Call(model=model, http_status=HTTPStatus.OK, failure=why)

    def _call_of_error(self, model: str, status: int, reply: "RawReply") -> Call:
        error = read_error(status, reply.body, reply.headers)
        reason = failure_of_error(error, model=model, now=datetime.now(UTC), secrets=self._secrets)
        return Call(model=model, http_status=status, failure=reason, response_id=error.request_id)

    def _call_of_exception(self, model: str, error: Exception) -> Call:
        return Call(model=model, failure=failure_of_exception(error, model=model, secrets=self._secrets))


def _milliseconds(seconds: float) -> int:
    """The time that Gemini is told, never less than it accepts; our own clock keeps the exact one."""
    return math.ceil(max(seconds, MIN_SERVER_TIMEOUT_SECONDS) * 1000)


def _text(reply: "RawReply") -> str:
    return reply.body.decode("utf-8", "replace")
