"""The limiter while Redis is gone: each process goes on by itself with a small share, so that all together stay below.

Half of the quota is divided by the workers that live; the other half covers what was booked before, and those who have
not noticed yet. When Redis is back, the share is forgotten, and Redis is told which calls have ended meanwhile: else their
places would count as taken until their leases end, minutes later.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import structlog

from worker.quota.stores import InProcessStore
from worker.quota.terms import Exchange, Limits, Outcome, QuotaStoreError, Reply, Settled, Store

log = structlog.get_logger(__name__)

LOOK_AGAIN_SECONDS = 1.0
SHARED_OUT = 0.5
MOST_UNTOLD = 10_000
"""Of a lane; no more calls of it were in flight when Redis went."""


class GuardedStore:
    """A store that may go away, with a share to live on meanwhile. One thread uses it."""

    def __init__(
        self, shared: Store, *, workers: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`workers`: how many live, this one included."""
        self._shared = shared
        self._workers = workers
        self._clock = clock
        self._own: InProcessStore | None = None
        """Of the time without the shared counts."""
        self._look_at = 0.0
        self._untold: dict[str, list[Settled]] = {}
        """By lane, the calls that ended meanwhile."""

    def exchange(self, asked: Exchange) -> list[Reply]:
        """By the shared counts where they can be had."""
        if self._own is None or self._clock() >= self._look_at:
            late = self._untold.get(asked.lane, ())
            try:
                replies = self._shared.exchange(replace(asked, settled=(*late, *asked.settled)))
            except QuotaStoreError as error:
                self._look_at = self._clock() + LOOK_AGAIN_SECONDS
                if self._own is None:
                    log.warning("the limiter lost Redis; going on slowly with a share of the quota", reason=str(error))
                    self._own = InProcessStore(clock=self._clock, first_in_flight=1.0)
            else:
                self._untold.pop(asked.lane, None)
                if self._own is not None:
                    log.info("the limiter has Redis again")
                    self._own = None
                return replies
        self._keep_untold(asked)
        return self._own.exchange(replace(asked, limits=self._share(asked)))

    def _keep_untold(self, asked: Exchange) -> None:
        """Which calls have ended, but not how: that is old when it is told. Those that Redis knows are the first to end."""
        kept = self._untold.setdefault(asked.lane, [])
        ended = (Settled(id=one.id, outcome=Outcome.BROKEN_OFF) for one in asked.settled)
        kept.extend(islice(ended, max(0, MOST_UNTOLD - len(kept))))

    def close(self) -> None:
        """Close the connections to the shared counts."""
        self._shared.close()

    def _share(self, asked: Exchange) -> Limits:
        part = SHARED_OUT / max(1, self._workers())
        limits, done = asked.limits, asked.day.requests
        return Limits(
            requests_per_minute=_portion(limits.requests_per_minute, part),
            # Of tokens a call must fit, or it would be refused for good.
            input_tokens_per_minute=_portion(
                limits.input_tokens_per_minute, part, least=max((want.input_tokens for want in asked.wants), default=1)
            ),
            requests_per_day=None
            if limits.requests_per_day is None
            else done + int(max(0, limits.requests_per_day - done) * part),
        )


class NoStore:
    """There are no shared counts: a broker that is no Redis, and no other address."""

    def exchange(self, asked: Exchange) -> list[Reply]:
        """Raises QuotaStoreError."""
        raise QuotaStoreError(
            f"no Redis is set (MEDIASCRIBE_QUOTA_URL) to count the calls of {asked.lane} for all workers"
        )

    def close(self) -> None:
        """Nothing is open."""


def _portion(limit: int | None, part: float, *, least: int = 1) -> int | None:
    return None if limit is None else min(limit, max(least, int(limit * part)))
