"""Reading an index in its own order and no further than needed, whatever the planner believes of the table.

A planner that has to choose takes an index by what it guesses of the rows between: that jobs of a batch, or in a state, lie
evenly among all. They do not. After many jobs came at once it knows nothing of them at all. Each guess cost from half a second to
minutes at ten million jobs. So a statement here names a stretch of one index by a range instead of by equal values, and asks for
that index's order: no other index has it, and sorting is switched off.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, literal_column, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from models.database import WALKING
from models.job import Job
from models.state import JobState


def walk_the_index(connection: Connection) -> None:
    """For this transaction, let PostgreSQL neither sort nor read a table in the order of its pages where an index has the order."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("; ".join(f"SET LOCAL {name} = {value}" for name, value in WALKING.items()))


def is_seen(column: InstrumentedAttribute[Any], value: Any) -> ColumnElement[bool]:
    """Has a job, found in another way, this value there? Written so that no index is taken to look for such jobs."""
    there: ColumnElement[Any] = func.coalesce(column, column)
    same: ColumnElement[bool] = there == value
    return same


def is_one_of(states: Iterable[JobState]) -> ColumnElement[bool]:
    """Is a job, found in another way, in one of these states? Written as `is_seen` is, for the same reason."""
    among: ColumnElement[bool] = func.coalesce(Job.state, Job.state).in_(sorted(states))
    return among


def is_still(state: JobState) -> ColumnElement[bool]:
    """Guards a statement that names its jobs by their ids.

    Right after many jobs came, PostgreSQL believes that to read ix_job_queued from end to end is cheaper than to look up some
    ids (65 ms a claim at a million jobs instead of 0.8).
    """
    return is_seen(Job.state, state)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """The jobs with these values in these columns, in the order of their ids: that of an index over the columns and `id`."""

    equal: Mapping[InstrumentedAttribute[Any], Any]
    first_id: str | None = None
    """Where it begins; empty: with the oldest job."""

    def within(self) -> list[ColumnElement[bool]]:
        """The whole stretch."""
        return [*self._begin(), *self._end(), *self._by_state()]

    def before(self, job_id: str) -> list[ColumnElement[bool]]:
        """What of it lies before that job."""
        return [*self._begin(), self._key() < self._values(job_id), *self._by_state()]

    def after(self, job_id: str) -> list[ColumnElement[bool]]:
        """What of it lies after that job."""
        return [self._key() > self._values(max(job_id, self.first_id or job_id)), *self._end(), *self._by_state()]

    def oldest_first(self) -> list[ColumnElement[Any]]:
        """The index's order."""
        return [*(column.expression for column in self.equal), Job.id.expression]

    def newest_first(self) -> list[ColumnElement[Any]]:
        """The same backwards."""
        return [column.desc() for column in self.oldest_first()]

    def _by_state(self) -> list[ColumnElement[bool]]:
        """What the indexes of lists alone have to be told (`models.job.FOR_LISTS`)."""
        names = {column.key for column in self.equal}
        return [Job.claim >= literal_column("0")] if names in _FOR_LISTS else []

    def _begin(self) -> list[ColumnElement[bool]]:
        if self.first_id is not None:
            return [self._key() >= self._values(self.first_id)]
        return [self._columns() >= self._values()] if self.equal else []

    def _end(self) -> list[ColumnElement[bool]]:
        return [self._columns() <= self._values()] if self.equal else []

    def _columns(self) -> ColumnElement[Any]:
        return _row(list(self.equal))

    def _key(self) -> ColumnElement[Any]:
        return _row([*self.equal, Job.id])

    def _values(self, job_id: str | None = None) -> ColumnElement[Any]:
        pairs = [*self.equal.items(), *([] if job_id is None else [(Job.id, job_id)])]
        return _row([literal(value, column.type) for column, value in pairs])


_FOR_LISTS = ({"state"}, {"owner"}, {"owner", "state"})


def _row(columns: Sequence[ColumnElement[Any] | InstrumentedAttribute[Any]]) -> ColumnElement[Any]:
    """A row value, which a range of an index can begin or end with."""
    (first, *others) = columns
    return tuple_(first, *others) if others else first.expression
