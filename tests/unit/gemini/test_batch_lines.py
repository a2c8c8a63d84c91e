"""The lines of a batch: what goes in is what is asked online and a reference, what comes out is a call, whatever it holds."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gemini.batch_lines import OutputLine, read_line, ref_of, request_line
from gemini.question import Attachment, Question, Transcription
from gemini.request import marks_of, request_body
from models.failures import FailureCode, FailureError, Nature
from tests.unit.gemini.asking import QUESTION, everything_said

NOW = datetime(2026, 11, 26, tzinfo=UTC)
KEY = "job_1:0"


def line_of(question: Question, key: str = KEY) -> dict[str, Any]:
    line = b"".join(request_line(question, key=key).blocks())
    assert line.count(b"\n") == 1
    row: dict[str, Any] = json.loads(line)
    return row


def read(row: object) -> OutputLine:
    return read_line(row if isinstance(row, bytes) else json.dumps(row).encode(), model="gemini-3.8-flash", now=NOW)


def answered(text: object, key: str | None = KEY, finish: str = "STOP", **more: object) -> dict[str, object]:
    """A line with this answer, JSON or text."""
    said = text if isinstance(text, str) else json.dumps(text)
    response = {
        "candidates": [{"content": {"parts": [{"text": said}]}, "finishReason": finish}],
        "usageMetadata": {"promptTokenCount": 264, "candidatesTokenCount": 31},
        "modelVersion": "gemini-3.8-flash-001",
        **more,
    }
    return {"response": response} | ({} if key is None else {"key": key})


def test_a_line_asks_what_is_asked_online_and_for_its_reference(tmp_path: Path) -> None:
    clip = tmp_path / "clip.flac"
    clip.write_bytes(b"fLaC" * 100_000)
    question = replace(
        QUESTION,
        attachments=(*QUESTION.attachments, Attachment(path=str(clip), mime_type="audio/flac")),
        answer_schema={**QUESTION.answer_schema, "required": ["caption"], "propertyOrdering": ["caption"]},
    )
    line = request_line(question, key=KEY)
    assert line.size_bytes == len(b"".join(line.blocks()))
    row, ref = line_of(question), ref_of(KEY)
    config, parts = row["request"]["generationConfig"], row["request"]["contents"][0]["parts"]
    schema = config["responseJsonSchema"]
    assert list(schema["properties"]) == ["ref", "caption"]
    assert (schema["properties"].pop("ref")["enum"], schema["required"].pop(0)) == ([ref], "ref")
    assert schema["propertyOrdering"].pop(0) == "ref"
    asked, _, tail = parts[-1]["text"].partition("\n")
    assert ref in tail
    parts[-1]["text"] = asked
    online = json.loads(json.dumps(request_body(question, marks_of(question))))
    for mine, theirs in zip(parts[:-1], online["contents"][0]["parts"][:-1], strict=True):
        theirs["inlineData"]["data"] = mine["inlineData"]["data"]
    assert row == {"key": KEY, "request": online}


def test_a_transcriber_is_not_asked_in_a_batch() -> None:
    with pytest.raises(FailureError) as raised:
        request_line(Question(model="gemini-3.5-transcribe", transcription=Transcription()), key=KEY)
    assert raised.value.failure.code is FailureCode.INVALID_OPTIONS


def test_an_answer_with_its_reference_is_a_call_as_online() -> None:
    line = read(answered({"ref": ref_of(KEY), "caption": "Zwölf Möwen", "tags": ["a", 1.5, None]}))
    call = line.call
    assert (line.key, call.failure, call.answered, call.http_status) == (KEY, None, True, 200)
    assert json.loads(call.text or "") == {"caption": "Zwölf Möwen", "tags": ["a", 1.5, None]}
    assert (call.model, call.model_version) == ("gemini-3.8-flash", "gemini-3.8-flash-001")
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.output_tokens) == (264, 31)


def test_an_inlined_answer_is_named_by_its_metadata() -> None:
    row = answered({"ref": ref_of(KEY), "caption": "a"}, key=None) | {"metadata": {"key": KEY}}
    assert (read(row).key, read(row).call.failure) == (KEY, None)


@pytest.mark.parametrize(
    ("text", "key", "code"),
    [
        ({"ref": ref_of("job_2:0"), "caption": "SECRET"}, KEY, FailureCode.GEMINI_INVALID_OUTPUT),
        ({"caption": "SECRET"}, KEY, FailureCode.GEMINI_INVALID_OUTPUT),
        ({"ref": [ref_of(KEY)], "caption": "SECRET"}, KEY, FailureCode.GEMINI_INVALID_OUTPUT),
        ({"ref": ref_of(KEY), "caption": "SECRET"}, None, FailureCode.GEMINI_INVALID_OUTPUT),
        ("SECRET prose", KEY, FailureCode.GEMINI_INVALID_OUTPUT),
        ("I'm sorry, I can't help with SECRET.", KEY, FailureCode.GEMINI_BLOCKED),
        ("SECRET again " * 400, KEY, FailureCode.GEMINI_DEGENERATE),
    ],
)
def test_an_answer_that_is_not_proven_to_be_ours_is_paid_for_and_not_kept(
    text: object, key: str | None, code: FailureCode
) -> None:
    line = read(answered(text, key))
    assert line.call.failure is not None
    assert (line.key, line.call.failure.code, line.call.failure.nature) == (key, code, Nature.TRANSIENT)
    assert (line.call.text, line.call.answered) == (None, True)
    assert line.call.usage is not None
    assert "SECRET" not in everything_said(line.call.failure)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (answered("SECRET", finish="SAFETY"), FailureCode.GEMINI_BLOCKED),
        (answered("SECRET", finish="MAX_TOKENS"), FailureCode.GEMINI_TRUNCATED),
        (answered("", candidates=[], promptFeedback={"blockReason": "OTHER"}), FailureCode.GEMINI_BLOCKED),
        ({"key": KEY, "error": {"code": 3, "message": "No."}}, FailureCode.GEMINI_REJECTED),
        ({"key": KEY, "error": {"code": 400, "message": "No."}}, FailureCode.GEMINI_REJECTED),
        ({"key": KEY, "error": {"code": 4, "message": ""}}, FailureCode.GEMINI_TIMEOUT),
        ({"key": KEY, "error": {"code": 5, "message": "File?"}}, FailureCode.GEMINI_UNAVAILABLE),
        ({"key": KEY, "error": {"code": 13, "message": "Oh."}}, FailureCode.GEMINI_UNAVAILABLE),
        ({"key": KEY, "error": {"code": "?", "message": 1, "details": 2}}, FailureCode.GEMINI_UNAVAILABLE),
        ({"key": KEY, "error": "down"}, FailureCode.GEMINI_UNAVAILABLE),
        ({"key": KEY, "response": None}, FailureCode.GEMINI_UNAVAILABLE),
        ({"key": KEY}, FailureCode.GEMINI_UNAVAILABLE),
    ],
)
def test_no_failure_of_a_row_is_final_as_it_may_be_another_rows(row: object, code: FailureCode) -> None:
    line = read(row)
    assert line.call.failure is not None
    assert (line.key, line.call.failure.code, line.call.text) == (KEY, code, None)
    assert line.call.failure.nature is Nature.TRANSIENT
    assert not line.call.failure.pauses_lane


def test_a_row_without_quota_waits() -> None:
    reason = read({"key": KEY, "error": {"code": 8, "message": "Quota exceeded."}}).call.failure
    assert reason is not None
    assert (reason.code, reason.nature) == (FailureCode.GEMINI_QUOTA, Nature.THROTTLED)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PLACES = ("key", "metadata", "error", "response")
ROWS = st.dictionaries(st.sampled_from(PLACES), JSON, max_size=4) | st.builds(answered, JSON, st.none() | st.text())


@given(st.binary() | ROWS.map(lambda row: json.dumps(row).encode()) | JSON.map(lambda row: json.dumps(row).encode()))
@example(b"[" * 100_000)
@example(b'{"key": "a", "error": {"code": 3, "details": ' + b"[" * 900 + b"]" * 900 + b"}}")
@example(json.dumps(answered('{"ref": "' + ref_of(KEY) + '", "a": ' + "[" * 900 + "]" * 900 + "}")).encode())
@example(json.dumps(answered('{"ref": "\\ud800", "a": NaN}')).encode())
@example(b'{"key": "a", "response": {"candidates": ' + b"9" * 5_000 + b"}}")
def test_no_line_raises_and_none_without_its_reference_is_an_answer(line: bytes) -> None:
    found = read_line(line, model="m", now=NOW)
    call = found.call
    assert (call.failure is None) == (call.text is not None)
    if call.failure is None:
        assert found.key is not None
        assert ref_of(found.key).encode() in line
    json.dumps(call.failure.detail if call.failure else call.text)


def test_references_are_short_and_differ() -> None:
    refs = {ref_of(f"job_{number}:0") for number in range(20_000)}
    assert len(refs) == 20_000
    assert {len(ref) for ref in refs} == {10}
