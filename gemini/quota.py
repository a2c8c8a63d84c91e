"""How long to wait after an HTTP 429: a pure function of what it says and of now.

The delay that comes with a 429 is not to be trusted alone: a quota for the day arrives with `retryDelay: "22s"`
(asking again is useless until midnight in California), others come with 65,205 seconds or with none at all. So the
quota's name decides first, then the delay, held within sane limits.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from gemini.reply import ErrorReply
from models.pacific import seconds_left

MIN_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 300.0
MINUTE_WAIT_SECONDS = 60.0
UNNAMED_WAIT_SECONDS = 30.0

_PER_DAY = re.compile(r"per[ _]?day|daily", re.IGNORECASE)
_PER_MINUTE = re.compile(r"per[ _]?minute", re.IGNORECASE)
_RETRY_IN = re.compile(r"retry in ([0-9][0-9a-z.]*)", re.IGNORECASE)
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d*)?)(ms|s))?\.?")


class QuotaScope(StrEnum):
    """Which quota was used up."""

    DAY = "day"
    """Nothing more today: pause the lane until midnight Pacific."""
    MINUTE = "minute"
    """Wait as told."""
    UNNAMED = "unnamed"
    """Google does not say (spend limits, bursts, shared capacity): wait a little."""


def quota_scope(error: ErrorReply) -> QuotaScope:
    """The quota that was hit; of several the longest one."""
    named = error.quota_ids or (error.message,)
    if any(_PER_DAY.search(name) for name in named):
        return QuotaScope.DAY
    return QuotaScope.MINUTE if any(_PER_MINUTE.search(name) for name in named) else QuotaScope.UNNAMED


def quota_wait_seconds(error: ErrorReply, now: datetime) -> float:
    """Seconds until asking again makes sense. `now` is aware."""
    scope = quota_scope(error)
    if scope is QuotaScope.DAY:
        return seconds_left(now)
    own = MINUTE_WAIT_SECONDS if scope is QuotaScope.MINUTE else UNNAMED_WAIT_SECONDS
    asked = asked_wait_seconds(error, now)
    return own if asked is None else asked


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
