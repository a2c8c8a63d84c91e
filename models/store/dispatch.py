"""From waiting to queued to announced: waking what is due, choosing who is next, telling of it (`claims` takes them).

Safe to run anywhere at any time and side by side: on PostgreSQL rows that another dispatcher looks at are skipped
(`FOR UPDATE SKIP LOCKED`), on SQLite writers take turns (`BEGIN IMMEDIATE`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Integer, Select, bindparam, func, literal, select, update

from models.base import db_after, db_now, db_seconds_until
from models.database import Database
from models.job import Job
from models.state import JobState
from models.store.line import (
    ANNOUNCED_SECONDS,
    advance,
    is_unannounced,
    line_of,
    locked,
    place_of,
)
from models.store.walk import is_still, walk_the_index, walking
from models.worker import Worker

SLICE = 5_000
"""Ids a statement, which takes no more than 65,535 parameters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What there is to do, and how much the live workers can take."""

    workers: int
    slots: int
    announced: int
    """Jobs whose announcement may be under way."""
    due_in_seconds: float | None
    """Until the next waiting job's time comes; not above zero: it has come; None: no job waits."""
    is_free: bool
    """A queued job may be announced or claimed."""

    @property
    def is_due(self) -> bool:
        """A waiting job's time has come."""
        return self.due_in_seconds is not None and self.due_in_seconds <= 0


def look(database: Database, *, alive_seconds: float) -> Outlook:
    """One look, without a lock, so that idle workers do not write.

    Uses ix_job_announced, ix_job_waiting and ix_job_queued, and reads of each no more than it counts.

    Workers are alive that beat within `alive_seconds`.
    """
    alive = (Worker.beat_at > _ago(alive_seconds)) & Worker.stopped_at.is_(None) & ~Worker.draining
    announced = (Job.state == JobState.QUEUED) & (Job.announced_until > db_now())
    query = select(
        select(func.count()).where(alive).scalar_subquery().label("workers"),
        select(func.coalesce(func.sum(Worker.slots), 0)).where(alive).scalar_subquery().label("slots"),
        select(func.count()).where(announced).scalar_subquery().label("announced"),
        select(db_seconds_until(Job.due_at))
        .where(Job.state == JobState.WAITING)
        .order_by(Job.due_at)
        .limit(1)
        .scalar_subquery()
        .label("due_in"),
        line_of(is_unannounced()).exists().label("is_free"),
    )
    with walking(database) as connection:
        row = connection.execute(query).one()
    return Outlook(
        workers=row.workers,
        slots=int(row.slots),
        announced=row.announced,
        due_in_seconds=row.due_in,
        is_free=row.is_free,
    )


def wake(database: Database, *, limit: int = 5_000) -> int:
    """Queue the waiting jobs whose time has come; how many. Uses ix_job_waiting."""
    due = locked(_due().order_by(Job.due_at).limit(limit))
    with database.write() as connection:
        walk_the_index(connection)
        moved = update(Job).where(Job.id.in_(select(due.c.id)), is_still(JobState.WAITING))
        moved = moved.values(state=JobState.QUEUED, due_at=None, announced_until=None)
        return len(connection.execute(moved.returning(Job.id)).all())


def announce(database: Database, *, limit: int) -> list[str]:
    """Mark the next jobs in line as announced; their ids, in order. Uses ix_job_queued."""
    with database.write() as connection:
        walk_the_index(connection)
        rows = connection.execute(_announce(), {"most": limit}).all()
        advance(connection, database.dialect, rows)
    return [row.id for row in sorted(rows, key=place_of)]


@cache
def _announce() -> Executable:
    chosen = locked(line_of(is_unannounced()).limit(bindparam("most", type_=Integer())))
    return (
        update(Job)
        .where(Job.id.in_(select(chosen.c.id)), is_still(JobState.QUEUED))
        .values(announced_until=db_after(literal(ANNOUNCED_SECONDS)))
        .returning(Job.id, Job.priority, Job.turn)
    )


def unannounce(database: Database, ids: Sequence[str]) -> None:
    """The announcements did not go out: anyone may pick the jobs at once."""
    for start in range(0, len(ids), SLICE):
        some = Job.id.in_(ids[start : start + SLICE])
        with database.write() as connection:
            connection.execute(update(Job).where(some, is_still(JobState.QUEUED)).values(announced_until=None))


def still_queued(database: Database, ids: Sequence[str]) -> list[str]:
    """Those of the ids that name queued jobs, in their order. Uses the primary key."""
    queued: set[str] = set()
    for start in range(0, len(ids), SLICE):
        wanted = select(Job.id).where(Job.id.in_(ids[start : start + SLICE]), is_still(JobState.QUEUED))
        with database.read() as connection:
            queued.update(connection.execute(wanted).scalars())
    return [job_id for job_id in ids if job_id in queued]


def any_alone(database: Database) -> bool:
    """Does a job wait that has to run alone? Uses ix_job_alone."""
    line = line_of(Job.announced_until.is_(None), alone=True).order_by(None).limit(1)
    with database.read() as connection:
        return connection.execute(line).first() is not None


def _due() -> Select[Any]:
    return select(Job.id).where(Job.state == JobState.WAITING, Job.due_at <= db_now())


def _ago(seconds: float) -> ColumnElement[Any]:
    return db_after(literal(-seconds))
