"""What cannot be brought about over a loopback: the table of exceptions, keys in words, sound that was not heard."""

import json
import ssl
from datetime import UTC, datetime

import httpx2
import pytest
from google.auth import exceptions as google_auth
from hypothesis import given
from hypothesis import strategies as st

from gemini.exceptions import UNREACHABLE_SECONDS, failure_of_exception
from gemini.failures import (
    FINISH_REASONS,
    failure_of_error,
    failure_of_reply,
    failure_of_text,
    heard_share,
)
from gemini.question import Usage
from gemini.redaction import one_line, redact
from gemini.reply import read_error, read_reply
from models.failures import FailureCode, Nature
from tests.unit.gemini.scripted import KEY

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "code", "pauses"),
    [
        (TimeoutError(), FailureCode.GEMINI_TIMEOUT, False),
        (httpx2.ReadTimeout(""), FailureCode.GEMINI_TIMEOUT, False),
        (httpx2.ConnectTimeout(""), FailureCode.GEMINI_UNAVAILABLE, False),
        (httpx2.PoolTimeout(""), FailureCode.GEMINI_TIMEOUT, False),
        (httpx2.ConnectError("[Errno -2] Name or service not known"), FailureCode.GEMINI_UNAVAILABLE, False),
        (httpx2.RemoteProtocolError("Server disconnected"), FailureCode.GEMINI_UNAVAILABLE, False),
        (httpx2.WriteError(""), FailureCode.GEMINI_UNAVAILABLE, False),
        (httpx2.ProxyError("403"), FailureCode.GEMINI_UNAVAILABLE, False),
        (httpx2.DecodingError("bad gzip"), FailureCode.GEMINI_UNAVAILABLE, False),
        (ssl.SSLCertVerificationError("self-signed"), FailureCode.GEMINI_UNAVAILABLE, False),
        (ConnectionResetError(), FailureCode.GEMINI_UNAVAILABLE, False),
        (google_auth.TransportError("metadata"), FailureCode.GEMINI_UNAVAILABLE, False),  # type: ignore[no-untyped-call]
        (google_auth.DefaultCredentialsError("none found"), FailureCode.GEMINI_AUTH, True),  # type: ignore[no-untyped-call]
        (google_auth.RefreshError("revoked"), FailureCode.GEMINI_AUTH, True),  # type: ignore[no-untyped-call]
        (httpx2.LocalProtocolError("Illegal header value"), FailureCode.GEMINI_AUTH, True),
        (httpx2.UnsupportedProtocol("ftp"), FailureCode.GEMINI_AUTH, True),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), FailureCode.GEMINI_UNAVAILABLE, False),
        (ValueError("invalid model"), FailureCode.GEMINI_REJECTED, False),
        (RuntimeError("the client has been closed"), FailureCode.INTERNAL, False),
        (MemoryError(), FailureCode.INTERNAL, False),
    ],
)
def test_every_exception_has_one_meaning(error: Exception, code: FailureCode, pauses: bool) -> None:  # noqa: FBT001
    reason = failure_of_exception(error, model="m")
    assert (reason.code, reason.pauses_lane) == (code, pauses)
    assert type(error).__name__ in reason.message


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("")])
def test_where_nobody_is_reached_the_lane_waits_and_no_try_is_spent(error: Exception) -> None:
    reason = failure_of_exception(error, model="m")
    assert (reason.nature, reason.retry_after_seconds) == (Nature.THROTTLED, UNREACHABLE_SECONDS)


@pytest.mark.parametrize("error", [httpx2.ReadError(""), httpx2.RemoteProtocolError("gone"), ConnectionResetError()])
def test_a_connection_that_breaks_later_may_have_been_paid_for_and_counts(error: Exception) -> None:
    assert failure_of_exception(error, model="m").nature is Nature.TRANSIENT


def test_an_exception_that_quotes_the_key_is_redacted() -> None:
    reason = failure_of_exception(ValueError(f"bad header {KEY} and s3cret"), model="m", secrets=("s3cret",))
    assert KEY not in reason.message
    assert "s3cret" not in reason.message


@pytest.mark.parametrize(
    "words",
    [
        f"key {KEY}.",
        f"https://x/v1/models?key={KEY}&alt=sse",
        "https://x/?a=1&key=unusual-key-123456",
        "Authorization: Bearer abc.def-ghi",
        "token ya29.a0AfH6SMBx-y_z",
        "AQ.Ab8RN6Jabcdefgh_ijk",
        "the plain-secret here",
    ],
)
def test_nothing_that_looks_like_a_key_stays_in_words(words: str) -> None:
    said = redact(words, ("plain-secret",))
    assert "[redacted]" in said
    for secret in (KEY, "unusual-key", "abc.def", "a0AfH6SMBx", "Ab8RN6J", "plain-secret"):
        assert secret not in said


def test_a_key_at_the_edge_of_a_shortened_message_is_not_left_in_halves() -> None:
    said = one_line("x" * 280 + " " + KEY)
    assert "AIza" not in said
    assert len(said) <= 300


@pytest.mark.parametrize(
    ("model", "usage", "share"),
    [
        ("gemini-3.8-flash", Usage(input_by_modality={"TEXT": 9, "AUDIO": 15_000}), 1.0),
        ("gemini-3.8-flash", Usage(input_by_modality={"AUDIO": 19_200}), 1.28),
        ("gemini-2.5-pro", Usage(input_by_modality={"AUDIO": 9_600}), 0.64),
        ("models/gemini-3.5-transcribe", Usage(input_by_modality={"AUDIO": 7_500}), 0.5),
        ("gemini-9", Usage(input_by_modality={"AUDIO": 15_000}), 1.0),
        ("gemini-3.8-flash", Usage(input_by_modality={"TEXT": 900}), 0.0),
        ("gemini-3.8-flash", Usage(input_tokens=900), None),
        ("gemini-3.8-flash", None, None),
    ],
)
def test_the_share_of_ten_minutes_that_was_heard(model: str, usage: Usage | None, share: float | None) -> None:
    assert heard_share(usage, seconds=600.0, model=model) == share


def test_of_no_sound_there_is_no_share() -> None:
    assert heard_share(Usage(input_by_modality={"AUDIO": 1}), seconds=0.0, model="gemini-3.8-flash") is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["candidates", "content", "parts", "text", "finishReason", "promptFeedback", "blockReason", "usageMetadata",
         "promptTokenCount", "promptTokensDetails", "modality", "tokenCount", "error", "code", "status", "message",
         "details", "@type", "violations", "quotaId", "reason", "retryDelay"]) | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["candidates", "promptFeedback", "usageMetadata", "modelVersion"]), _JSON))
def test_no_answer_however_malformed_raises(body: dict[str, object]) -> None:
    reply = read_reply(body)
    reason = failure_of_reply(reply, model="m")
    assert reason is not None or reply.text or reply.heard


@given(st.integers(400, 599), st.binary() | _JSON.map(lambda body: json.dumps(body).encode()))
def test_no_error_however_malformed_raises(status: int, body: bytes) -> None:
    assert failure_of_error(read_error(status, body, {}), model="m", now=NOW).message
    assert failure_of_text(body.decode("utf-8", "replace"), model="m").message


def test_tokens_sent_as_text_count_and_nonsense_does_not() -> None:
    usage = read_reply({"usageMetadata": {"promptTokenCount": "264", "candidatesTokenCount": True,
                                          "thoughtsTokenCount": -3, "cachedContentTokenCount": "9" * 5000}}).usage  # fmt: skip
    assert usage == Usage(input_tokens=264)


def test_a_repeated_modality_is_added_up() -> None:
    rows = [{"modality": "AUDIO", "tokenCount": 5}, {"modality": "AUDIO", "tokenCount": 6}]
    usage = read_reply({"usageMetadata": {"promptTokensDetails": rows}}).usage
    assert usage is not None
    assert usage.input_by_modality == {"AUDIO": 11}


def test_several_text_parts_are_one_answer_without_the_thoughts() -> None:
    parts = [{"text": "thinking", "thought": True}, {"text": '{"a":'}, {"inlineData": {}}, {"text": "1}"}]
    assert read_reply({"candidates": [{"content": {"parts": parts}}]}).text == '{"a":1}'


def test_every_finish_reason_of_google_genai_is_known_or_knowingly_unusable() -> None:
    from google.genai.types import FinishReason

    left_out = {"FINISH_REASON_UNSPECIFIED", "STOP", "PUP_LIMITED_DISABLED", "NO_IMAGE", "IMAGE_OTHER"}
    tools = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"}
    assert {reason.value for reason in FinishReason} - left_out - tools <= set(FINISH_REASONS)
