"""Every way a call can end badly, each brought about over a loopback: one request, one failure, no secret."""

import pytest

from models.failures import FailureCode, Nature
from tests.unit.gemini import scripted
from tests.unit.gemini.asking import ask, everything_said
from tests.unit.gemini.canned import (
    CANNOT_FETCH,
    HTML,
    IN_DISGUISE,
    KEY_INVALID,
    LATE,
    NO_BILLING,
    NO_MODEL,
    NO_REGION,
    OVERLOADED,
    PER_DAY,
    PER_MINUTE,
    PRECONDITION,
    UNFIT,
    quota,
)
from tests.unit.gemini.scripted import KEY, Script, answer, error, finished, http

# fmt: off
ENDINGS: list[tuple[str, Script, FailureCode, Nature, bool, float | str | None]] = [
    # name, what the server does, code, nature, pauses the lane, seconds to wait ("day": until midnight Pacific)
    ("key invalid", http(400, KEY_INVALID), FailureCode.GEMINI_AUTH, Nature.THROTTLED, True, None),
    ("401", http(401, error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")), FailureCode.GEMINI_AUTH, Nature.THROTTLED, True, None),
    ("403", http(403, error(403, "PERMISSION_DENIED", "Your API key was reported as leaked.")), FailureCode.GEMINI_AUTH, Nature.THROTTLED, True, None),
    ("402", http(402, error(402, "X", "Pay.")), FailureCode.GEMINI_AUTH, Nature.THROTTLED, True, None),
    ("billing", http(400, NO_BILLING), FailureCode.GEMINI_AUTH, Nature.THROTTLED, True, None),
    ("region", http(400, NO_REGION), FailureCode.GEMINI_AUTH, Nature.THROTTLED, True, None),
    ("unknown precondition", http(400, PRECONDITION), FailureCode.GEMINI_REJECTED, Nature.TRANSIENT, False, None),
    ("no such model", http(404, NO_MODEL), FailureCode.GEMINI_MODEL_NOT_FOUND, Nature.THROTTLED, True, None),
    ("404 page", http(404, "<html>Not Found</html>"), FailureCode.GEMINI_MODEL_NOT_FOUND, Nature.THROTTLED, True, None),
    ("invalid argument", http(400, UNFIT), FailureCode.GEMINI_REJECTED, Nature.PERMANENT, False, None),
    ("400 page", http(400, "<html>Bad Request</html>"), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("413 page", http(413, "<html>Too Large</html>"), FailureCode.GEMINI_REJECTED, Nature.PERMANENT, False, None),
    ("422", http(422, error(422, "INVALID_ARGUMENT", "No.")), FailureCode.GEMINI_REJECTED, Nature.PERMANENT, False, None),
    ("cannot fetch", http(400, CANNOT_FETCH), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("409", http(409, error(409, "ABORTED", "Conflict.")), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("408", http(408, ""), FailureCode.GEMINI_TIMEOUT, Nature.TRANSIENT, False, None),
    ("499", http(499, error(499, "CANCELLED", "The operation was cancelled.")), FailureCode.GEMINI_TIMEOUT, Nature.TRANSIENT, False, None),
    ("504", http(504, LATE), FailureCode.GEMINI_TIMEOUT, Nature.TRANSIENT, False, None),
    ("deadline as 500", http(500, error(500, "DEADLINE_EXCEEDED", "Late.")), FailureCode.GEMINI_TIMEOUT, Nature.TRANSIENT, False, None),
    ("500", http(500, error(500, "INTERNAL", "An internal error has occurred.")), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("500 without words", http(500, error(500, "INTERNAL", "")), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("502 page", http(502, HTML), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("502 in Latin-1", http(502, b"\xe9\xff\xfe"), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("503", http(503, OVERLOADED), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("503 with Retry-After", http(503, OVERLOADED, retry_after="17"), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, 17.0),
    ("503 with a list", http(503, f"[{OVERLOADED}]"), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("503 with an empty list", http(503, "[]"), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("503 with null", http(503, "null"), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("503 with a word for an error", http(503, '{"error": "down"}'), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("redirect", http(302, "", location="http://127.0.0.1:9/login"), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("201", http(201, "{}"), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("429 per minute", http(429, quota(PER_MINUTE, delay="34.074824224s")), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, False, 34.074824224),
    ("429 per minute, no delay", http(429, quota(PER_MINUTE)), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, False, 60.0),
    ("429 per day", http(429, quota(PER_DAY, delay="22s")), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, True, "day"),
    ("429 several", http(429, quota(PER_MINUTE, PER_DAY, delay="22s")), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, True, "day"),
    ("429 absurd delay", http(429, quota(PER_MINUTE, delay="65205s")), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, False, 300.0),
    ("429 nonsense delay", http(429, quota(PER_MINUTE, delay="-3 bananas")), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, False, 60.0),
    ("429 bare", http(429, IN_DISGUISE), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, False, 30.0),
    ("429 with help alone", http(429, quota()), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, False, 30.0),
    ("429 in words", http(429, error(429, "RESOURCE_EXHAUSTED", "Quota exceeded. Please retry in 900ms.")), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, False, 1.0),
    ("429 page", http(429, "<html>Slow down</html>", retry_after="40"), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, False, 40.0),
    ("429 inside 200", http(200, IN_DISGUISE), FailureCode.GEMINI_QUOTA, Nature.THROTTLED, False, 30.0),
    ("reset", scripted.reset, FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("hang up", scripted.hang_up, FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("cut in the body", scripted.cut_in_body, FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("no HTTP", scripted.no_http, FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("200 page", http(200, HTML), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("200 empty", http(200, ""), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("200 other JSON", http(200, '{"ok": true}'), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("200 list", http(200, "[1]"), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("200 too deep", http(200, "[" * 100_000), FailureCode.GEMINI_UNAVAILABLE, Nature.TRANSIENT, False, None),
    ("prompt blocked", http(200, answer(candidates=None, promptFeedback={"blockReason": "PROHIBITED_CONTENT"})), FailureCode.GEMINI_BLOCKED, Nature.PERMANENT, False, None),
    ("prompt blocked, new reason", http(200, answer(candidates=None, promptFeedback={"blockReason": "MOOD"})), FailureCode.GEMINI_BLOCKED, Nature.PERMANENT, False, None),
    *((reason, http(200, finished(reason, None)), FailureCode.GEMINI_BLOCKED, Nature.PERMANENT, False, None) for reason in ("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT")),
    ("MAX_TOKENS", http(200, finished("MAX_TOKENS", '{"cap')), FailureCode.GEMINI_TRUNCATED, Nature.TRANSIENT, False, None),
    ("CONTINUATION", http(200, answer(candidates=[{"content": {"parts": [{"text": "{"}]}, "finishReason": "CONTINUATION", "continuationToken": "YWJj"}])), FailureCode.GEMINI_TRUNCATED, Nature.TRANSIENT, False, None),
    ("RECITATION", http(200, finished("RECITATION", None)), FailureCode.GEMINI_RECITATION, Nature.TRANSIENT, False, None),
    ("IMAGE_RECITATION", http(200, finished("IMAGE_RECITATION", None)), FailureCode.GEMINI_RECITATION, Nature.TRANSIENT, False, None),
    *((reason, http(200, finished(reason)), FailureCode.GEMINI_INVALID_OUTPUT, Nature.TRANSIENT, False, None) for reason in ("OTHER", "LANGUAGE", "MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL", "SOMETHING_NEW")),
    ("no finish reason", http(200, finished(None)), FailureCode.GEMINI_INVALID_OUTPUT, Nature.TRANSIENT, False, None),
    ("account restricted", http(200, finished("PUP_LIMITED_DISABLED", None)), FailureCode.GEMINI_AUTH, Nature.THROTTLED, True, None),
    ("STOP without text", http(200, finished("STOP", None)), FailureCode.GEMINI_EMPTY, Nature.TRANSIENT, False, None),
    ("STOP with blanks", http(200, finished("STOP", " \n")), FailureCode.GEMINI_EMPTY, Nature.TRANSIENT, False, None),
    ("no candidates", http(200, answer(candidates=None)), FailureCode.GEMINI_EMPTY, Nature.TRANSIENT, False, None),
    ("only thoughts", http(200, answer(candidates=[{"content": {"parts": [{"text": "Hm.", "thought": True}]}, "finishReason": "STOP"}])), FailureCode.GEMINI_EMPTY, Nature.TRANSIENT, False, None),
]
# fmt: on


@pytest.mark.parametrize(
    ("name", "script", "code", "nature", "pauses", "wait"), ENDINGS, ids=[row[0] for row in ENDINGS]
)
def test_every_bad_ending_is_one_request_and_one_failure_without_secrets(  # noqa: PLR0917
    name: str,
    script: Script,
    code: FailureCode,
    nature: Nature,
    pauses: bool,  # noqa: FBT001
    wait: float | str | None,
) -> None:
    call, requests = ask(script)
    assert len(requests) == 1, f"{name}: every further request costs money"
    reason = call.failure
    assert reason is not None
    assert (reason.code, reason.nature, reason.pauses_lane) == (code, nature, pauses)
    if wait == "day":
        assert reason.retry_after_seconds is not None
        assert 0 < reason.retry_after_seconds <= 25 * 3600
    else:
        assert reason.retry_after_seconds == wait
    assert KEY not in everything_said(reason)
    assert len(reason.message) < 600
