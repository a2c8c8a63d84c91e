"""The lanes as this process sees them: which model may be asked at the moment.

A failure that every other job of the lane would meet too (a wrong key, spent quota) pauses the lane: at once in this
process, and in SQL for all others, where administrators see it. Nothing fails by it and no attempt is spent.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from models.database import Database, DatabaseUnavailableError
from models.failures import Failure, FailureCode, Nature
from models.store import admin, reports

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 300.0
"""How long a lane pauses when the other side did not say; after the pause the next call tries again."""
LONGEST_PAUSE_SECONDS = 26 * 3_600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pause:
    until: float
    failure: Failure
    published: bool = False


class Lanes:
    """Which lanes this process takes for paused. Thread-safe by single assignments."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._paused: dict[str, _Pause] = {}

    def blocking(self, lane: str) -> Failure | None:
        """Why nothing of the lane may be asked now; None if it may."""
        pause = self._paused.get(lane)
        if pause is None or pause.until <= self._clock():
            return None
        return replace(pause.failure, retry_after_seconds=min(pause.until - self._clock(), 5.0))

    def paused_here(self) -> list[str]:
        """The lanes of which this process can ask nothing now."""
        now = self._clock()
        return [lane for lane, pause in self._paused.copy().items() if pause.until > now]

    def note(self, lane: str, failure: Failure) -> float | None:
        """A call of the lane failed: for how many seconds the lane pauses because of it, if it does."""
        if failure.nature is not Nature.THROTTLED:
            return None
        asked = failure.retry_after_seconds or PAUSE_SECONDS
        seconds = min(asked, LONGEST_PAUSE_SECONDS)
        until = self._clock() + seconds
        known = self._paused.get(lane)
        if known is not None and known.until >= until - 1.0:
            return None  # the others in flight met the same wall
        self._paused[lane] = _Pause(until=until, failure=failure)
        return seconds

    def publish(self, lane: str, failure: Failure, seconds: float) -> None:
        """Let every process and the administrators know. Blocking; best effort, since each process learns by itself.

        That nobody is reached at Gemini's address may be the trouble of this machine alone: the others go on.
        """
        if failure.code is FailureCode.GEMINI_UNAVAILABLE:
            log.warning("Gemini cannot be reached from here; waiting", lane=lane, reason=failure.message)
            return
        try:
            admin.pause_lane(self._database, lane, code=failure.code, reason=failure.message, seconds=seconds)
        except DatabaseUnavailableError:
            return
        pause = self._paused.get(lane)
        if pause is not None:
            self._paused[lane] = replace(pause, published=True)

    def refresh(self) -> None:
        """Forget the pauses that somebody has ended. Blocking; raises DatabaseUnavailableError."""
        published = [lane for lane, pause in self._paused.copy().items() if pause.published]
        if not published:
            return
        still = {lane.name for lane in reports.paused_lanes(self._database)}
        for lane in published:
            if lane not in still:
                self._paused.pop(lane, None)
