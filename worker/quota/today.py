"""The day as Google's daily quotas count it, and how many calls each lane has made in it as far as they are stored.

The limiter counts for itself; what is stored is for when it has forgotten: a new process, an empty Redis.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from models.database import Database
from models.pacific import pacific_day, seconds_left
from models.store.usage import UsageBy, UsageFilter, usage_by
from worker.quota.terms import Day

LOOK_SECONDS = 10.0
CALENDAR_SECONDS = 1.0


class Today:
    """The day, by lane. `of` never waits; `refresh` asks the database."""

    def __init__(self, database: Database, *, is_needed: Callable[[], bool]) -> None:
        """`is_needed`: does any lane have a daily limit? Without one nothing is asked."""
        self._database = database
        self._is_needed = is_needed
        self._counted: tuple[date | None, Mapping[str, int]] = (None, {})
        """The day for which was counted, and the calls by lane."""
        self._look_at = 0.0
        self._day, self._ends_at, self._until = date.min, 0.0, 0.0

    def of(self, lane: str) -> Day:
        """Today, for a lane."""
        now = time.monotonic()
        if now >= self._until:
            self._look_at_calendar(now)
        day, requests = self._counted
        counted = requests.get(lane, 0) if day == self._day else 0
        return Day(name=self._day.isoformat(), seconds_left=max(0.0, self._ends_at - now), requests=counted)

    def refresh(self) -> None:
        """Count what is stored, if it is time. Blocking; raises DatabaseUnavailableError."""
        if not self._is_needed() or time.monotonic() < self._look_at:
            return
        day = pacific_day(datetime.now(UTC))
        lanes = usage_by(self._database, UsageBy.LANE, UsageFilter(since=day, until=day))
        self._counted = (day, {lane: used.calls for lane, used in lanes.items()})
        self._look_at = time.monotonic() + LOOK_SECONDS

    def _look_at_calendar(self, now: float) -> None:
        today = datetime.now(UTC)
        self._day, self._until = pacific_day(today), now + CALENDAR_SECONDS
        self._ends_at = now + seconds_left(today)
