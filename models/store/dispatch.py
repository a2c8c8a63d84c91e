"""From waiting to queued to announced: waking what is due, choosing who is next, marking it (`claims` takes them).

Safe to run anywhere at any time and side by side: on PostgreSQL rows that another dispatcher looks at are skipped
(`FOR UPDATE SKIP LOCKED`), on SQLite writers take turns (`BEGIN IMMEDIATE`).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Integer, Select, bindparam, literal, select, update

from models.base import db_after, db_now
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
from models.store.walk import is_still, walk_the_index

SLICE = 5_000
"""Ids a statement, which takes no more than 65,535 parameters."""


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


def is_any_alone() -> ColumnElement[bool]:
    """Does a job wait that has to run alone? Uses ix_job_alone."""
    return line_of(Job.announced_until.is_(None), alone=True).order_by(None).exists()


def any_alone(database: Database) -> bool:
    """The same, asked by itself."""
    with database.read() as connection:
        return bool(connection.execute(select(is_any_alone())).scalar())


def _due() -> Select[Any]:
    return select(Job.id).where(Job.state == JobState.WAITING, Job.due_at <= db_now())
