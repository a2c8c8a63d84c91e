"""Where the counts of the limiter are kept: in this process, or in Redis for all processes together."""

import json
import threading
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.quota import terms
from worker.quota.rules import FamilyCount, LaneCount, exchange
from worker.quota.terms import Exchange, QuotaStoreError, Reason, Reply

PATIENCE_SECONDS = 1.0
"""So long Redis may take for one exchange."""
KEEP_SECONDS = 2 * 86_400
"""Counts that nobody touches for so long are forgotten."""


class InProcessStore:
    """The counts of one process alone. Thread-safe."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, first_in_flight: float = terms.FIRST_IN_FLIGHT
    ) -> None:
        self._clock = clock
        self._first_in_flight = first_in_flight
        self._lanes: dict[str, LaneCount] = {}
        self._families: dict[str, FamilyCount] = {}
        self._lock = threading.Lock()

    def exchange(self, asked: Exchange) -> list[Reply]:
        """As the rules say."""
        with self._lock:
            lane = self._lanes.setdefault(asked.lane, LaneCount(in_flight=self._first_in_flight))
            family = self._families.setdefault(asked.family, FamilyCount())
            return exchange(lane, family, asked, self._clock())

    def close(self) -> None:
        """Nothing is open."""


class RedisStore:
    """The counts in Redis, by one script on Redis's clock. Thread-safe."""

    def __init__(
        self, url: str, *, prefix: str = "mediascribe:quota", clock: Callable[[], float] | None = None
    ) -> None:
        """`clock` is for tests: without it Redis's own counts."""
        self._redis: redis.Redis = redis.Redis.from_url(
            url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS, socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._script = self._redis.register_script(files("worker.quota").joinpath("exchange.lua").read_text("utf-8"))
        self._prefix = prefix
        self._clock = clock

    def exchange(self, asked: Exchange) -> list[Reply]:
        """As the rules say. Raises QuotaStoreError where Redis is not there, too slow, full, or makes no sense."""
        # The braces keep a lane and its family on one node of a cluster.
        name = f"{self._prefix}:{{{asked.family}}}"
        keys = [f"{name}:{asked.lane}", f"{name}:{asked.lane}:held", name]
        arguments = [json.dumps(_document(asked)), *([] if self._clock is None else [repr(self._clock())])]
        try:
            rows = json.loads(self._script(keys=keys, args=arguments))
            replies = [Reply(wait_seconds=float(wait), reason=Reason(why) if why else None) for wait, why in rows]
        except (redis.RedisError, OSError, ValueError, TypeError) as error:
            raise QuotaStoreError(f"{type(error).__name__}: {error}") from error
        if len(replies) != len(asked.wants):
            raise QuotaStoreError("Redis did not answer what was asked")
        return replies

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()


_RULE = {
    "minute": terms.MINUTE_SECONDS,
    "horizon": terms.HORIZON_SECONDS,
    "first_in_flight": terms.FIRST_IN_FLIGHT,
    "most_in_flight": terms.MOST_IN_FLIGHT,
    "cut": terms.CUT,
    "growth": terms.GROWTH,
    "saturated": terms.SATURATED,
    "round": terms.ROUND_SECONDS,
    "cooldown": terms.COOLDOWN_SECONDS,
    "long_wait": terms.LONG_WAIT_SECONDS,
    "trouble_window": terms.TROUBLE_WINDOW_SECONDS,
    "least_trouble": terms.LEAST_TROUBLE,
    "trouble_to_good": terms.TROUBLE_TO_GOOD,
    "first_shut": terms.FIRST_SHUT_SECONDS,
    "longest_shut": terms.LONGEST_SHUT_SECONDS,
    "keep": KEEP_SECONDS,
}


def _document(asked: Exchange) -> dict[str, Any]:
    """What the script is given; what is no limit is left out, for JSON's null is true in Lua."""
    limits = {
        "requests": asked.limits.requests_per_minute,
        "tokens": asked.limits.input_tokens_per_minute,
        "per_day": asked.limits.requests_per_day,
    }
    return {
        "rule": _RULE,
        "lease_seconds": asked.lease_seconds,
        "day": asked.day.name,
        "day_requests": asked.day.requests,
        "day_seconds_left": asked.day.seconds_left,
        "settled": [
            {"id": one.id, "outcome": str(one.outcome), "more_tokens": one.more_tokens, "wait": one.wait_seconds}
            for one in asked.settled
        ],
        "wants": [{"id": want.id, "tokens": want.input_tokens} for want in asked.wants],
        **{name: limit for name, limit in limits.items() if limit is not None},
    }
