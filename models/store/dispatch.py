"""From queued to running: waking what is due, choosing who is next, announcing, claiming.

Safe to run anywhere at any time and side by side: on PostgreSQL rows that another dispatcher looks at are skipped
(`FOR UPDATE SKIP LOCKED`), on SQLite writers take turns (`BEGIN IMMEDIATE`). A claim is one guarded statement: of two
that name the same job, one gets it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Row, Select, case, func, literal, or_, select, update
from sqlalchemy.orm import aliased

from models.attempt import Attempt
from models.base import db_after, db_now, db_seconds_until
from models.batch import Turn
from models.database import Database
from models.failures import FailureCode
from models.job import LOSSES_IN_COMPANY, Job
from models.moves import ClaimedJob
from models.state import FINAL, MOVES, JobState, Move
from models.store.budgets import is_out_of_budget
from models.store.rows import insert_into
from models.worker import Lane, Worker

ANNOUNCED_SECONDS = 60.0
"""How long an announcement is believed to be under way."""

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
        select(db_seconds_until(func.min(Job.due_at)))
        .where(Job.state == JobState.WAITING)
        .scalar_subquery()
        .label("due_in"),
        _line(_unannounced()).exists().label("is_free"),
    )
    with database.read() as connection:
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
    due = _locked(_due().order_by(Job.due_at).limit(limit))
    with database.write() as connection:
        moved = update(Job).where(Job.id.in_(select(due.c.id)), Job.state == JobState.WAITING)
        moved = moved.values(state=JobState.QUEUED, due_at=None, announced_until=None)
        return len(connection.execute(moved.returning(Job.id)).all())


def announce(database: Database, *, limit: int) -> list[str]:
    """Mark the next jobs in line as announced; their ids, in order. Uses ix_job_queued."""
    line = _line(_unannounced()).limit(limit)
    with database.write() as connection:
        _walk_the_index(connection)
        chosen = _locked(line)
        marked = (
            update(Job)
            .where(Job.id.in_(select(chosen.c.id)), Job.state == JobState.QUEUED)
            .values(announced_until=db_after(literal(ANNOUNCED_SECONDS)))
            .returning(Job.id, Job.priority, Job.turn)
        )
        rows = connection.execute(marked).all()
        _advance(connection, database.dialect, rows)
    return [row.id for row in sorted(rows, key=_place)]


def unannounce(database: Database, ids: Sequence[str]) -> None:
    """The announcements did not go out: anyone may pick the jobs at once."""
    for start in range(0, len(ids), SLICE):
        some = Job.id.in_(ids[start : start + SLICE])
        with database.write() as connection:
            connection.execute(update(Job).where(some, Job.state == JobState.QUEUED).values(announced_until=None))


def still_queued(database: Database, ids: Sequence[str]) -> list[str]:
    """Those of the ids that name queued jobs, in their order. Uses the primary key."""
    queued: set[str] = set()
    for start in range(0, len(ids), SLICE):
        wanted = select(Job.id).where(Job.id.in_(ids[start : start + SLICE]), Job.state == JobState.QUEUED)
        with database.read() as connection:
            queued.update(connection.execute(wanted).scalars())
    return [job_id for job_id in ids if job_id in queued]


def claim(
    database: Database, ids: Sequence[str], *, worker_id: str, lease_seconds: float, not_lanes: Sequence[str] = ()
) -> list[ClaimedJob]:
    """Take those of the announced jobs that are still free; unknown ids are no error, nor are jobs of other lanes."""
    mine = (Job.id.in_(ids), Job.losses < LOSSES_IN_COMPANY, ~_held_back(), *_outside(not_lanes))
    with database.write() as connection:
        return [_claimed(row, worker_id) for row in _take(connection, mine, worker_id, lease_seconds)]


def claim_next(
    database: Database,
    *,
    limit: int,
    worker_id: str,
    lease_seconds: float,
    batch_id: str | None = None,
    announced_before_seconds: float | None = None,
    alone: bool = False,
    not_lanes: Sequence[str] = (),
) -> list[ClaimedJob]:
    """Take the next jobs in line, straight from SQL, in order of priority and turn. Uses ix_job_queued.

    Jobs under announcement are left to the worker that will get the message, unless the announcement is older than
    `announced_before_seconds` (then the message is taken for lost). With `alone`, only jobs that have to run alone; none of
    `not_lanes`.
    """
    free: ColumnElement[bool] = Job.announced_until.is_(None)
    if announced_before_seconds is not None:
        free |= Job.announced_until < db_after(literal(ANNOUNCED_SECONDS - announced_before_seconds))
    line = _line(free, alone=alone).where(*_outside(not_lanes)).limit(limit)
    if batch_id is not None:
        line = line.where(Job.batch_id == batch_id)
    with database.write() as connection:
        if batch_id is None:  # the jobs of a batch have an index of their own
            _walk_the_index(connection)
        chosen = (Job.id.in_(select(_locked(line).c.id)),)
        rows = _take(connection, chosen, worker_id, lease_seconds)
        _advance(connection, database.dialect, rows)
    return [_claimed(row, worker_id) for row in rows]


def any_alone(database: Database) -> bool:
    """Does a job wait that has to run alone? Uses ix_job_alone."""
    line = _line(Job.announced_until.is_(None), alone=True).order_by(None).limit(1)
    with database.read() as connection:
        return connection.execute(line).first() is not None


def _due() -> Select[Any]:
    return select(Job.id).where(Job.state == JobState.WAITING, Job.due_at <= db_now())


def _unannounced() -> ColumnElement[bool]:
    return or_(Job.announced_until.is_(None), Job.announced_until < db_now())


def _line(free: ColumnElement[bool], *, alone: bool = False) -> Select[Any]:
    """The queued jobs in the order in which they are served."""
    company = Job.losses >= LOSSES_IN_COMPANY if alone else Job.losses < LOSSES_IN_COMPANY
    return (
        select(Job.id)
        .where(Job.state == JobState.QUEUED, free, company, ~_held_back())
        .order_by(Job.priority.desc(), Job.turn, Job.id)
    )


def _locked(line: Select[Any]) -> CTE:
    """The chosen rows, locked; those that another dispatcher has locked are skipped."""
    return line.with_for_update(skip_locked=True, of=Job).cte("line")


def _outside(lanes: Sequence[str]) -> list[ColumnElement[bool]]:
    return [Job.lane.not_in(lanes)] if lanes else []


def _walk_the_index(connection: Connection) -> None:
    """Take the line from its index whatever the planner believes of the table's size.

    After many jobs came at once, PostgreSQL knows nothing of them until it has analysed the table, and would read and sort
    them all: 70 ms at 300,000 jobs instead of 2.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")


def _held_back() -> ColumnElement[bool]:
    """Is the job's lane paused, or is the money of its batch or owner spent?"""
    paused = select(Lane.name).where(Lane.paused, or_(Lane.paused_until.is_(None), Lane.paused_until > db_now()))
    return or_(Job.lane.in_(paused), is_out_of_budget())


def _take(
    connection: Connection, chosen: Sequence[ColumnElement[bool]], worker_id: str, lease_seconds: float
) -> list[Row[Any]]:
    """Make the chosen jobs the worker's; their rows, in the order of the line."""
    taken = (
        update(Job)
        .where(*chosen, Job.state == JobState.QUEUED)
        .values(
            state=JobState.RUNNING,
            claim=Job.claim + 1,
            attempts=Job.attempts + 1,
            lease_owner=worker_id,
            lease_until=db_after(literal(lease_seconds)),
            announced_until=None,
            started_at=db_now(),
        )
        .returning(*_claimed_columns(), Job.priority, Job.turn)
    )
    return sorted(connection.execute(taken), key=_place)


_CLAIMED = [name for name in ClaimedJob.__slots__ if name != "worker_id"]


@cache
def _claimed_columns() -> tuple[ColumnElement[Any], ...]:
    reckoned = {
        "refused_seconds": case(((Job.claim > 1) & (Job.lane != Job.model), _refused_seconds())),
        "deadline_in_seconds": db_seconds_until(Job.deadline_at),
        "deadline_after_seconds": db_seconds_until(Job.deadline_at) - db_seconds_until(Job.created_at),
    }
    return tuple(reckoned[name].label(name) if name in reckoned else getattr(Job, name) for name in _CLAIMED)


def _refused_seconds() -> ColumnElement[Any]:
    """Since an attempt first found no room, none before the job last ended counted. Uses the primary key of attempt."""
    ended = aliased(Attempt)
    final = [str(move) for move in Move if MOVES[move].target in FINAL]
    last = select(func.max(ended.claim)).where(ended.job_id == Job.id, ended.outcome.in_(final)).correlate(Job)
    refused = (Attempt.job_id == Job.id, Attempt.code == FailureCode.GEMINI_UNAVAILABLE, Attempt.outcome == Move.WAIT)
    since = select(func.min(Attempt.ended_at)).where(*refused, Attempt.claim > func.coalesce(last.scalar_subquery(), 0))
    return -db_seconds_until(since.correlate(Job).scalar_subquery())


def _claimed(row: Row[Any], worker_id: str) -> ClaimedJob:
    return ClaimedJob(worker_id=worker_id, **{name: getattr(row, name) for name in _CLAIMED})


def _place(row: Any) -> tuple[int, int, str]:
    return -row.priority, row.turn, row.id


def _advance(connection: Connection, dialect: str, rows: Sequence[Any]) -> None:
    """Remember how far each priority's line was served; where another dispatcher is at it, leave it to that one.

    It only says where new batches join the line, and a dispatcher that hangs in its transaction must not hold up the others.
    """
    reached: dict[int, int] = {}
    for row in rows:
        reached[row.priority] = max(row.turn, reached.get(row.priority, 0))
    for priority, turn in sorted(reached.items()):
        behind = select(Turn.priority).where(Turn.priority == priority, Turn.reached < turn)
        free = behind.with_for_update(skip_locked=True)
        moved = connection.execute(update(Turn).where(Turn.priority.in_(free)).values(reached=turn))
        if not moved.rowcount:
            first = insert_into(dialect, Turn).values(priority=priority, reached=turn)
            connection.execute(first.on_conflict_do_nothing(index_elements=["priority"]))


def _ago(seconds: float) -> ColumnElement[Any]:
    return db_after(literal(-seconds))
