"""The line: which queued jobs may be taken, in which order, and how far it was served.

Uses ix_job_queued, and reads of it no more than it takes.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Executable, Select, bindparam, or_, select, update

from models.base import db_now
from models.batch import Turn
from models.job import LOSSES_IN_COMPANY, Job
from models.state import JobState
from models.store.budgets import is_out_of_budget
from models.store.fallback import is_shut
from models.store.rows import insert_into
from models.store.walk import Stretch

ANNOUNCED_SECONDS = 60.0
"""How long an announcement is believed to be under way."""


@cache
def is_unannounced() -> ColumnElement[bool]:
    """No message about the job is under way, as far as is known."""
    return or_(Job.announced_until.is_(None), Job.announced_until < db_now())


def line_of(free: ColumnElement[bool], *, alone: bool = False) -> Select[Any]:
    """The queued jobs in the order in which they are served."""
    queued = select(Job.id).where(Job.state == JobState.QUEUED, *_is_served(free, alone=alone))
    return queued.order_by(Job.priority.desc(), Job.turn, Job.id)


def line_of_batch(batch_id: str, free: ColumnElement[bool], *, alone: bool = False) -> Select[Any]:
    """The queued jobs of one batch in the order in which they came, which is that of their turns. Uses ix_job_batch."""
    queued = Stretch(equal={Job.batch_id: batch_id, Job.state: JobState.QUEUED})
    served = select(Job.id).where(*queued.within(), *_is_served(free, alone=alone))
    return served.order_by(*queued.oldest_first())


def _is_served(free: ColumnElement[bool], *, alone: bool) -> tuple[ColumnElement[bool], ...]:
    company = Job.losses >= LOSSES_IN_COMPANY if alone else Job.losses < LOSSES_IN_COMPANY
    return free, company, ~is_held_back()


def locked(line: Select[Any]) -> CTE:
    """The chosen rows, locked; those that another dispatcher has locked are skipped."""
    return line.with_for_update(skip_locked=True, of=Job).cte("line")


def outside_lanes() -> ColumnElement[bool]:
    """Only jobs of other lanes than those of the parameter `not_lanes`, of which there are some."""
    return Job.lane.not_in(bindparam("not_lanes", expanding=True))


@cache
def is_held_back() -> ColumnElement[bool]:
    """Is the job's lane paused, or is the money of its batch or owner spent?"""
    return or_(is_shut(), is_out_of_budget())


def place_of(row: Any) -> tuple[int, int, str]:
    """The place in the line of a row with priority, turn and id."""
    return -row.priority, row.turn, row.id


def advance(connection: Connection, dialect: str, rows: Sequence[Any]) -> None:
    """Remember how far each priority's line was served; where another dispatcher is at it, leave it to that one.

    It only says where new batches join the line, and a dispatcher that hangs in its transaction must not hold up the others.
    """
    reached: dict[int, int] = {}
    for row in rows:
        reached[row.priority] = max(row.turn, reached.get(row.priority, 0))
    for priority, turn in sorted(reached.items()):
        if not connection.execute(_served_further(), {"line": priority, "up_to": turn}).rowcount:
            first = insert_into(dialect, Turn).values(priority=priority, reached=turn)
            connection.execute(first.on_conflict_do_nothing(index_elements=["priority"]))


@cache
def _served_further() -> Executable:
    up_to = bindparam("up_to", type_=Turn.reached.type)
    behind = select(Turn.priority).where(Turn.priority == bindparam("line"), Turn.reached < up_to)
    free = behind.with_for_update(skip_locked=True)
    return update(Turn).where(Turn.priority.in_(free)).values(reached=up_to)
