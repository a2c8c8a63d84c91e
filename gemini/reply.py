"""Reads what Gemini sends: answers and error bodies, tolerantly, as plain values.

Gemini adds fields and enum members without notice, sends numbers as strings, leaves out what is empty, and its
front ends send HTML. Nothing here raises on any of it: what cannot be read is absent. Shapes:
https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/generate-content/transcribe, replies that
users recorded (router-for-me/CLIProxyAPI#5722) and google/rpc/error_details.proto.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from gemini.question import HeardPart, HeardWord, Usage
from gemini.text import UNSPACED, storable

_MAX_DIGITS = 15  # more is no count of tokens
_MOST_TOKENS = 10**12
_MOST_SECONDS = 10**6
_DURATION = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?s?")
_UNSPACED_OR_MARK = rf"[{UNSPACED}\u3000-\u303f\uff00-\uffef]"
_BLANK_IN_UNSPACED = re.compile(f"(?<={_UNSPACED_OR_MARK}) (?={_UNSPACED_OR_MARK})")

Json: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a `generateContent` answer says (HTTP 200)."""

    text: str | None
    """The text parts joined, thoughts left out; None where there is none."""
    heard: tuple[HeardPart, ...] | None
    """The parts that a model made for transcription heard; None where there is none."""
    finish_reason: str | None
    block_reason: str | None
    usage: Usage | None
    model_version: str | None
    response_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorReply:
    """What an error answer says."""

    http_status: int
    readable: bool = True
    """The body has the form of Google's errors; False for HTML and the like, which front ends and proxies send."""
    status: str | None = None
    """The gRPC name, `RESOURCE_EXHAUSTED`."""
    message: str = ""
    reasons: tuple[str, ...] = ()
    """`ErrorInfo.reason`, `API_KEY_INVALID`."""
    quota_ids: tuple[str, ...] = ()
    quota_values: tuple[str, ...] = ()
    """The limit of each of these quotas; empty where it is not said."""
    retry_delay: str | None = None
    """`RetryInfo.retryDelay` as sent, `34.07s`."""
    retry_after: str | None = None
    """The HTTP header, which proxies add."""
    request_id: str | None = None


def parse_json(body: str | bytes) -> object:
    """The decoded body; None where it is not JSON."""
    try:
        return cast("object", json.loads(body))
    except (ValueError, RecursionError):
        return None


def is_answer(body: object) -> bool:
    """Is this decoded body an answer of Gemini, thus a call that is billed?"""
    return isinstance(body, Mapping) and any(key in body for key in ("candidates", "promptFeedback", "usageMetadata"))


def read_reply(body: Json) -> Reply:
    """The first candidate, the prompt's verdict and the usage of an answer."""
    candidate = next(_objects(body.get("candidates")), {})
    language = _name(_object(candidate.get("speechResult")).get("languageCode"), most=50)
    parts = [part for part in _objects(_object(candidate.get("content")).get("parts")) if not part.get("thought")]
    is_transcription = any(isinstance(part.get("audioTranscription"), Mapping) for part in parts)
    heard = tuple(heard for part in parts if (heard := _heard(part, language)))
    return Reply(
        text="".join(text for part in parts if (text := _text(part.get("text")))) or None,
        heard=heard if is_transcription else None,
        finish_reason=_name(candidate.get("finishReason"), most=50),
        block_reason=_text(_object(body.get("promptFeedback")).get("blockReason")),
        usage=_usage(body.get("usageMetadata")),
        model_version=_name(body.get("modelVersion")),
        response_id=_name(body.get("responseId")),
    )


def read_error(http_status: int, body: str | bytes, headers: Mapping[str, str]) -> ErrorReply:
    """The error in a body of any form; `headers` are looked up in lower case."""
    decoded = parse_json(body)
    if isinstance(decoded, list) and len(decoded) == 1:
        decoded = decoded[0]
    error = _object(_object(decoded).get("error"))
    details = tuple(_objects(error.get("details")))
    quotas = [quota for detail in details for quota in _quotas(detail)]
    plain = body if isinstance(body, str) else body.decode("utf-8", "replace")
    return ErrorReply(
        http_status=http_status,
        readable=bool(error),
        status=_text(error.get("status")),
        message=(_text(error.get("message")) or "") if error else plain,
        reasons=tuple(_texts(details, "ErrorInfo", "reason")),
        quota_ids=tuple(quota_id for quota_id, _ in quotas),
        quota_values=tuple(limit for _, limit in quotas),
        retry_delay=next(_texts(details, "RetryInfo", "retryDelay"), None),
        retry_after=headers.get("retry-after"),
        request_id=next(_texts(details, "RequestInfo", "requestId"), None) or headers.get("x-request-id"),
    )


def _heard(part: Json, language: str | None) -> HeardPart | None:
    """The `audioTranscription` of a part; None where it has no text, as on silence.

    Its text stands there, beside it in the part, or (with word times, as Google's guide shows) in its words alone. The
    language may be told for the whole answer instead.
    """
    heard = _object(part.get("audioTranscription"))
    words = tuple(_heard_words(heard.get("words")))
    beside = _text(part.get("text")) if heard else None
    texts = (_text(heard.get("text")), beside, _spelled_out(words))
    text = next((text for text in texts if text and text.strip()), None)
    if text is None:
        return None
    return HeardPart(
        text=text,
        language=_name(heard.get("languageCode"), most=50) or language,
        speaker=_name(heard.get("speakerLabel"), most=50),
        start=_seconds(heard.get("startOffset")),
        end=_seconds(heard.get("endOffset")),
        words=words,
    )


def _spelled_out(words: Iterable[HeardWord]) -> str:
    return _BLANK_IN_UNSPACED.sub("", " ".join(word.word for word in words))


def _heard_words(value: object) -> Iterator[HeardWord]:
    for row in _objects(value):
        if word := _text(row.get("word")):
            yield HeardWord(word=word, start=_seconds(row.get("startOffset")), end=_seconds(row.get("endOffset")))


def _seconds(value: object) -> float | None:
    """A `Duration` as proto-JSON writes it, `1.250s`, or a plain number; None for what is no time in a recording."""
    if isinstance(value, str):
        value = float(value.removesuffix("s")) if _DURATION.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MOST_SECONDS else None


def _usage(value: object) -> Usage | None:
    if not isinstance(value, Mapping):
        return None
    return Usage(
        input_tokens=_count(value.get("promptTokenCount")),
        output_tokens=_count(value.get("candidatesTokenCount")),
        thinking_tokens=_count(value.get("thoughtsTokenCount")),
        cached_tokens=_count(value.get("cachedContentTokenCount")),
        tool_tokens=_count(value.get("toolUsePromptTokenCount")),
        input_by_modality=_by_modality(value.get("promptTokensDetails")),
        cached_by_modality=_by_modality(value.get("cacheTokensDetails")),
    )


def _by_modality(value: object) -> dict[str, int]:
    tokens: dict[str, int] = {}
    for row in _objects(value):
        modality = _text(row.get("modality")) or "MODALITY_UNSPECIFIED"
        tokens[modality] = tokens.get(modality, 0) + _count(row.get("tokenCount"))
    return tokens


def _name(value: object, *, most: int = 200) -> str | None:
    """A name, no longer than what stores it."""
    text = _text(value)
    return None if text is None else text[:most]


def _count(value: object) -> int:
    """A count of tokens, sent as a number or (int64 in proto-JSON) as a string."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return min(max(0, value), _MOST_TOKENS) if isinstance(value, int) and is_number else 0


def _texts(details: tuple[Json, ...], type_name: str, key: str) -> Iterator[str]:
    """The texts under a key in those details whose `@type` ends with this name."""
    for detail in details:
        text = _text(detail.get(key))
        if text and (_text(detail.get("@type")) or "").endswith(type_name):
            yield text


def _quotas(detail: Json) -> Iterator[tuple[str, str]]:
    """Name and limit of each quota of a `QuotaFailure`; an int64 comes as text or as a number."""
    for violation in _objects(detail.get("violations")):
        if quota_id := _text(violation.get("quotaId")):
            limit = violation.get("quotaValue")
            is_number = isinstance(limit, int) and not isinstance(limit, bool)
            yield quota_id, (str(limit)[:_MAX_DIGITS] if is_number else _text(limit) or "")


def _object(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> Iterator[Json]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else iter(())


def _text(value: object) -> str | None:
    return (storable(value) or None) if isinstance(value, str) else None
