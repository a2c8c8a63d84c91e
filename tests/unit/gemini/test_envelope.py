"""Envelopes: written by google-genai, once for many requests, and anew when they have grown old or are refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from pydantic import SecretStr

from gemini.connection import Connection
from gemini.envelope import GOOD_FOR_SECONDS, Envelope, Envelopes
from tests.unit.gemini.asking import QUESTION, with_client
from tests.unit.gemini.scripted import KEY, answer, error, http, scripted_gemini

T = TypeVar("T")


def with_envelopes(use: Callable[[Envelopes, list[float]], Awaitable[T]], url: str = "http://127.0.0.1:9") -> T:
    """Runs something with envelopes, and a clock that it sets."""

    async def run() -> T:
        time = [0.0]
        envelopes = Envelopes(Connection(api_key=SecretStr(KEY), base_url=url), clock=lambda: time[0])
        try:
            return await use(envelopes, time)
        finally:
            await envelopes.aclose()

    return asyncio.run(run())


def test_an_envelope_holds_address_key_and_time_and_nothing_of_a_body() -> None:
    async def use(envelopes: Envelopes, _: object) -> Envelope:
        return await envelopes.to_model("gemini-3.8-flash", timeout_ms=20_000)

    envelope = with_envelopes(use)
    assert (envelope.method, envelope.url) == ("POST", "http://127.0.0.1:9/v1/models/gemini-3.8-flash:generateContent")
    assert (envelope.headers["x-goog-api-key"], envelope.headers["x-server-timeout"]) == (KEY, "20")
    assert envelope.headers["user-agent"].startswith("google-genai-sdk/")
    assert not {"content-length", "host", "accept-encoding"} & {name.lower() for name in envelope.headers}


def test_one_stands_for_all_requests_to_a_model_for_a_minute() -> None:
    async def use(envelopes: Envelopes, time: list[float]) -> list[list[Envelope]]:
        async def ask(model: str = "m") -> Envelope:
            return await envelopes.to_model(model, timeout_ms=20_000)

        together = await asyncio.gather(*(ask() for _ in range(10)))
        time[0] = GOOD_FOR_SECONDS - 1
        later = [await ask(), await ask("other")]
        time[0] = GOOD_FOR_SECONDS
        return [together, later, [await ask()]]

    together, (later, other), (anew,) = with_envelopes(use)
    assert {id(envelope) for envelope in together} == {id(later)}
    assert other.url != later.url
    assert anew == later
    assert anew is not later


def test_who_asks_while_it_is_being_written_gets_the_same_error_and_the_next_one_another_try() -> None:
    async def use(envelopes: Envelopes, _: object) -> list[Envelope | BaseException]:
        asked = (envelopes.to_model("../secrets?x=1", timeout_ms=20_000) for _ in range(3))
        failed = await asyncio.gather(*asked, return_exceptions=True)
        with pytest.raises(ValueError, match="model"):
            await envelopes.to_model("../secrets?x=1", timeout_ms=20_000)
        return [*failed, await envelopes.to_model("m", timeout_ms=20_000)]

    *failed, good = with_envelopes(use)
    assert len({id(error) for error in failed}) == 1
    assert isinstance(failed[0], ValueError)
    assert isinstance(good, Envelope)


def test_one_that_was_refused_is_written_anew() -> None:
    refused = error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    with scripted_gemini(http(200, answer())) as gemini:

        async def use(envelopes: Envelopes) -> list[Envelope]:
            return [await envelopes.to_model(QUESTION.model, timeout_ms=20_000) for _ in range(2)]

        async def ask(client: object) -> list[Envelope]:
            envelopes: Envelopes = client._envelopes  # type: ignore[attr-defined]
            before = await use(envelopes)
            await client.ask(QUESTION)  # type: ignore[attr-defined]
            same = await use(envelopes)
            gemini.script = http(401, refused)
            await client.ask(QUESTION)  # type: ignore[attr-defined]
            return [*before, *same, *await use(envelopes)]

        first, *same, after, _ = with_client(gemini.url, ask)
    assert all(envelope is first for envelope in same)
    assert after is not first
