"""The day as Google's daily quotas count it, and how many calls each lane has made in it as far as they are stored.

The limiter counts for itself; what is stored is for when it has forgotten: a new process, an empty Redis.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from datetime import time as clock
from zoneinfo import ZoneInfo

from gemini.quota import seconds_until_pacific_midnight
from models.database import Database
from models.store import reports
from worker.quota.terms import Day

LOOK_SECONDS = 10.0
_PACIFIC = ZoneInfo("America/Los_Angeles")


class Today:
    """The day, by lane. `of` never waits; `refresh` asks the database."""

    def __init__(self, database: Database, *, is_needed: Callable[[], bool]) -> None:
        """`is_needed`: does any lane have a daily limit? Without one nothing is asked."""
        self._database = database
        self._is_needed = is_needed
        self._requests: Mapping[str, int] = {}
        self._counted_for = ""
        self._look_at = 0.0
        self._day, self._ends_at, self._until = "", 0.0, 0.0

    def of(self, lane: str) -> Day:
        """Today, for a lane."""
        now = time.monotonic()
        if now >= self._until:
            self._turn(now)
        counted = self._requests.get(lane, 0) if self._counted_for == self._day else 0
        return Day(name=self._day, seconds_left=max(0.0, self._ends_at - now), requests=counted)

    def refresh(self) -> None:
        """Count what is stored, if it is time. Blocking; raises DatabaseUnavailableError."""
        if not self._is_needed() or time.monotonic() < self._look_at:
            return
        now = datetime.now(UTC)
        day = _name(now)
        local = now.astimezone(_PACIFIC)
        since = datetime.combine(local.date(), clock(), _PACIFIC).astimezone(UTC)
        self._requests = reports.calls_since(self._database, since)
        self._counted_for, self._look_at = day, time.monotonic() + LOOK_SECONDS

    def _turn(self, now: float) -> None:
        """Look at the calendar, once a second."""
        today = datetime.now(UTC)
        self._day, self._until = _name(today), now + 1.0
        self._ends_at = now + seconds_until_pacific_midnight(today)


def _name(moment: datetime) -> str:
    return moment.astimezone(_PACIFIC).date().isoformat()
