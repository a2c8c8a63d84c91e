"""The lanes as this process sees them: which may be asked at the moment, and how fast.

A failure that every other job of the lane would meet too (a wrong key, spent quota) pauses the lane: at once in this
process, and in SQL for all others, where administrators see it (`worker.lane_actions` says for how long). Nothing fails by it
and no attempt is spent. What others do in SQL, workers and people, is looked at every other second.

A lane that is stopped until somebody acts is tried every five minutes with one job, and one call of it, of all workers
together: the probe. Its answer opens the lane for everybody.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import structlog

from models.budget import Period
from models.database import Database, DatabaseUnavailableError
from models.failures import Failure, FailureCode, Nature, failure
from models.moves import ClaimedJob
from models.store import lanes as stored
from models.store.lanes import LIMITS, Standing
from worker.lane_actions import MANY_REFUSALS, Action, action_of, is_unnamed, like_spend_limit
from worker.quota.terms import Limits

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
"""How old what is known of SQL may be."""
LOOK_AGAIN_SECONDS = 5.0
"""The longest wait of a job in hand that meets a paused lane."""
UNDECIDED_SECONDS = 10.0
"""After a probe that came to no call, another job may try so soon."""
NO_JOB_SECONDS = 2.0
"""So long a worker that had no job for a probe does not look for one."""
_CODES = frozenset(map(str, FailureCode))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pause:
    until: float
    """On our clock; infinite: until somebody acts."""
    failure: Failure
    published_at: float | None = None
    """Since when SQL has it."""
    has_fallback: bool = False
    """Jobs may be taken, to be asked with another model."""


@dataclass(kw_only=True, slots=True)
class _Probe:
    job_id: str
    is_used: bool = False
    """Its one call has begun."""


class Lanes:
    """Which lanes this process takes for paused, and their limits. Thread-safe."""

    def __init__(self, database: Database, *, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        """`limits` hold for every lane that has none of its own."""
        self._database = database
        self._limits = limits
        self._clock = clock
        self._changing = threading.Lock()
        self._paused: dict[str, _Pause] = {}
        self._own_limits: Mapping[str, Limits] = {}
        self._probes: dict[str, _Probe] = {}
        self._due: dict[str, float] = {}
        """Stopped lanes that may be tried, and since when on our clock."""
        self._undecided: set[str] = set()
        self._look_at = 0.0

    # What may be asked

    def blocking(self, lane: str, job_id: str) -> Failure | None:
        """Why the lane may not be asked about the job now; None if it may, or if the job is the lane's probe."""
        pause = self._paused.get(lane)
        left = 0.0 if pause is None else pause.until - self._clock()
        if pause is None or left <= 0:
            return None
        probe = self._probes.get(lane)
        if probe is not None and probe.job_id == job_id and not probe.is_used:
            return None
        return replace(pause.failure, retry_after_seconds=min(left, LOOK_AGAIN_SECONDS))

    def begin_call(self, lane: str, job_id: str) -> Failure | None:
        """The same for a call that begins now: of a probe it is the only one."""
        stopped = self.blocking(lane, job_id)
        probe = self._probes.get(lane)
        if stopped is None and probe is not None and probe.job_id == job_id:
            probe.is_used = True
        return stopped

    def paused_here(self) -> list[str]:
        """The lanes of which this process can take no job now."""
        now = self._clock()
        return [lane for lane, pause in self._paused.copy().items() if pause.until > now and not pause.has_fallback]

    def limits_of(self, lane: str) -> Limits:
        """How fast the lane may be asked."""
        return self._own_limits.get(lane, self._limits)

    def has_daily_limit(self) -> bool:
        """Does any lane have a limit of requests a day?"""
        every = (self._limits, *self._own_limits.values())
        return any(limits.requests_per_day is not None for limits in every)

    # News from calls

    def note(self, lane: str, job_id: str, why: Failure) -> Action | None:
        """A call of the lane failed, or may not begin: what others have to be told because of it, if anything."""
        action = action_of(why)
        if action is None:
            return None
        until = math.inf if action.seconds is None else self._clock() + action.seconds
        with self._changing:
            known = self._paused.get(lane)
            is_probe = self.is_probe(lane, job_id)
            if not is_probe and known is not None and known.until >= until - 1.0:
                return None  # the others in flight met the same wall
            self._paused[lane] = _Pause(until=until, failure=why)
        return action

    def publish(self, lane: str, job_id: str, why: Failure, action: Action) -> None:
        """Let every process and the administrators know. Blocking; where the database is away, `refresh` does it later.

        That nobody is reached at Gemini's address may be the trouble of this machine alone: the others go on.
        """
        if why.code is FailureCode.GEMINI_UNAVAILABLE:
            log.warning("Gemini cannot be reached from here; waiting", lane=lane, reason=why.message)
            return
        with self._changing:
            is_probe = self.is_probe(lane, job_id)
            if is_probe:
                del self._probes[lane]
        try:
            self._publish(lane, why, action, is_probe=is_probe)
        except DatabaseUnavailableError as error:
            log.warning("the lane's pause is not stored yet", lane=lane, reason=str(error))

    def open(self, lane: str) -> None:
        """The probe was answered: the lane is well. Blocking; where the database is away, the next probe does it."""
        with self._changing:
            self._probes.pop(lane, None)
        try:
            stored.open_after_probe(self._database, lane)
        except DatabaseUnavailableError:
            self._undecided.add(lane)
            return
        with self._changing:
            self._paused.pop(lane, None)
        log.info("the lane is well again", lane=lane)

    # Probes

    def due_for_probe(self) -> list[str]:
        """The stopped lanes that a job of this process may try now."""
        now = self._clock()
        return [lane for lane, at in self._due.copy().items() if at <= now and lane not in self._probes]

    def begin_probe(self, lane: str, jobs: list[ClaimedJob]) -> list[ClaimedJob]:
        """The job that was taken to try the lane, if there was one; it may make one call."""
        if jobs:
            del self._due[lane]
        else:
            self._due[lane] = self._clock() + NO_JOB_SECONDS
        for job in jobs:
            self._probes[lane] = _Probe(job_id=job.id)
            log.info("trying whether the lane is well again", lane=lane, job_id=job.id)
        return jobs

    def end_probe(self, job_id: str) -> None:
        """The job has ended: if it was to try a lane and came to no verdict, another will."""
        with self._changing:
            for lane in [lane for lane, probe in self._probes.items() if probe.job_id == job_id]:
                del self._probes[lane]
                self._undecided.add(lane)

    def is_probe(self, lane: str, job_id: str) -> bool:
        """Is the job there to find out whether the lane is well again?"""
        probe = self._probes.get(lane)
        return probe is not None and probe.job_id == job_id

    def probe_of(self, lane: str) -> str:
        """The job of this process that is there to find out whether the lane is well again; empty: none is."""
        probe = self._probes.get(lane)
        return "" if probe is None else probe.job_id

    # What SQL says

    def refresh(self) -> None:
        """Take over what others did, and tell what is not told yet, if it is time. Blocking; raises DatabaseUnavailableError."""
        now = self._clock()
        if now < self._look_at:
            return
        for lane in list(self._undecided):
            stored.probe_in(self._database, lane, seconds=UNDECIDED_SECONDS)
            self._undecided.discard(lane)
        self._publish_late()
        rows = {row.name: row for row in stored.standings(self._database)}
        self._own_limits = {name: _limits_of(row, self._limits) for name, row in rows.items() if _has_limits(row)}
        self._due = {row.name: max(now, self._due.get(row.name, now)) for row in rows.values() if row.is_probe_due}
        with self._changing:
            self._take_over(rows, now)
        self._look_at = now + LOOK_SECONDS

    def _take_over(self, rows: Mapping[str, Standing], looked_at: float) -> None:
        for lane, pause in list(self._paused.items()):
            row = rows.get(lane)
            was_told = pause.published_at is not None and pause.published_at < looked_at
            if was_told and (row is None or not row.is_paused):
                del self._paused[lane]  # somebody opened it
        for row in rows.values():
            known = self._paused.get(row.name)
            is_news = known is None or known.until <= looked_at or (known.published_at or math.inf) < looked_at
            if row.is_paused and is_news:
                left = math.inf if row.seconds_left is None else row.seconds_left
                self._paused[row.name] = _Pause(
                    until=looked_at + left, failure=_failure_of(row), published_at=looked_at,
                    has_fallback=row.has_fallback,
                )  # fmt: skip

    def _publish_late(self) -> None:
        """Tell what could not be told when it happened."""
        for lane, pause in list(self._paused.items()):
            left = pause.until - self._clock()
            action = action_of(pause.failure)
            is_told = pause.published_at is not None or pause.failure.code is FailureCode.GEMINI_UNAVAILABLE
            if not is_told and action is not None and left > 0:
                seconds = None if math.isinf(left) else left
                self._publish(lane, pause.failure, replace(action, seconds=seconds), is_probe=False)

    def _publish(self, lane: str, why: Failure, action: Action, *, is_probe: bool) -> None:
        def put(reason: Failure, seconds: float | None) -> int | None:
            return stored.pause(
                self._database, lane, code=reason.code, reason=reason.message, seconds=seconds, is_probe=is_probe,
                is_unnamed=is_unnamed(reason), may_fall_back=action.may_fall_back, spent_limit=_spent_limit(reason),
            )  # fmt: skip

        refusals = put(why, action.seconds)
        if refusals is None:  # there is money again
            with self._changing:
                self._paused.pop(lane, None)
            return
        until = math.inf if action.seconds is None else self._clock() + action.seconds
        if refusals >= MANY_REFUSALS:
            why = like_spend_limit(why, lane=lane, refusals=refusals)
            put(why, why.retry_after_seconds)
            until = self._clock() + (why.retry_after_seconds or 0.0)
        log.info("the lane is paused", lane=lane, step=str(action.step), reason=why.message)
        with self._changing:
            self._paused[lane] = _Pause(until=until, failure=why, published_at=self._clock())


def _has_limits(row: Standing) -> bool:
    return any(getattr(row, name) is not None for name in LIMITS)


def _limits_of(row: Standing, defaults: Limits) -> Limits:
    own = {name: limit for name in LIMITS if (limit := getattr(row, name)) is not None}
    return replace(defaults, **own)


def _spent_limit(why: Failure) -> tuple[Period, Decimal] | None:
    """The limit that was spent, if that is why the lane pauses."""
    if why.code is not FailureCode.BUDGET_EXCEEDED or "limit_usd" not in why.detail:
        return None
    return Period(str(why.detail["period"])), Decimal(str(why.detail["limit_usd"]))


def _failure_of(row: Standing) -> Failure:
    """Why a lane is paused that others paused. A person's pause is no failure: jobs go back to the line."""
    if row.code is None:
        words = f"The lane {row.name}: {row.reason or 'paused'}."
        return failure(FailureCode.WORKER_LOST, words, nature=Nature.INTERRUPTED)
    code = FailureCode(row.code) if row.code in _CODES else FailureCode.GEMINI_QUOTA  # a newer worker's
    return failure(code, row.reason or f"The lane {row.name} is paused.", nature=Nature.THROTTLED, pauses_lane=True)
