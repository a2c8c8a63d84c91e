"""One question, one request, one `Call`: the client against a real server on the loopback."""

import asyncio
import socket
import threading
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from gemini.client import GeminiClient
from gemini.connection import Connection
from gemini.question import Attachment, Call, Question, Usage
from models.failures import FailureCode
from models.tier import ServiceTier
from tests.unit.gemini import scripted
from tests.unit.gemini.asking import QUESTION, ask, everything_said, with_client
from tests.unit.gemini.canned import HTML, KEY_INVALID, OVERLOADED, PER_MINUTE, quota
from tests.unit.gemini.scripted import ANSWER_TEXT, KEY, Script, answer, finished, http, scripted_gemini

SCHEMA_NAMES = {"$defs": {"row": {"type": "object"}}, "type": "object", "additionalProperties": False}


def test_a_good_answer_comes_back_whole() -> None:
    call, _ = ask(http(200, answer()))
    assert call == Call(
        model="gemini-3.8-flash",
        model_version="gemini-3.8-flash-001",
        text=ANSWER_TEXT,
        usage=Usage(
            input_tokens=264,
            output_tokens=9,
            thinking_tokens=27,
            input_by_modality={"TEXT": 6, "IMAGE": 258},
        ),
        http_status=200,
        finish_reason="STOP",
        response_id="r-1",
        duration_seconds=call.duration_seconds,
        answered=True,
    )
    assert 0 < call.duration_seconds < 20


def test_the_request_says_all_that_the_question_says_and_nothing_else() -> None:
    _, (request,) = ask(http(200, answer()), replace(QUESTION, answer_schema=SCHEMA_NAMES))
    assert request.path == "/v1/models/gemini-3.8-flash:generateContent"
    assert request.headers["x-goog-api-key"] == KEY
    assert request.json() == {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"inlineData": {"mimeType": "image/jpeg", "data": "/9j//mpwZWc="}},
                    {"text": "Describe."},
                ],
            }
        ],
        "systemInstruction": {"parts": [{"text": "You describe pictures."}]},
        "labels": {"kind": "caption"},
        "generationConfig": {
            "temperature": 0.0,
            "maxOutputTokens": 500,
            "seed": 7,
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA_NAMES,
            "thinkingConfig": {"thinkingLevel": "LOW"},
        },
    }


def test_a_question_sends_only_what_it_sets() -> None:
    question = Question(model="m", prompt="p", seed=0, temperature=0.7, media_resolution="MEDIA_RESOLUTION_LOW")
    _, (request,) = ask(http(200, answer()), replace(question, timeout_seconds=20))
    assert request.json() == {
        "contents": [{"role": "user", "parts": [{"text": "p"}]}],
        "generationConfig": {
            "temperature": 0.7,
            "maxOutputTokens": 8192,
            "seed": 0,
            "responseMimeType": "application/json",
            "responseJsonSchema": {},
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        },
    }


@pytest.mark.parametrize(
    ("tier", "said"), [(ServiceTier.STANDARD, None), (ServiceTier.FLEX, "flex"), (ServiceTier.ECONOMY, None)]
)
def test_a_question_in_flex_says_so_and_gives_gemini_the_whole_time(tier: ServiceTier, said: str | None) -> None:
    _, (request,) = ask(http(200, answer()), replace(QUESTION, tier=tier, timeout_seconds=900.0))
    assert request.json().get("serviceTier") == said
    assert request.headers["x-server-timeout"] == "900"


def test_the_name_of_the_tier_is_one_that_google_genai_knows() -> None:
    from google.genai import types

    assert types.ServiceTier(str(ServiceTier.FLEX)) is types.ServiceTier.FLEX


@pytest.mark.parametrize("given", [{}, {"data": b"x", "path": "x"}])
def test_an_attachment_is_either_bytes_or_a_file(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either data or a path"):
        Attachment(mime_type="image/png", **given)


@pytest.mark.parametrize(("seconds", "told"), [(0.5, "10"), (10, "10"), (20.5, "21"), (600, "600")])
def test_gemini_is_told_our_time_but_never_less_than_it_accepts(seconds: float, told: str) -> None:
    call, (request,) = ask(http(200, answer()), replace(QUESTION, timeout_seconds=seconds))
    assert request.headers["x-server-timeout"] == told
    assert call.failure is None


def test_an_answer_with_characters_that_no_database_keeps_is_cleaned() -> None:
    call, _ = ask(http(200, finished("STOP", '{"caption": "a\x00b\ud800"}')))
    assert call.text == '{"caption": "ab?"}'


@pytest.mark.parametrize("reason", ["SAFETY", "MAX_TOKENS", "RECITATION"])
def test_what_was_billed_is_told_with_the_failure(reason: str) -> None:
    call, _ = ask(http(200, finished(reason, "part")))
    assert call.answered
    assert call.usage is not None
    assert (call.usage.input_tokens, call.text, call.finish_reason) == (264, "part", reason)


@pytest.mark.parametrize("script", [http(503, OVERLOADED), http(200, HTML), scripted.reset])
def test_a_call_that_gemini_did_not_answer_is_not_billable(script: Script) -> None:
    call, _ = ask(script)
    assert not call.answered
    assert call.usage is None


def test_the_facts_of_an_error_are_there_for_machines() -> None:
    call, _ = ask(http(429, quota(PER_MINUTE), x_request_id="q-9"))
    assert call.failure is not None
    assert call.failure.detail == {
        "quota_scope": "minute",
        "http_status": 429,
        "status": "RESOURCE_EXHAUSTED",
        "request_id": "q-9",
        "quota_ids": [PER_MINUTE],
        "quota_values": ["1000"],
    }
    assert (call.http_status, call.response_id) == (429, "q-9")


def test_no_server_is_a_transient_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    call = with_client(f"http://127.0.0.1:{port}", lambda client: client.ask(QUESTION))
    assert call.failure is not None
    assert call.failure.code is FailureCode.GEMINI_UNAVAILABLE


def test_an_unknown_host_is_a_transient_failure() -> None:
    call = with_client("http://gemini.invalid", lambda client: client.ask(QUESTION))
    assert call.failure is not None
    assert call.failure.code is FailureCode.GEMINI_UNAVAILABLE


def test_a_model_name_that_cannot_be_asked_is_rejected_without_a_request() -> None:
    call, requests = ask(http(200, answer()), replace(QUESTION, model="../secrets?x=1"))
    assert requests == []
    assert call.failure is not None
    assert call.failure.code is FailureCode.GEMINI_REJECTED


def test_vertex_with_a_key_is_asked_at_its_own_path() -> None:
    async def run(url: str) -> Call:
        client = GeminiClient(
            Connection(vertexai=True, api_key=SecretStr(KEY), base_url=url, api_version="v1beta1", max_connections=1)
        )
        call = await client.ask(QUESTION)
        await client.aclose()
        return call

    with scripted_gemini(http(200, answer())) as gemini:
        assert asyncio.run(run(gemini.url)).text == ANSWER_TEXT
    assert [request.path for request in gemini.requests] == [
        "/v1beta1/publishers/google/models/gemini-3.8-flash:generateContent"
    ]


def test_a_silent_server_is_given_up_when_the_time_is_over() -> None:
    released = threading.Event()
    call, requests = ask(lambda _: (released.wait(30), None)[1], replace(QUESTION, timeout_seconds=0.4))
    released.set()
    assert call.failure is not None
    assert call.failure.code is FailureCode.GEMINI_TIMEOUT
    assert 0.4 <= call.duration_seconds < 5
    assert len(requests) == 1


def test_a_server_that_trickles_for_ever_is_given_up_as_well() -> None:
    released = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n")
        while not released.wait(0.05):
            connection.sendall(b" ")

    call, _ = ask(trickle, replace(QUESTION, timeout_seconds=0.4))
    released.set()
    assert call.failure is not None
    assert call.failure.code is FailureCode.GEMINI_TIMEOUT
    assert call.duration_seconds < 5


def test_a_cancelled_call_stays_cancelled_and_the_client_lives_on() -> None:
    asked = threading.Event()
    released = threading.Event()

    def stall_once(connection: socket.socket) -> None:
        if not asked.is_set():
            asked.set()
            released.wait(30)
        http(200, answer())(connection)

    async def use(client: GeminiClient) -> Call:
        first = asyncio.create_task(client.ask(QUESTION))
        assert await asyncio.to_thread(asked.wait, 10)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        released.set()
        return await client.ask(QUESTION)

    with scripted_gemini(stall_once) as gemini:
        assert with_client(gemini.url, use, max_connections=1).text == ANSWER_TEXT


def test_two_hundred_calls_are_in_flight_at_once_on_one_client_and_their_connections_are_kept() -> None:
    together = threading.Barrier(200, timeout=60)

    def answer_when_all_are_here(connection: socket.socket) -> None:
        together.wait()
        http(200, answer())(connection)

    async def use(client: GeminiClient) -> list[Call]:
        calls = await asyncio.gather(*(client.ask(QUESTION) for _ in range(200)))
        return calls + await asyncio.gather(*(client.ask(QUESTION) for _ in range(200)))

    with scripted_gemini(answer_when_all_are_here) as gemini:
        calls = with_client(gemini.url, use, max_connections=200)
        assert [call.failure for call in calls if call.failure] == []
        assert len(gemini.requests) == 400
        assert gemini.connections <= 208


def test_check_is_content_with_a_good_key_and_asks_for_one_model_only() -> None:
    with scripted_gemini(http(200, '{"models": [{"name": "models/gemini-3.8-flash", "news": 1}]}')) as gemini:
        assert with_client(gemini.url, lambda client: client.check()) is None
        assert [request.path for request in gemini.requests] == ["/v1/models?pageSize=1"]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (http(400, KEY_INVALID), FailureCode.GEMINI_AUTH),
        (http(503, OVERLOADED), FailureCode.GEMINI_UNAVAILABLE),
        (http(200, HTML), FailureCode.GEMINI_UNAVAILABLE),
        (scripted.reset, FailureCode.GEMINI_UNAVAILABLE),
    ],
)
def test_check_tells_what_is_wrong(script: Script, code: FailureCode) -> None:
    with scripted_gemini(script) as gemini:
        reason = with_client(gemini.url, lambda client: client.check())
    assert reason is not None
    assert reason.code is code
    assert KEY not in everything_said(reason)
