"""The day as Google counts it: quotas of a day begin anew, and bills are cut, at midnight Pacific time.

Source: https://ai.google.dev/gemini-api/docs/rate-limits.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")


def pacific_day(moment: datetime) -> date:
    """The day there that a moment belongs to."""
    return moment.astimezone(PACIFIC).date()


def end_of_day(day: date) -> datetime:
    """The midnight that ends a Pacific day; 23 to 25 hours after the one before, as clocks are changed."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=PACIFIC)


def seconds_left(now: datetime) -> float:
    """Until the Pacific day ends that it is now."""
    # In UTC: two times of one zone are subtracted as if no clock had been changed between them.
    return (end_of_day(pacific_day(now)).astimezone(UTC) - now).total_seconds()
