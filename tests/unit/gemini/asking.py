"""A question to ask, and ways to ask it over a loopback."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import SecretStr

from gemini.client import GeminiClient
from gemini.connection import Connection
from gemini.question import Attachment, Call, Question
from models.failures import Failure
from tests.unit.gemini.scripted import KEY, Request, Script, scripted_gemini

T = TypeVar("T")

QUESTION = Question(
    model="gemini-3.8-flash",
    system="You describe pictures.",
    prompt="Describe.",
    attachments=(Attachment(data=b"\xff\xd8\xff\xfejpeg", mime_type="image/jpeg"),),
    answer_schema={"type": "object", "properties": {"caption": {"type": "string"}}},
    max_output_tokens=500,
    thinking_level="low",
    seed=7,
    labels={"kind": "caption"},
    timeout_seconds=20,
)


def with_client(url: str, use: Callable[[GeminiClient], Awaitable[T]], *, max_connections: int = 8) -> T:
    """Runs something with a client of its own, on a loop of its own."""

    async def run() -> T:
        connection = Connection(api_key=SecretStr(KEY), base_url=url, max_connections=max_connections)
        client = GeminiClient(connection)
        try:
            return await use(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def ask(script: Script, question: Question = QUESTION) -> tuple[Call, list[Request]]:
    with scripted_gemini(script) as gemini:
        call = with_client(gemini.url, lambda client: client.ask(question))
        return call, gemini.requests


def everything_said(reason: Failure) -> str:
    """The words and the facts of a failure, as a database would get them."""
    return json.dumps([reason.message, reason.detail], ensure_ascii=False)
