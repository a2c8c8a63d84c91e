"""What the limiter is asked and what it answers: plain values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

HORIZON_SECONDS = 2.0
"""A call may be booked so far ahead; a line longer than that waits with whoever asks."""
MINUTE_SECONDS = 61.0
"""What counts as a minute: a second more than Google's, for the way from here to there is not always equally long."""
FIRST_IN_FLIGHT = 20.0
"""Calls in flight that a lane begins with, and after it was shut for a while."""
MOST_IN_FLIGHT = 10_000.0
CUT = 0.8
"""What is left of the calls in flight after a 429."""
GROWTH = 1.05
SATURATED = 0.8
"""Only who makes use of what is allowed gets more."""
ROUND_SECONDS = 1.0
"""In the beginning a round is no longer than this: a 429 would have come by then."""
COOLDOWN_SECONDS = 15.0
"""One cut in so long: the 429s that come meanwhile are of the same episode."""
LONG_WAIT_SECONDS = 10.0
"""After a wait as long as that a lane begins anew with few calls."""
TROUBLE_WINDOW_SECONDS = 10.0
LEAST_TROUBLE = 20
"""Failed calls in the window before the breaker opens."""
TROUBLE_TO_GOOD = 4
"""And so many times as many as there were good ones."""
FIRST_SHUT_SECONDS = 5.0
LONGEST_SHUT_SECONDS = 60.0


class Outcome(StrEnum):
    """How a call ended, as far as the limiter cares."""

    GOOD = "good"
    """There was an answer, or a refusal of this one item."""
    THROTTLED = "throttled"
    """HTTP 429."""
    FAILED = "failed"
    """The other side is in trouble: 5xx, no connection, no answer in time."""
    UNSENT = "unsent"
    """It was never begun: no news of the other side, and none of the day's requests."""
    BROKEN_OFF = "broken_off"
    """It was sent, and nobody waited for its end: no news of the other side."""


class Reason(StrEnum):
    """Why a call may not begin now."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    DAY = "day"
    """Today's requests are used up."""
    IN_FLIGHT = "in_flight"
    """As many calls are in flight as the lane bears."""
    HELD = "held"
    """A 429 asked for a wait."""
    SHUT = "shut"
    """The endpoint is in trouble; one call at a time finds out whether it still is."""
    TOO_LARGE = "too_large"
    """It needs more tokens than a minute has: it will never pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a lane may do; None is no limit."""

    requests_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    requests_per_day: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """The day as quotas count it: it begins at midnight in California."""

    name: str
    seconds_left: float
    requests: int = 0
    """Of the lane so far, as far as they are stored: the count begins with them where the limiter has forgotten."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Want:
    """A call that would like to begin."""

    id: str
    input_tokens: int
    """As far as can be told before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """A call that has ended, or will not begin."""

    id: str
    outcome: Outcome
    more_tokens: int = 0
    """So many more input tokens than were reserved; negative: fewer."""
    wait_seconds: float = 0.0
    """What a 429 asks for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """When a call may begin, or why not."""

    wait_seconds: float
    """Until it begins; where it was refused, until asking again makes sense."""
    reason: Reason | None = None
    """Why it was refused; None: it is booked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """What one process tells and asks about one lane at a time: first what has ended, then what would begin."""

    lane: str
    family: str
    """The endpoint that the calls go to: it shares a breaker."""
    limits: Limits
    day: Day
    lease_seconds: float
    """A reservation that is not settled for so long is void: its process has gone."""
    settled: Sequence[Settled] = field(default=())
    wants: Sequence[Want] = field(default=())


class Store(Protocol):
    """Where the counts are kept."""

    def exchange(self, asked: Exchange) -> list[Reply]:
        """One reply for each want, in order. What it counts is counted at once or not at all. Raises QuotaStoreError."""

    def close(self) -> None:
        """Close what is open."""


class QuotaStoreError(Exception):
    """The counts cannot be had now."""
