"""Envelopes: written by google-genai, once for many requests, and anew when they have grown old."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from google.auth.exceptions import TransportError
from pydantic import SecretStr

from gemini.connection import Connection
from gemini.envelope import GOOD_FOR_SECONDS, Envelope, Envelopes
from tests.unit.gemini.scripted import KEY

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


def test_user_and_password_of_an_address_are_a_header_and_in_the_address_no_more() -> None:
    async def use(envelopes: Envelopes, _: object) -> Envelope:
        return await envelopes.to_model("m", timeout_ms=20_000)

    envelope = with_envelopes(use, "http://user:hunter2@127.0.0.1:9")
    assert envelope.url == "http://127.0.0.1:9/v1/models/m:generateContent"
    assert envelope.headers["authorization"] == "Basic dXNlcjpodW50ZXIy"
    assert KEY not in repr(envelope)


def test_credentials_that_do_not_come_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(envelopes: Envelopes, _: object) -> None:
        async with envelopes._turn:  # as if Google's library were renewing a credential
            await envelopes.to_model("m", timeout_ms=20_000)

    monkeypatch.setattr("gemini.envelope.WRITING_SECONDS", 0.05)
    with pytest.raises(TransportError, match="did not come in time"):
        with_envelopes(use)


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
