"""The quotas of one project: requests and input tokens a minute, requests a day, each per model, whatever the key.

Enforced without mercy. Per minute by a log of what was admitted: at most N in any stretch of a minute, half-open
[t, t + minute), so that a burst at the edge of two minutes does not get through twice. Per day by a count that starts anew at
midnight Pacific (https://ai.google.dev/gemini-api/docs/rate-limits). A call that is refused (any 4xx) counts nothing; one that
is let through and then fails counts. Where several limits are exceeded, the answer names them all.

The minute is counted in whole nanoseconds, so that a client that waits as long as it is told is in time to the last digit.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from simulator.errors import QuotaName, RefusedError, quota_exceeded

PACIFIC = ZoneInfo("America/Los_Angeles")
DAY_RETRY_DELAY = "22s"
"""The real API sends a short, useless wait with a daily limit."""

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one model may be asked. None: as much as you like."""

    requests_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    requests_per_day: int | None = None
    minute_seconds: float = 60.0
    """How long a minute of quota lasts: shorter ones test long runs in less time. The day is not shortened."""


NO_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """Leave for one call; it counts once `Quota.take` is given it."""

    model: str
    input_tokens: int
    at_ns: int


@dataclass(slots=True)
class Window:
    """What was admitted of one model in the minute past, oldest first, and of the day."""

    length_ns: int
    admitted: deque[Admission] = field(default_factory=deque)
    input_tokens: int = 0
    today: int = 0

    def forget(self, now_ns: int) -> None:
        """Drop what lies a minute back or more."""
        while self.admitted and self.admitted[0].at_ns + self.length_ns <= now_ns:
            self.input_tokens -= self.admitted.popleft().input_tokens

    def request_wait_ns(self, limit: int, now_ns: int) -> int:
        """Until one more request fits; 0 where it does."""
        if len(self.admitted) < limit:
            return 0
        return self.admitted[len(self.admitted) - limit].at_ns + self.length_ns - now_ns

    def token_wait_ns(self, limit: int, wanted: int, now_ns: int) -> int | None:
        """Until so many more input tokens fit; 0 where they do, None where they never will."""
        excess = self.input_tokens + wanted - limit
        if excess <= 0:
            return 0
        if wanted > limit:
            return None
        for admission in self.admitted:
            excess -= admission.input_tokens
            if excess <= 0:
                return admission.at_ns + self.length_ns - now_ns
        raise AssertionError(excess)


class Quota:
    """What is used of the quotas. Used by one event loop.

    `clock_ns` only goes forward; `now` is the time of day, in seconds since 1970.
    """

    def __init__(
        self,
        limits: Limits,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._minute_ns = round(limits.minute_seconds * _NANOSECONDS)
        self._clock_ns = clock_ns
        self._now = now
        self._windows: dict[str, Window] = {}
        self._day_ends = next_pacific_midnight(now())

    def admit(self, model: str, input_tokens: int) -> Admission:
        """Leave for a call with so many input tokens. Counts nothing yet. Raises RefusedError (429)."""
        at_ns = self._clock_ns()
        window = self._window(model, at_ns)
        exceeded: list[tuple[QuotaName, int]] = []
        waits: list[int | None] = []
        limits = self._limits
        limit = limits.requests_per_minute
        if limit is not None and (wait := window.request_wait_ns(limit, at_ns)):
            exceeded.append((QuotaName.REQUESTS_PER_MINUTE, limit))
            waits.append(wait)
        limit = limits.input_tokens_per_minute
        if limit is not None and (token_wait := window.token_wait_ns(limit, input_tokens, at_ns)) != 0:
            exceeded.append((QuotaName.INPUT_TOKENS_PER_MINUTE, limit))
            waits.append(token_wait)
        limit = limits.requests_per_day
        out_for_today = limit is not None and window.today >= limit
        if limit is not None and out_for_today:
            exceeded.append((QuotaName.REQUESTS_PER_DAY, limit))
        if exceeded:
            delay = DAY_RETRY_DELAY if out_for_today else _longest(waits)
            raise RefusedError(quota_exceeded(model, exceeded, delay))
        return Admission(model=model, input_tokens=input_tokens, at_ns=at_ns)

    def take(self, admission: Admission) -> None:
        """The call was let through: it counts, from the time of its admission."""
        window = self._windows[admission.model]
        window.admitted.append(admission)
        window.input_tokens += admission.input_tokens
        window.today += 1

    def _window(self, model: str, now_ns: int) -> Window:
        if (now := self._now()) >= self._day_ends:
            self._day_ends = next_pacific_midnight(now)
            for window in self._windows.values():
                window.today = 0
        window = self._windows.setdefault(model, Window(self._minute_ns))
        window.forget(now_ns)
        return window


def next_pacific_midnight(now: float) -> float:
    """When the day ends in California, in seconds since 1970; days of the clock change have 23 or 25 hours."""
    tomorrow = datetime.fromtimestamp(now, PACIFIC).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time_of_day(), PACIFIC).astimezone(UTC).timestamp()


def _longest(waits: list[int | None]) -> str | None:
    """The longest wait in the protocol's words (`34.5s`); None where no wait would help."""
    known = [wait for wait in waits if wait is not None]
    if len(known) < len(waits):
        return None
    seconds, rest = divmod(max(known), _NANOSECONDS)
    return f"{seconds}.{rest:09d}".rstrip("0").rstrip(".") + "s"
