"""Every way in which a call can end badly, each as one `Failure`. The tables here are the whole policy.

The doors that lead in: an HTTP error (`failure_of_error`), an exception on the way (`gemini.exceptions`), an answer
that is no answer (`failure_of_reply`, `failure_of_text`). All are pure, and so is how much of the sound was
taken in (`heard_share`).

What a failure asks of the worker:

- Nature throttled: the lane pauses, so that ten million jobs wait and none fails; until `retry_after_seconds` have
  passed, or without a time for some minutes, after which the next call tries again.
- `pauses_lane`: no short wait will mend it: the day's quota is used up, or a person has to put something right (key,
  billing, model, account); then there is no `retry_after_seconds`.
- Nature transient with `retry_after_seconds`: this call may be asked again then.

`detail` holds what Gemini said, for machines: http_status, status, reasons, quota_ids, quota_values, quota_scope,
finish_reason, block_reason, request_id. Keys and tokens never appear, neither there nor in words.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting and reports of users.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus

from gemini.abilities import audio_ability
from gemini.question import Call, Usage
from gemini.quota import QuotaScope, asked_wait_seconds, quota_scope, quota_wait_seconds
from gemini.redaction import one_line
from gemini.reply import ErrorReply, Reply, is_answer, read_reply
from models.failures import Failure, FailureCode, Nature, failure


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One row of the table of HTTP errors: fits where every given condition fits."""

    code: FailureCode
    advice: str
    http: frozenset[int] = frozenset()
    """Empty fits any."""
    status: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    """Looked for in the reasons and the message."""
    readable_only: bool = False
    """Only where the body has the form of Google's errors."""
    nature: Nature | None = None
    pauses_lane: bool = False

    def fits(self, error: ErrorReply) -> bool:
        """Does this row speak of that error?"""
        return (
            (not self.http or error.http_status in self.http)
            and (not self.status or error.status in self.status)
            and (self.words is None or self.words.search(" ".join((*error.reasons, error.message))) is not None)
            and (error.readable or not self.readable_only)
        )


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_CLIENT_ERRORS = frozenset(range(400, 500))
_FIX_KEY = "Set GEMINI_API_KEY to a valid key of a project that may use the Gemini API. The lane tries again by itself."
_FIX_ACCOUNT = "Put the project's billing or region right in Google AI Studio. The lane tries again by itself."
TRY_LATER = "Try again later."

RULES: tuple[Rule, ...] = (
    Rule(
        http=_CLIENT_ERRORS,
        words=_words(r"API_KEY_|api[ _]key (not|is|was|expired|invalid)|ACCESS_TOKEN_"),
        code=FailureCode.GEMINI_AUTH,
        advice=_FIX_KEY,
        pauses_lane=True,
    ),
    Rule(http=frozenset({401, 403}), code=FailureCode.GEMINI_AUTH, advice=_FIX_KEY, pauses_lane=True),
    Rule(http=frozenset({402}), code=FailureCode.GEMINI_AUTH, advice=_FIX_ACCOUNT, pauses_lane=True),
    Rule(
        http=frozenset({400}),
        status=frozenset({"FAILED_PRECONDITION"}),
        words=_words(r"billing|location|region|countr|free tier|project|account|plan\b"),
        code=FailureCode.GEMINI_AUTH,
        advice=_FIX_ACCOUNT,
        pauses_lane=True,
    ),
    # A precondition that we do not know may concern this item alone: it must not stop the others, nor be final.
    Rule(
        http=frozenset({400}),
        status=frozenset({"FAILED_PRECONDITION"}),
        code=FailureCode.GEMINI_REJECTED,
        advice=TRY_LATER,
        nature=Nature.TRANSIENT,
    ),
    Rule(
        http=frozenset({404}),
        code=FailureCode.GEMINI_MODEL_NOT_FOUND,
        advice="Check the model's name, the API version and GOOGLE_GEMINI_BASE_URL. The lane tries again by itself.",
        pauses_lane=True,
    ),
    Rule(
        http=frozenset({400}),
        words=_words(r"cannot fetch content"),
        code=FailureCode.GEMINI_UNAVAILABLE,
        advice=TRY_LATER,
    ),
    Rule(http=frozenset({408, 499, 504}), code=FailureCode.GEMINI_TIMEOUT, advice=TRY_LATER),
    Rule(status=frozenset({"DEADLINE_EXCEEDED"}), code=FailureCode.GEMINI_TIMEOUT, advice=TRY_LATER),
    Rule(
        http=frozenset({413}),
        code=FailureCode.GEMINI_REJECTED,
        advice="The request is larger than Gemini takes: lower the size or the clip length.",
    ),
    Rule(http=frozenset({409, 421, 425}), code=FailureCode.GEMINI_UNAVAILABLE, advice=TRY_LATER),
    Rule(
        http=_CLIENT_ERRORS,
        readable_only=True,
        code=FailureCode.GEMINI_REJECTED,
        advice="Gemini will not take this item as it is; correct the item or its options and submit it anew.",
    ),
    # 5xx, redirects, and pages that some front end sent in Gemini's place: none of them speaks of the item.
    Rule(code=FailureCode.GEMINI_UNAVAILABLE, advice=TRY_LATER),
)
"""The first row that fits decides; the last fits all. HTTP 429 has rules of its own in `gemini.quota`."""

_BLOCKED = (FailureCode.GEMINI_BLOCKED, "withheld the answer")
_CUT = (FailureCode.GEMINI_TRUNCATED, "stopped before the answer was complete")
_RECITED = (FailureCode.GEMINI_RECITATION, "stopped because the answer came too close to a known work")
_UNUSABLE = (FailureCode.GEMINI_INVALID_OUTPUT, "gave no usable answer")

FINISH_REASONS: Mapping[str, tuple[FailureCode, str]] = {
    "MAX_TOKENS": _CUT,
    "CONTINUATION": _CUT,
    "SAFETY": _BLOCKED,
    "BLOCKLIST": _BLOCKED,
    "PROHIBITED_CONTENT": _BLOCKED,
    "SPII": _BLOCKED,
    "MODEL_ARMOR": _BLOCKED,
    "ESCALATION": _BLOCKED,
    "IMAGE_SAFETY": _BLOCKED,
    "IMAGE_PROHIBITED_CONTENT": _BLOCKED,
    "RECITATION": _RECITED,
    "IMAGE_RECITATION": _RECITED,
    "LANGUAGE": _UNUSABLE,
    "OTHER": _UNUSABLE,
    "MALFORMED_RESPONSE": _UNUSABLE,
}
"""What each finish reason other than STOP means. One that is not here is unusable and may pass by itself: all that
is known of it is that Gemini itself does not call the answer complete."""


def failure_of_error(error: ErrorReply, *, model: str, now: datetime, secrets: Iterable[str] = ()) -> Failure:
    """The failure that an HTTP error means. `now` is aware; `secrets` are kept out of the words."""
    if error.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return _quota_failure(error, model, now, secrets)
    rule = next(rule for rule in RULES if rule.fits(error))
    reason = failure(
        rule.code,
        f"Gemini answered HTTP {error.http_status} for {model}: {_said(error, secrets)} {rule.advice}",
        nature=rule.nature,
        retry_after_seconds=None if rule.pauses_lane else asked_wait_seconds(error, now),
        pauses_lane=rule.pauses_lane,
    )
    return replace(reason, detail=_facts(error, secrets))


QUOTA_WORDS: Mapping[QuotaScope, tuple[str, str]] = {
    QuotaScope.CLOSED: (
        "Google does not serve {model} to this project (billing, credits or plan)",
        "Put the project's billing or plan right in Google AI Studio. The lane tries again by itself.",
    ),
    QuotaScope.SPEND_CAP: (
        "The project has reached its monthly spending cap",
        "Raise the cap in Google AI Studio, or wait for the next month. The lane tries again by itself.",
    ),
    QuotaScope.DAY: (
        "The day's quota of {model} is used up",
        "It begins anew at midnight in California; a higher tier, or another model, helps at once.",
    ),
    QuotaScope.SPEND: (
        "The project may not spend more in ten minutes",
        "{model} is asked again in {wait:.0f} s. A higher tier helps, or a lower limit of requests.",
    ),
    QuotaScope.MINUTE: (
        "The quota of a minute of {model} is used up",
        "It is asked again in {wait:.0f} s. Limits as your tier has them (`mediascribe lanes set`) avoid it.",
    ),
    QuotaScope.UNNAMED: (
        "Google refuses {model} for the moment and does not say which limit is met",
        "It is asked again in {wait:.0f} s.",
    ),
}
"""For each scope what happened, and what comes of it or is to be done."""


def _quota_failure(error: ErrorReply, model: str, now: datetime, secrets: Iterable[str]) -> Failure:
    scope = quota_scope(error)
    wait = quota_wait_seconds(error, now)
    what, advice = (words.format(model=model, wait=wait or 0.0) for words in QUOTA_WORDS[scope])
    reason = failure(
        FailureCode.GEMINI_QUOTA,
        f"{what}: {_said(error, secrets)} {advice}",
        retry_after_seconds=wait,
        pauses_lane=scope in {QuotaScope.CLOSED, QuotaScope.SPEND_CAP, QuotaScope.DAY},
    )
    return replace(reason, detail={"quota_scope": str(scope), **_facts(error, secrets)})


def failure_of_text(body: str, *, model: str, secrets: Iterable[str] = ()) -> Failure:
    """HTTP 200 with a body that is no answer of Gemini: a captive portal, a proxy's page, nothing at all."""
    said = one_line(body, secrets, max_chars=120) or "nothing"
    message = f"What came back for {model} is no answer of Gemini: {said} {TRY_LATER}"
    return failure(FailureCode.GEMINI_UNAVAILABLE, message, http_status=200)


def call_of_answer(body: object, *, model: str) -> Call | None:
    """The outcome of a decoded answer, complete or not; None where it is no answer of Gemini."""
    if not isinstance(body, Mapping) or not is_answer(body):
        return None
    reply = read_reply(body)
    return Call(
        model=model,
        model_version=reply.model_version,
        text=reply.text,
        heard=reply.heard,
        failure=failure_of_reply(reply, model=model),
        usage=reply.usage,
        http_status=200,
        finish_reason=reply.finish_reason,
        response_id=reply.response_id,
        answered=True,
    )


def failure_of_reply(reply: Reply, *, model: str) -> Failure | None:
    """Why this answer cannot be used; None where it is complete and has text, written or heard."""
    reason = _failure_of_ending(reply, model)
    if reason is None:
        return None
    facts = {"http_status": 200, "finish_reason": reply.finish_reason, "block_reason": reply.block_reason}
    return replace(
        reason, detail={name: fact if isinstance(fact, int) else one_line(fact) for name, fact in facts.items() if fact}
    )


def _failure_of_ending(reply: Reply, model: str) -> Failure | None:
    finish = one_line(reply.finish_reason or "", max_chars=60)
    if reply.block_reason:
        words = f"{model} refused the question ({one_line(reply.block_reason)}). It will not answer for this item."
        return failure(FailureCode.GEMINI_BLOCKED, words)
    if finish == "PUP_LIMITED_DISABLED":
        words = f"Google has restricted the account ({finish}); resolve it with Google. The lane tries again by itself."
        return failure(FailureCode.GEMINI_AUTH, words, pauses_lane=True)
    if finish not in {"STOP", ""}:
        code, what = FINISH_REASONS.get(finish, _UNUSABLE)
        return failure(code, f"{model} {what} ({finish}).")
    if reply.heard is None and not (reply.text or "").strip():
        return failure(FailureCode.GEMINI_EMPTY, f"{model} answered without any text. {TRY_LATER}")
    if not finish:  # text, but nobody says that it is all of it
        return failure(FailureCode.GEMINI_INVALID_OUTPUT, f"{model} did not say that it had finished. {TRY_LATER}")
    return None


def heard_share(usage: Usage | None, *, seconds: float, model: str) -> float | None:
    """The audio tokens that Gemini counted for so many seconds of sound, as a share of the least that they should count.

    Much below 1, part of the sound was not taken in, and what is said of that part is invented; at 0 all of it. None
    where Gemini gives no breakdown by modality, or there was no sound.
    """
    if usage is None or not usage.input_by_modality or seconds <= 0:
        return None
    return usage.input_by_modality.get("AUDIO", 0) / (seconds * audio_ability(model).least_tokens)


def _said(error: ErrorReply, secrets: Iterable[str]) -> str:
    said = one_line(error.message, secrets) or "(no message)"
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _facts(error: ErrorReply, secrets: Iterable[str]) -> dict[str, object]:
    facts: dict[str, object] = {"http_status": error.http_status}
    named = {"status": error.status, "request_id": error.request_id}
    facts.update({key: one_line(value, secrets) for key, value in named.items() if value})
    listed = {"reasons": error.reasons, "quota_ids": error.quota_ids, "quota_values": error.quota_values}
    facts.update(
        {key: [one_line(value, secrets) for value in values[:20]] for key, values in listed.items() if any(values)}
    )
    return facts
