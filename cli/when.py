"""Times and durations as people type them: `7d`, `12h`, `30m`, `45s`; RFC 3339, or so long ago."""

import re
from datetime import UTC, datetime, timedelta

from cli.exits import CommandError, Exit

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}


def parse_duration(text: str, *, name: str) -> float:
    """Seconds. Raises CommandError(USAGE) naming the option."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise CommandError(Exit.USAGE, f"{name} {text!r} is no duration; write it like 7d, 12h, 30m or 45s")
    return float(found[1]) * _SECONDS[found[2]]


def parse_time(text: str, *, name: str, now: datetime) -> datetime:
    """A time: RFC 3339 (UTC where it names no zone), or a duration before `now`. Raises CommandError(USAGE)."""
    try:
        if _DURATION.fullmatch(text.strip().lower()):
            return now - timedelta(seconds=parse_duration(text, name=name))
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError) as error:
        words = f"{name} {text!r} is no time; write 2026-11-23T10:00:00Z, or 2h for two hours ago"
        raise CommandError(Exit.USAGE, words) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
