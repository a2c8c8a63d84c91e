"""Reading what was spent: sums by day, owner, lane or batch. They stay when the jobs are purged."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, select

from models.database import Database
from models.spending import Spending


class UsageBy(StrEnum):
    """What sums are told apart by."""

    DAY = "day"
    OWNER = "owner"
    LANE = "lane"
    BATCH = "batch"


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageFilter:
    """Which spending is meant; what is not given does not matter. Days are Pacific ones."""

    since: date | None = None
    """The first day."""
    until: date | None = None
    """The last day."""
    owner: str | None = None
    lane: str | None = None
    batch_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What calls used and cost."""

    calls: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    presumed_usd: Decimal = Decimal(0)
    """What lost workers may have spent beside it."""


def usage_by(database: Database, by: UsageBy, wanted: UsageFilter) -> dict[str, Usage]:
    """The sums by the days (ISO), owners, lanes or batch ids that have any, in their order.

    Uses ix_spending_batch, ix_spending_owner or ix_spending_lane where one of them is given.
    """
    key = Spending.batch_id if by is UsageBy.BATCH else getattr(Spending, by.value)
    query = select(key, *_sums()).where(*_matching(wanted)).group_by(key).order_by(key)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return {_name(row[0]): _usage(row[1:]) for row in rows}


def usage(database: Database, wanted: UsageFilter) -> Usage:
    """The sum of all that was spent."""
    with database.read() as connection:
        return _usage(connection.execute(select(*_sums()).where(*_matching(wanted))).one())


def _sums() -> list[ColumnElement[Any]]:
    return [func.sum(getattr(Spending, name)) for name in Usage.__slots__]


def _usage(sums: Iterable[Any]) -> Usage:
    values: dict[str, Any] = {
        name: (value or Decimal(0)) if name.endswith("_usd") else int(value or 0)
        for name, value in zip(Usage.__slots__, sums, strict=True)
    }
    return Usage(**values)


def _name(key: str | date) -> str:
    return key.isoformat() if isinstance(key, date) else key


def _matching(wanted: UsageFilter) -> list[ColumnElement[bool]]:
    same = ((column, getattr(wanted, column.key)) for column in (Spending.owner, Spending.lane, Spending.batch_id))
    conditions = [column == value for column, value in same if value is not None]
    if wanted.since is not None:
        conditions.append(Spending.day >= wanted.since)
    if wanted.until is not None:
        conditions.append(Spending.day <= wanted.until)
    return conditions
