"""How many requests a key may make: a bucket that holds a minute's worth and fills evenly. Each process counts for itself.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

MINUTE_SECONDS = 60
MOST_BUCKETS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """What became of one request."""

    is_granted: bool
    quota: int
    remaining: int
    full_in_seconds: int
    retry_seconds: int

    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit`."""
        return {
            "RateLimit-Policy": f'"requests";q={self.quota};w={MINUTE_SECONDS}',
            "RateLimit": f'"requests";r={self.remaining};t={self.full_in_seconds}',
        }


class Rates:
    """The buckets of all keys. For one thread."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Of each key: what it held, and when."""

    def take(self, key_id: str, quota: int) -> Allowance:
        """One request of a key that has `quota` a minute."""
        now = self._clock()
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets = {key: kept for key, kept in self._buckets.items() if now - kept[1] < MINUTE_SECONDS}
        held, at = self._buckets.get(key_id, (float(quota), now))
        rate = quota / MINUTE_SECONDS
        held = min(float(quota), held + (now - at) * rate)
        is_granted = held >= 1.0
        held -= is_granted
        self._buckets[key_id] = held, now
        return Allowance(
            is_granted=is_granted,
            quota=quota,
            remaining=int(held),
            full_in_seconds=math.ceil((quota - held) / rate),
            retry_seconds=max(1, math.ceil((1.0 - held) / rate)),
        )
