"""The lines of a batch's files: a question as a line that goes in, a line that came out as the call it was. Pure.

Answers have come back under the key of another row (googleapis/python-genai#1909). So each question carries a reference of
its own, in its prompt and as the only value that the answer's schema allows for `ref`: an answer without it, or with
another, is none to this question, and is thrown away unread. What has no answer (an error, a refusal, a text that was cut
off) proves nothing of whose it is: no such failure is final, and none of its words are kept.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from gemini.answers import read_answer
from gemini.attached import AttachedBody
from gemini.failures import call_of_answer, failure_of_error, failure_of_text
from gemini.question import Call, Question
from gemini.reply import ErrorReply, parse_json, read_error
from gemini.request import marks_of, request_body
from models.failures import Failure, FailureCode, FailureError, Nature, failure

REF = "ref"
REF_CHARS = 10
"""Short, as it is paid for twice: 40 bits, of which no two that are swapped are likely to be alike."""
_NOT_IN_BATCHES = ("serviceTier",)
"""Fields of a request that a batch does not take."""
_HTTP_OF_GRPC: Mapping[int, int] = {
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 409,  # of what a row names only a file can be missing, which a later batch has again; the model was there
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
"""google/rpc/code.proto."""
_HTTP_ERRORS = range(400, 600)


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputLine:
    """One line that a batch wrote."""

    key: str | None
    """That of the question; None where the line does not tell, and then its call has a failure."""
    call: Call
    """As `GeminiClient.ask` gives it: with a failure, or an answer whose `ref` was right and is taken out."""


def ref_of(key: str) -> str:
    """The reference of the question with that key."""
    return hashlib.sha256(key.encode()).hexdigest()[:REF_CHARS]


def request_line(question: Question, *, key: str) -> AttachedBody:
    """The question as a line, line end included: what is asked online, and its `ref`. Files are read as it is iterated.

    Raises:
        FailureError: `invalid_options`, for a model made for transcription, which offers no batches.
        AttachmentError: a file is not there.

    """
    if question.transcription is not None:
        words = f"{question.model} offers no batches; choose the tier standard, or another model"
        raise FailureError(failure(FailureCode.INVALID_OPTIONS, words, field="service_tier"))
    marks = marks_of(question)
    body = request_body(_with_ref(question, ref_of(key)), marks)
    row = {"key": key, "request": {name: value for name, value in body.items() if name not in _NOT_IN_BATCHES}}
    return AttachedBody(json.dumps(row, separators=(",", ":")).encode() + b"\n", marks)


def _with_ref(question: Question, ref: str) -> Question:
    schema = dict(question.answer_schema)
    properties, required = schema.get("properties"), schema.get("required", ())
    assert isinstance(properties, Mapping), "an answer is asked for as an object"
    assert isinstance(required, list | tuple)
    # The first property, so that it is there before anything can be cut off.
    schema["properties"] = {REF: {"type": "string", "enum": [ref]}, **properties}
    schema["required"] = [REF, *required]
    if isinstance(order := schema.get("propertyOrdering"), list | tuple):
        schema["propertyOrdering"] = [REF, *order]
    prompt = f"{question.prompt}\nThe reference of this request is {ref}. Give it back as {REF}."
    return replace(question, prompt=prompt, answer_schema=schema)


def read_line(line: bytes, *, model: str, now: datetime) -> OutputLine:
    """What a line says, whatever it holds; raises nothing. `now` is aware."""
    row = parse_json(line)
    if not isinstance(row, Mapping):
        reason = failure_of_text(line[:1_000].decode("utf-8", "replace"), model=model)
        return OutputLine(key=None, call=Call(model=model, failure=reason))
    metadata = row.get("metadata")
    given = row.get("key", metadata.get("key") if isinstance(metadata, Mapping) else None)
    key = given if isinstance(given, str) and given else None
    call = call_of_answer(row.get("response"), model=model)
    if call is None:
        return OutputLine(key=key, call=_failed(row, model, now))
    return OutputLine(key=key, call=_without_ref(call, key))


def read_status(status: object) -> ErrorReply:
    """A google.rpc.Status as the HTTP error that it would have been online."""
    given = status if isinstance(status, Mapping) else {}
    code = given.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else 2
    http_status = number if number in _HTTP_ERRORS else _HTTP_OF_GRPC.get(number, 500)
    error = {"status": _STATUS_NAMES.get(number), "message": given.get("message"), "details": given.get("details")}
    try:
        text = json.dumps({"error": error})
    except RecursionError:
        text = json.dumps({"error": {**error, "details": None}})
    return read_error(http_status, text, {})


_STATUS_NAMES: Mapping[int, str] = {4: "DEADLINE_EXCEEDED", 9: "FAILED_PRECONDITION"}
"""Those that the table of failures asks for."""


def _failed(row: Mapping[str, object], model: str, now: datetime) -> Call:
    error = row.get("error")
    if not isinstance(error, Mapping):
        return Call(model=model, failure=failure_of_text("a row without an answer", model=model))
    reply = read_status(error)
    reason = replace(failure_of_error(reply, model=model, now=now), pauses_lane=False)
    return Call(model=model, http_status=reply.http_status, failure=_unproven(reason))


class _Answer(BaseModel):
    """Any answer that says whose it is."""

    model_config = ConfigDict(extra="allow")

    ref: str


def _without_ref(call: Call, key: str | None) -> Call:
    """The call with its answer as online, if it is one to this question; else with a failure, and paid for as it was."""
    if call.failure is not None:
        return _without_words(call, _unproven(call.failure))
    if key is None:
        return _without_words(call, _unusable("The answer does not tell which question it is one to."))
    # Whether it repeats itself is for the kind to say, which knows what may.
    answer = read_answer(call.text or "", _Answer, may_repeat=True)
    if isinstance(answer, Failure):
        return _without_words(call, _unusable("The answer does not say whose it is.", answer.code))
    if answer.ref.strip().lower() != ref_of(key):
        return _without_words(call, _unusable("The answer is one to another question of its batch."))
    try:
        text = json.dumps(answer.model_extra, ensure_ascii=False)
    except (ValueError, RecursionError):
        return _without_words(call, _unusable("The answer is nested too deeply."))
    return replace(call, text=text, heard=None)


def _without_words(call: Call, reason: Failure) -> Call:
    return replace(call, text=None, heard=None, failure=reason)


def _unproven(reason: Failure) -> Failure:
    """A failure that may be another question's: not final, so that no question fails for what is wrong with another."""
    return replace(reason, nature=Nature.TRANSIENT) if reason.nature is Nature.PERMANENT else reason


def _unusable(words: str, code: FailureCode = FailureCode.GEMINI_INVALID_OUTPUT) -> Failure:
    return failure(code, f"{words} It is asked again.", nature=Nature.TRANSIENT)
