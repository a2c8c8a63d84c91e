"""Whether and when a request is sent again: a pure function of what went wrong, how often, and chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

from mediascribe_client.errors import ApiError, ConnectionFailedError, MediascribeError

TOO_MANY = 429
AWAY = frozenset({408, 502, 503, 504})
"""Too slow on the way to the server, or it is away."""


class Repeat(Enum):
    """When a request may be sent again."""

    ALWAYS = auto()
    """It only reads, or it makes work under an idempotency key, so that the work is made once."""
    IF_NOT_DONE = auto()
    """Only where the server has certainly not done it: no connection came about, or it said 429."""
    IF_UNSENT = auto()
    """Only where no connection came about: its body cannot be begun anew."""


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How patient the client is."""

    most: int = 5
    base_seconds: float = 0.5
    max_seconds: float = 8.0
    longest_asked_seconds: float = 60.0
    """A server that wants a longer pause than this is not asked again by itself."""

    def pause_seconds(self, error: MediascribeError, *, attempt: int, repeat: Repeat, chance: float) -> float | None:
        """How long to wait before the next attempt; None: give up. `attempt` counts from 1, `chance` is in [0, 1)."""
        if attempt > self.most or not _may_repeat(error, repeat):
            return None
        backoff = min(self.max_seconds, self.base_seconds * 2.0 ** (attempt - 1))
        jittered = backoff * (0.5 + chance / 2)
        asked = error.retry_after_seconds if isinstance(error, ApiError) else None
        if asked is None:
            return jittered
        return None if asked > self.longest_asked_seconds else max(asked, 0.0) + self.base_seconds * chance


def _may_repeat(error: MediascribeError, repeat: Repeat) -> bool:
    if isinstance(error, ConnectionFailedError):
        return error.retryable and (error.is_unsent or repeat is Repeat.ALWAYS)
    if not isinstance(error, ApiError) or repeat is Repeat.IF_UNSENT:
        return False
    return error.status == TOO_MANY or (error.status in AWAY and repeat is Repeat.ALWAYS)


def asked_pause_seconds(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """The pause that an answer asks for: `Retry-After` (seconds or a date), else `t` of a used-up `RateLimit`."""
    given = headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given)
    if given:
        from email.utils import parsedate_to_datetime  # here, for it is slow to import and seldom needed

        try:
            moment = parsedate_to_datetime(given)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    limits = [_parameters(each) for each in headers.get("ratelimit", "").split(",")]
    waits = [each["t"] for each in limits if each.get("r") == "0" and each.get("t", "").isdecimal()]
    return max(map(float, waits), default=None)


def _parameters(limit: str) -> dict[str, str]:
    """Of `"requests";r=0;t=5`: r and t."""
    pairs = (part.partition("=") for part in limit.split(";")[1:])
    return {name.strip(): value.strip() for name, _, value in pairs}
