"""Summing up what calls cost, in the transaction that stores them, so that calls and sums can never differ.

The day is that of the database's clock: processes whose own clocks differ would put one evening's calls into two days, and
a budget of a day would then be counted wrongly. SQLite knows no time zones, so the day is worked out in Python from the
database's time: one small query a group of records, not a call.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Connection, Date, Executable, select, true

from models.base import TypedId, db_now, nano_usd
from models.moves import CallRecord, Record
from models.pacific import pacific_day
from models.spending import Spending
from models.store.rows import BIG, TEXT, RowShape, insert_into

_KEY = ("day", "owner", "lane", "batch_id")
_SUMS = (
    "calls", "unpriced_calls", "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cost_usd",
    "presumed_usd",
)  # fmt: skip
_SPENT = RowShape(
    name="spent",
    types={"day": Date(), "owner": TEXT, "lane": TEXT, "batch_id": TypedId("bat"), **dict.fromkeys(_SUMS, BIG)},
)


def count_spending(connection: Connection, dialect: str, records: Sequence[Record], new_calls: set[str]) -> None:
    """Add the calls that were not stored before. The last statement of its transaction: many wait for the same rows."""
    day = today(connection) if new_calls else None
    add_spending(
        connection,
        dialect,
        (
            {"day": day, "owner": r.job.owner, "lane": call.lane, "batch_id": r.job.batch_id, **_used_by(call)}
            for r in records
            for call in r.calls
            if call.id in new_calls
        ),
    )


def add_spending(connection: Connection, dialect: str, rows: Iterable[dict[str, Any]]) -> None:
    """Add rows of day, owner, lane, batch_id and any sums (money in whole billionths) to what is there.

    Rows are locked in the order of their key, so that of two transactions one waits and neither has to give.
    """
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        into = merged.setdefault(tuple(row[name] for name in _KEY), dict.fromkeys(_SUMS, 0))
        for name in _SUMS:
            into[name] += row.get(name, 0)
    in_order = [
        {**dict(zip(_KEY, key, strict=True)), "day": key[0].isoformat(), **sums} for key, sums in sorted(merged.items())
    ]
    _SPENT.run(connection, _spending_upsert(dialect), in_order)


def today(connection: Connection) -> date:
    """The Pacific day that it is by the database's clock."""
    return pacific_day(database_time(connection))


def database_time(connection: Connection) -> datetime:
    """The database's clock at the start of the transaction."""
    now: datetime = connection.execute(select(db_now())).scalar_one()
    return now


def _used_by(call: CallRecord) -> dict[str, int]:
    return {
        "calls": 1,
        "unpriced_calls": int(call.cost_usd is None and call.input_tokens + call.output_tokens > 0),
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "thinking_tokens": call.thinking_tokens,
        "cached_tokens": call.cached_tokens,
        "cost_usd": nano_usd(call.cost_usd or Decimal(0)),
    }


@cache
def _spending_upsert(dialect: str) -> Executable:
    s = _SPENT.table(dialect).c
    # The list is read from front to back, which is the order in which its rows are locked.
    fresh = insert_into(dialect, Spending).from_select(
        [*_SPENT.types], select(*(s[key] for key in _SPENT.types)).where(true())
    )
    added: Executable = fresh.on_conflict_do_update(
        index_elements=list(_KEY), set_={name: getattr(Spending, name) + fresh.excluded[name] for name in _SUMS}
    )
    return added
