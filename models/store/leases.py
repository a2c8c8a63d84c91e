"""Leases: renewing them, taking back what a lost worker held, and the registry of live workers.

Only the lease on the job's row decides who owns a job. The worker's own row is for people and for the dispatch
window; nothing is rescued by way of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, delete, exists, insert, literal, or_, select, update

from models.attempt import Attempt
from models.base import TypedId, db_after, db_now
from models.budget import Hold
from models.database import Database
from models.failures import FailureCode
from models.job import LOSSES_IN_COMPANY, Job
from models.state import JobState, Move
from models.store.holds import in_parcel, presume_spent
from models.store.rows import INTEGER, RowShape
from models.store.walk import is_still
from models.store.webhooks.outbox import ended_columns, tell_ended
from models.worker import Worker

LOSSES_ALONE = 3
"""A job that loses its worker so often while it runs alone is to blame for it."""

SLICE = 1_000
"""Jobs a transaction when many are taken back."""

LOSSES_AT_MOST = LOSSES_IN_COMPANY + LOSSES_ALONE


_HELD = RowShape(name="held", types={"id": TypedId("job"), "claim": INTEGER})


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerFacts:
    """What a worker says of itself."""

    id: str
    host: str
    pid: int
    version: str
    slots: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A job that a beat found in the worker's hands."""

    job_id: str
    claim: int
    cancel_requested: bool


def register(database: Database, worker: WorkerFacts) -> None:
    """A worker process begins."""
    with database.write() as connection:
        connection.execute(
            insert(Worker).values(
                id=worker.id, host=worker.host, pid=worker.pid, version=worker.version, slots=worker.slots,
                running=0, draining=False, started_at=db_now(), beat_at=db_now(),
            )
        )  # fmt: skip


def beat(
    database: Database, worker_id: str, held: Mapping[str, int], *, lease_seconds: float, draining: bool
) -> list[Held]:
    """Renew the leases of the jobs that the worker works on (id -> claim), and its own sign of life.

    Returns those that are still its own. A lease that ran out but that nobody took back is renewed. A job that the
    database counts as the worker's but the worker knows nothing of (a claim whose answer got lost) is not renewed, so
    that it lapses. Uses the primary key.
    """
    h = _HELD.table(database.dialect).c
    renew = (
        update(Job)
        .where(Job.id == h.id, Job.claim == h.claim, is_still(JobState.RUNNING), Job.lease_owner == worker_id)
        .values(lease_until=db_after(literal(lease_seconds)))
        .returning(Job.id, Job.claim, Job.cancel_requested)
    )
    alive = update(Worker).where(Worker.id == worker_id)
    rows = [{"id": job_id, "claim": claim} for job_id, claim in held.items()]
    with database.write() as connection:
        connection.execute(alive.values(beat_at=db_now(), running=len(held), draining=draining))
        found = connection.execute(renew, _HELD.parameter(rows)).all() if rows else []
    return [Held(job_id=row.id, claim=row.claim, cancel_requested=row.cancel_requested) for row in found]


def leave(database: Database, worker_id: str) -> None:
    """A worker process ends in good order, or is known to be dead. What it still held for calls is presumed to be spent."""
    with database.write() as connection:
        connection.execute(
            update(Worker).where(Worker.id == worker_id).values(stopped_at=db_now(), running=0, draining=True)
        )
        presume_spent(connection, database.dialect, (Hold.worker_id == worker_id) & ~in_parcel())


def is_any_lapsed() -> ColumnElement[bool]:
    """Is there a job whose lease ran out? Uses ix_job_running."""
    return exists().where(Job.state == JobState.RUNNING, _has_lapsed())


def lapse(database: Database, *, worker_id: str | None = None) -> int:
    """Take back the jobs whose lease ran out (or that a worker known to be dead held); how many.

    They return to the queue without having spent an attempt; those that lost their worker too often end as
    `worker_lost`, those that somebody asked to cancel end as cancelled. Guarded by state and lease within the
    statement, so that a worker that is alive after all keeps what it renewed or finished. Uses ix_job_running.
    """
    gone = _has_lapsed() if worker_id is None else Job.lease_owner == worker_id
    lost = and_(Job.state == JobState.RUNNING, gone)
    taken = 0
    while (slice_ := _lapse_slice(database, lost)) > 0:
        taken += slice_
    return taken


def _lapse_slice(database: Database, lost: ColumnElement[bool]) -> int:
    """Take back some of the lost jobs in one transaction, so that no lock is held for long; how many."""
    some = select(Job.id).where(lost).limit(SLICE).with_for_update(skip_locked=True)
    with database.write() as connection:
        ids = connection.execute(some).scalars().all()
        if not ids:
            return 0
        _note_lost(connection, ids)
        taken_back = update(Job).where(Job.id.in_(ids), lost).values(_after_loss()).returning(*ended_columns())
        moved = connection.execute(taken_back).all()
        tell_ended(connection, database.dialect, moved)
        return len(moved)


def is_any_overdue() -> ColumnElement[bool]:
    """Is there a job that has not begun before its deadline? Uses ix_job_deadline."""
    return exists().where(_is_overdue())


def expire(database: Database) -> int:
    """End what has not begun before its deadline; how many. Uses ix_job_deadline."""
    with database.write() as connection:
        ended = update(Job).where(_is_overdue()).values(
            state=JobState.FAILED, finished_at=db_now(), due_at=None, announced_until=None,
            error_code=FailureCode.DEADLINE_EXCEEDED, error_retryable=False,
            error_message="The job's deadline passed before it could be done; submit it again with more time.",
        )  # fmt: skip
        moved = connection.execute(ended.returning(*ended_columns())).all()
        tell_ended(connection, database.dialect, moved)
        return len(moved)


def forget_workers(database: Database, *, after_seconds: float) -> None:
    """Drop registry rows of workers that have long been silent."""
    with database.write() as connection:
        connection.execute(delete(Worker).where(Worker.beat_at < db_after(literal(-after_seconds))))


def _has_lapsed() -> ColumnElement[bool]:
    return Job.lease_until < db_now()


def _is_overdue() -> ColumnElement[bool]:
    return and_(Job.deadline_at < db_now(), Job.finished_at.is_(None), Job.state != JobState.RUNNING)


def _note_lost(connection: Connection, ids: Sequence[str]) -> None:
    outcome = case((Job.cancel_requested, str(Move.CANCEL)), (_too_often(), str(Move.LOSE)), else_=str(Move.LAPSE))
    ended = select(
        Job.id, Job.claim, Job.attempts, Job.lease_owner, outcome, literal(str(FailureCode.WORKER_LOST)), Job.started_at,
        db_now(),
    ).where(Job.id.in_(ids))  # fmt: skip
    columns = ["job_id", "claim", "number", "worker_id", "outcome", "code", "started_at", "ended_at"]
    connection.execute(insert(Attempt).from_select(columns, ended))


def _too_often() -> ColumnElement[bool]:
    return Job.losses + 1 >= LOSSES_AT_MOST


def _after_loss() -> dict[str, object]:
    fails = and_(_too_often(), ~Job.cancel_requested)
    ends = or_(_too_often(), Job.cancel_requested)
    message = (
        f"The worker process was lost {LOSSES_AT_MOST} times while it ran this job, the last {LOSSES_ALONE} times with no "
        "other job in it; look at the media item before you retry."
    )
    return {
        "state": case(
            (Job.cancel_requested, str(JobState.CANCELLED)), (fails, str(JobState.FAILED)), else_=str(JobState.QUEUED)
        ),
        "losses": Job.losses + 1,
        "attempts": Job.attempts - 1,
        "lease_owner": None,
        "lease_until": None,
        "announced_until": None,
        "cancel_requested": False,
        "finished_at": case((ends, db_now()), else_=None),
        "error_code": case((fails, str(FailureCode.WORKER_LOST)), else_=None),
        "error_message": case((fails, message), else_=None),
        "error_retryable": case((fails, True), else_=None),
    }
