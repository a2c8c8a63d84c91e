"""Reading how many jobs there are and what they used, without counting any; and keeping the tallies short."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    FromClause,
    Integer,
    column,
    delete,
    func,
    literal,
    or_,
    select,
    table,
    tuple_,
    type_coerce,
)

from models.budget import Scope
from models.database import Database
from models.store.rows import insert_into
from models.tally import Tally

SLICE = 1_000
"""Lines a transaction."""

_KEY = (Tally.scope, Tally.name, Tally.kind, Tally.state)
_SUMS = (
    Tally.jobs, Tally.reused, Tally.calls, Tally.input_tokens, Tally.output_tokens, Tally.thinking_tokens, Tally.cost_usd,
)  # fmt: skip
_BACKENDS = table("pg_stat_activity", column("pid", Integer()))


def sums() -> list[ColumnElement[Any]]:
    """Jobs and what they used, each added up over lines and labelled as its column."""
    return [type_coerce(func.sum(each), each.type).label(each.key) for each in _SUMS]


def lines_of(*, batch_id: str | None, owner: str | None, kind: str | None) -> list[ColumnElement[bool]]:
    """The lines about a batch, an owner or everybody. Uses the primary key."""
    if batch_id is not None:
        which = [Tally.scope == Scope.BATCH, Tally.name == batch_id]
    else:
        which = [Tally.scope == Scope.OWNER, *([] if owner is None else [Tally.name == owner])]
    return which if kind is None else [*which, Tally.kind == kind]


def batch_states(connection: Connection, batch_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many jobs of each batch are in which state, as the transaction sees it. Uses the primary key."""
    lines = (Tally.scope == Scope.BATCH, Tally.name.in_(batch_ids))
    query = select(Tally.name, Tally.state, func.sum(Tally.jobs)).where(*lines).group_by(Tally.name, Tally.state)
    counts: dict[str, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
    for batch_id, state, jobs in connection.execute(query):
        counts[batch_id][state] = int(jobs)
    return counts


def fold_tallies(database: Database) -> int:
    """Add the lines of connections that are gone to line 0, in slices; how many. Uses ix_tally_line.

    Safe side by side: lines that another one folds are skipped. SQLite has one line of each anyway.
    """
    if database.dialect == "sqlite":
        return 0
    folded = 0
    while (slice_ := _fold_slice(database)) > 0:
        folded += slice_
    return folded


def _fold_slice(database: Database) -> int:
    with database.write() as connection:
        abandoned = connection.execute(_abandoned()).scalars().all()
        if not abandoned:
            return 0
        some = select(*_KEY, Tally.line).where(Tally.line.in_(abandoned)).limit(SLICE).with_for_update(skip_locked=True)
        keys = tuple_(*_KEY, Tally.line)
        gone = delete(Tally).where(keys.in_(some)).returning(*_KEY, *_SUMS).cte("gone")
        kept = _into_line_0(gone).cte("kept")
        return connection.execute(select(func.count()).select_from(gone).add_cte(kept)).scalar_one()


def _into_line_0(gone: FromClause) -> Any:
    """Add these lines up into line 0, but for those that are nothing together."""
    key, totals = [gone.c[each.key] for each in _KEY], [func.sum(gone.c[each.key]) for each in _SUMS]
    summed = select(*key, literal(0), *totals).group_by(*key).having(or_(*(total != literal(0) for total in totals)))
    into = insert_into("postgresql", Tally).from_select([each.key for each in (*_KEY, Tally.line, *_SUMS)], summed)
    added = {each.key: each + into.excluded[each.key] for each in _SUMS}
    return into.on_conflict_do_update(index_elements=[*_KEY, Tally.line], set_=added).returning(Tally.scope)


@cache
def _abandoned() -> Executable:
    """The lines of connections that are gone, by one step of ix_tally_line for each line that there is."""
    found = select(func.min(Tally.line).label("line")).cte("found", recursive=True)
    following = select(func.min(Tally.line)).where(Tally.line > found.c.line).scalar_subquery()
    found = found.union_all(select(following).where(found.c.line.is_not(None)))
    alive = select(_BACKENDS.c.pid)
    return select(found.c.line).where(found.c.line > 0, found.c.line.not_in(alive)).limit(SLICE)


def forget_tallies(connection: Connection, scope: Scope, names: Sequence[str]) -> None:
    """Nothing is left to count under these names."""
    connection.execute(delete(Tally).where(Tally.scope == scope, Tally.name.in_(names)))
