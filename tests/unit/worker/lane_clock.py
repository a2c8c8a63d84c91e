"""Lanes on a database, and a clock that is set by hand, for tests of what closes and opens them."""

from dataclasses import dataclass

from models.failures import Failure, FailureCode, failure
from models.moves import ClaimedJob
from worker.lanes import LOOK_SECONDS, Lanes
from worker.quota.terms import Limits

KEY = failure(FailureCode.GEMINI_AUTH, "the key is wrong", pauses_lane=True)
DEFAULTS = Limits(requests_per_minute=100, input_tokens_per_minute=1_000)


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def quota(seconds: float | None, scope: str = "minute") -> Failure:
    return failure(FailureCode.GEMINI_QUOTA, "wait", retry_after_seconds=seconds, quota_scope=scope)


def meet(lanes: Lanes, job: ClaimedJob, why: Failure) -> None:
    """A call of the job meets a wall, and whoever has to know is told."""
    action = lanes.note(job.lane, job.id, why)
    if action is not None:
        lanes.publish(job.lane, job.id, why, action)


def look(lanes: Lanes, clock: Clock) -> None:
    """Time passes, and SQL is looked at."""
    clock.now += LOOK_SECONDS
    lanes.refresh()
