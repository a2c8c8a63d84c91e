"""The outlook: what there is to do and who is there to do it, in one look without a lock, so that idle workers do not write.

Workers ask for it again and again, and do nothing else while there is nothing to do. So whatever any worker has to look
after beside its jobs is asked about in the same statement (`Chore`), by the verb's own condition.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select

from models.base import db_after, db_now, db_seconds_until
from models.database import Database
from models.job import Job
from models.state import JobState
from models.store import bulk_actions, holds, leases, parcels, questions, submit
from models.store.dispatch import is_any_alone
from models.store.line import is_unannounced, line_of
from models.store.webhooks import sending
from models.worker import Worker


class Chore(StrEnum):
    """What any worker looks after beside its jobs."""

    BULK_ACTION = auto()
    """A bulk action is to be worked on (`bulk_actions.work_on_some`)."""
    WEBHOOK = auto()
    """A message is to be sent (`sending.take_due`)."""
    PARCEL = auto()
    """A parcel is to be looked at (`parcels.take_due`)."""
    LAPSED = auto()
    """A job's lease has ended (`leases.lapse`)."""
    OVERDUE = auto()
    """A job's deadline has passed before it began (`leases.expire`)."""
    QUESTION = auto()
    """Nobody asks a question any more (`questions.free_abandoned`)."""
    BATCH = auto()
    """A batch was left open (`submit.close_abandoned`)."""
    HOLD = auto()
    """A lost worker holds money (`holds.presume_lost`)."""
    ALONE = auto()
    """A job has to run alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What there is to do, and how much the live workers can take."""

    workers: int
    slots: int
    running: int
    """Jobs that they had in hand at their last beats."""
    announced: int
    """Jobs whose announcement may be under way."""
    due_in_seconds: float | None
    """Until the next waiting job's time comes; not above zero: it has come; None: no job waits."""
    is_free: bool
    """A queued job may be announced or claimed."""
    chores: frozenset[Chore] = frozenset()
    """What there is of what was asked about."""

    @property
    def is_due(self) -> bool:
        """A waiting job's time has come."""
        return self.due_in_seconds is not None and self.due_in_seconds <= 0


def look(database: Database, *, alive_seconds: float, chores: frozenset[Chore] = frozenset()) -> Outlook:
    """One look. Uses ix_job_announced, ix_job_waiting and ix_job_queued, and reads of each no more than it counts.

    Workers are alive that beat within `alive_seconds`. Whether there is anything of the `chores` is read from their own
    indexes; the questions and holds of calls in flight are looked at one by one.
    """
    with database.read_walking() as connection:
        row = connection.execute(_query(alive_seconds, chores)).one()
    return Outlook(
        workers=row.workers,
        slots=int(row.slots),
        running=int(row.running),
        announced=row.announced,
        due_in_seconds=row.due_in,
        is_free=row.is_free,
        chores=frozenset(chore for chore in chores if getattr(row, chore)),
    )


@cache  # to put it together takes longer than to run it
def _query(alive_seconds: float, chores: frozenset[Chore]) -> Select[Any]:
    alive = (Worker.beat_at > db_after(literal(-alive_seconds))) & Worker.stopped_at.is_(None) & ~Worker.draining
    announced = (Job.state == JobState.QUEUED) & (Job.announced_until > db_now())
    return select(
        select(func.count()).where(alive).scalar_subquery().label("workers"),
        select(func.coalesce(func.sum(Worker.slots), 0)).where(alive).scalar_subquery().label("slots"),
        select(func.coalesce(func.sum(Worker.running), 0)).where(alive).scalar_subquery().label("running"),
        select(func.count()).where(announced).scalar_subquery().label("announced"),
        select(db_seconds_until(Job.due_at))
        .where(Job.state == JobState.WAITING)
        .order_by(Job.due_at)
        .limit(1)
        .scalar_subquery()
        .label("due_in"),
        line_of(is_unannounced()).exists().label("is_free"),
        *(_IS_ANY[chore](alive_seconds).label(chore) for chore in sorted(chores)),
    )


_IS_ANY: Mapping[Chore, Callable[[float], ColumnElement[bool]]] = {
    Chore.BULK_ACTION: lambda _: bulk_actions.is_any_open(),
    Chore.WEBHOOK: lambda _: sending.is_any_due(),
    Chore.PARCEL: lambda alive_seconds: parcels.is_any_due(silent_seconds=alive_seconds),
    Chore.LAPSED: lambda _: leases.is_any_lapsed(),
    Chore.OVERDUE: lambda _: leases.is_any_overdue(),
    Chore.QUESTION: lambda _: questions.is_any_abandoned(),
    Chore.BATCH: lambda _: submit.is_any_abandoned(),
    Chore.HOLD: lambda alive_seconds: holds.is_any_lost(silent_seconds=holds.SILENT_LEASES * alive_seconds),
    Chore.ALONE: lambda _: is_any_alone(),
}
"""The verbs' own conditions, where workers are alive that beat within so many seconds."""
