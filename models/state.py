"""The states of a job and the moves between them.

`MOVES` is the one table of what may happen to a job. Each verb of the store that makes a move is a statement guarded
by the states that the table allows (`tests/contracts/` tries the others), the database's CHECK constraints hold the shape of each state, and the diagram in
`docs/explanation/states.md` is held equal to this table by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """Accepted and due: any worker may claim it."""
    WAITING = "waiting"
    """Not due yet: a retry or quota is due at `due_at`, or a twin is asking the same and wakes it."""
    RUNNING = "running"
    """Claimed by a worker that holds a lease on it."""
    SUCCEEDED = "succeeded"
    """Final: the whole result is stored."""
    PARTIAL = "partial"
    """Final: a result is stored, and says which stretches of the recording are missing."""
    FAILED = "failed"
    """Final: no result; the error says why."""
    CANCELLED = "cancelled"
    """Final: somebody asked for it to stop before it was done."""


FINAL = frozenset({JobState.SUCCEEDED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED})
"""States that only an explicit retry leaves."""

LIVE = frozenset(JobState) - FINAL
"""States in which work is still to come."""


class Move(StrEnum):
    """Everything that can happen to a job."""

    CLAIM = "claim"
    """A worker takes the job: the claim number rises, an attempt is counted, a lease begins."""
    SUCCEED = "succeed"
    """The result is complete."""
    SUCCEED_PARTLY = "succeed_partly"
    """The result lacks some stretches for good."""
    FAIL = "fail"
    """No result, and no attempt left or no sense in one."""
    WAIT = "wait"
    """Try again later: after a transient failure, when quota is due, or when a twin has its answer."""
    WAKE = "wake"
    """The time that a waiting job waited for has come, or its twin has ended."""
    GIVE_BACK = "give_back"
    """The worker leaves: back to the queue, the attempt is not counted."""
    LAPSE = "lapse"
    """The worker was lost: back to the queue, the attempt is not counted."""
    LOSE = "lose"
    """The job lost its worker too often: it ends as `worker_lost`."""
    EXPIRE = "expire"
    """The job's deadline has passed."""
    CANCEL = "cancel"
    """Somebody asked for the job to stop."""
    RETRY = "retry"
    """Somebody asked for a finished job to be tried anew."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From which states a move is legal, and where it leads."""

    sources: frozenset[JobState]
    target: JobState


_RUNNING = frozenset({JobState.RUNNING})

MOVES: Mapping[Move, Arrow] = {
    Move.CLAIM: Arrow(frozenset({JobState.QUEUED}), JobState.RUNNING),
    Move.SUCCEED: Arrow(_RUNNING, JobState.SUCCEEDED),
    Move.SUCCEED_PARTLY: Arrow(_RUNNING, JobState.PARTIAL),
    Move.FAIL: Arrow(_RUNNING, JobState.FAILED),
    Move.WAIT: Arrow(_RUNNING, JobState.WAITING),
    Move.WAKE: Arrow(frozenset({JobState.WAITING}), JobState.QUEUED),
    Move.GIVE_BACK: Arrow(_RUNNING, JobState.QUEUED),
    Move.LAPSE: Arrow(_RUNNING, JobState.QUEUED),
    Move.LOSE: Arrow(_RUNNING, JobState.FAILED),
    Move.EXPIRE: Arrow(frozenset({JobState.QUEUED, JobState.WAITING}), JobState.FAILED),
    Move.CANCEL: Arrow(LIVE, JobState.CANCELLED),
    Move.RETRY: Arrow(frozenset({JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED}), JobState.QUEUED),
}
