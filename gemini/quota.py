"""What an HTTP 429 means, and how long to wait after it: pure functions of what it says and of now.

The delay that comes with a 429 is not to be trusted alone: a quota for the day arrives with `retryDelay: "22s"`
(asking again is useless until midnight in California), others come with 65,205 seconds or with none at all. So what was
used up decides first (`RULES`), then the delay, held within sane limits.

Sources: https://ai.google.dev/gemini-api/docs/rate-limits and bodies that users recorded (googleapis/python-genai#2044,
google-gemini/gemini-cli#22486: `limit: 0`). Those of spend limits have not been seen, so they are known by their words.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from gemini.reply import ErrorReply
from models.pacific import seconds_left

MIN_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 300.0
MINUTE_WAIT_SECONDS = 60.0
UNNAMED_WAIT_SECONDS = 30.0
SPEND_WAIT_SECONDS = 120.0
"""Of the ten minutes over which Google adds up what is spent, a fifth has gone by then."""

_RETRY_IN = re.compile(r"retry in ([0-9][0-9a-z.]*)", re.IGNORECASE)
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d*)?)(ms|s))?\.?")


class QuotaScope(StrEnum):
    """What was used up, the worst first."""

    CLOSED = "closed"
    """The account or its billing stands still, or the model is not in its plan: somebody has to act."""
    SPEND_CAP = "spend_cap"
    """The project's monthly cap: somebody has to raise it, or the month has to end."""
    DAY = "day"
    """The day's quota: nothing more until midnight Pacific."""
    SPEND = "spend"
    """What may be spent in ten minutes: wait some of them."""
    MINUTE = "minute"
    """Wait as told."""
    UNNAMED = "unnamed"
    """Google does not say (bursts, shared capacity, spend limits): wait a little."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaRule:
    """How one scope is known."""

    scope: QuotaScope
    names: re.Pattern[str]
    """Looked for in the names of the quotas, or in the message where it names none."""
    words: re.Pattern[str] | None = None
    """Looked for in the reasons and the message, whatever the quotas' names."""


def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


RULES: tuple[QuotaRule, ...] = (
    QuotaRule(
        scope=QuotaScope.CLOSED,
        names=_pattern(r"suspended"),
        # Not the words of every 429, "please check your plan and billing details".
        words=_pattern(
            r"BILLING_DISABLED|CONSUMER_SUSPENDED|\blimit: 0\b|free quota tier|credits? (is|are|has been|have been) "
            r"(depleted|exhausted|used up)|billing (account )?(is |has been |was )?(not |closed|disabled|suspended)"
        ),
    ),
    QuotaRule(
        scope=QuotaScope.SPEND_CAP,
        names=_pattern(r"spend(ing)?[ _-]?cap|per[ _]?month|monthly"),
    ),
    QuotaRule(scope=QuotaScope.DAY, names=_pattern(r"per[ _]?day|daily")),
    QuotaRule(scope=QuotaScope.SPEND, names=_pattern(r"(?<!su)spend")),
    QuotaRule(scope=QuotaScope.MINUTE, names=_pattern(r"per[ _]?(minute|second)")),
)
"""From the worst to the mildest: where several are met, the first row that fits decides."""


def quota_scope(error: ErrorReply) -> QuotaScope:
    """What was used up; of several the worst."""
    names = " ".join(error.quota_ids) or error.message
    words = " ".join((*error.reasons, error.message))
    if "0" in error.quota_values:  # the plan has nothing of this model
        return QuotaScope.CLOSED
    fitting = (rule.scope for rule in RULES if rule.names.search(names) or (rule.words and rule.words.search(words)))
    return next(fitting, QuotaScope.UNNAMED)


_OWN_WAIT_SECONDS = {
    QuotaScope.SPEND: SPEND_WAIT_SECONDS,
    QuotaScope.MINUTE: MINUTE_WAIT_SECONDS,
    QuotaScope.UNNAMED: UNNAMED_WAIT_SECONDS,
}


def quota_wait_seconds(error: ErrorReply, now: datetime) -> float | None:
    """Seconds until asking again makes sense; None where waiting does not help. `now` is aware."""
    scope = quota_scope(error)
    if scope is QuotaScope.DAY:
        return seconds_left(now)
    own = _OWN_WAIT_SECONDS.get(scope)
    asked = asked_wait_seconds(error, now)
    if own is None or asked is None:
        return own
    return max(own, asked) if scope is QuotaScope.SPEND else asked


def asked_wait_seconds(error: ErrorReply, now: datetime) -> float | None:
    """The delay that the answer asks for, between 1 and 300 seconds; None where it asks for none."""
    in_words = _RETRY_IN.search(error.message)
    asked = (
        _seconds(error.retry_delay or ""),
        _seconds(in_words.group(1)) if in_words else None,
        _header_seconds(error.retry_after or "", now),
    )
    believable = [seconds for seconds in asked if seconds is not None]
    return min(max(MIN_WAIT_SECONDS, *believable), MAX_WAIT_SECONDS) if believable else None


def _seconds(duration: str) -> float | None:
    """`34.07s`, `900ms`, `17h21m30.5s`; None for anything else."""
    found = _DURATION.fullmatch(duration.strip())
    if not found or not any(found.groups()):
        return None
    hours, minutes, amount, unit = found.groups()
    rest = float(amount or 0) * (0.001 if unit == "ms" else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + rest


def _header_seconds(value: str, now: datetime) -> float | None:
    """`Retry-After`, in seconds or as a date (RFC 9110, 10.2.3)."""
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - now).total_seconds())
    except (ValueError, OverflowError):
        return None
