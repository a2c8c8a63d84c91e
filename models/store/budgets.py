"""Budgets: setting them, seeing how they stand, and telling which jobs are under one. `holds` reserves against them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
    union_all,
    update,
)

from models.base import UsdAmount, db_now
from models.budget import EVERY_LANE, Budget, Hold, Period, Scope
from models.database import Database, again_after_conflict
from models.failures import FailureCode, FailureError, failure
from models.job import Job
from models.lane import Lane
from models.spending import Spending
from models.store.rows import insert_into
from models.store.spending import today

LEAST_USD, MOST_USD = Decimal("0.000001"), Decimal(1_000_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What a call would be booked under."""

    batch_id: str
    owner: str
    lane: str

    def names(self) -> tuple[tuple[Scope, str], ...]:
        """Scope and name of each budget that there may be."""
        return (Scope.BATCH, self.batch_id), (Scope.OWNER, self.owner), (Scope.LANE, self.lane)


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetView:
    """One budget, and how it stands."""

    scope: str
    name: str
    period: str
    limit_usd: Decimal
    spent_usd: Decimal | None
    """Today, or in all; empty for the budget of every lane, since each lane has its own."""
    held_usd: Decimal | None
    """What calls under way may cost."""
    is_spent: bool
    """Nothing more is asked under it, until its limit is raised or `opens_at`."""
    opens_at: datetime | None
    created_at: datetime


def check_limit(limit_usd: Decimal, *, field: str) -> Decimal:
    """The limit, if it can be one. Raises FailureError(invalid_options) naming the field."""
    if limit_usd.is_finite() and LEAST_USD <= limit_usd <= MOST_USD:
        return limit_usd
    words = f"{field} must be an amount of US dollars between {LEAST_USD} and {MOST_USD:,}, not {limit_usd}"
    raise FailureError(failure(FailureCode.INVALID_OPTIONS, words, field=field))


@again_after_conflict
def set_budget(
    database: Database, scope: Scope, name: str, *, limit_usd: Decimal, period: Period = Period.TOTAL
) -> None:
    """Set a limit, or change it; a higher one lets go on what was spent.

    Raises FailureError(invalid_options) naming `limit_usd`.
    """
    check_limit(limit_usd, field="limit_usd")
    with database.write() as connection:
        put_budget(connection, database.dialect, scope, name, limit_usd=limit_usd, period=period)
        if scope is Scope.LANE:
            _open_lanes(connection, name)


@again_after_conflict
def remove_budget(database: Database, scope: Scope, name: str, *, period: Period) -> bool:
    """Let what was under the limit go on without it; was there one? Uses the primary key."""
    which = (Budget.scope == scope, Budget.name == name, Budget.period == period)
    with database.write() as connection:
        is_gone = connection.execute(delete(Budget).where(*which)).rowcount > 0
        if is_gone and scope is Scope.LANE:
            _open_lanes(connection, name)
    return is_gone


def put_budget(
    connection: Connection, dialect: str, scope: Scope, name: str, *, limit_usd: Decimal, period: Period
) -> None:
    """The same within a transaction; its last statement, because calls wait for the budget's row."""
    values = {
        "scope": scope, "name": name, "period": period, "batch_id": name if scope is Scope.BATCH else None,
        "limit_usd": limit_usd, "is_spent": False, "opens_at": None, "created_at": db_now(),
    }  # fmt: skip
    fresh = insert_into(dialect, Budget).values(**values)
    is_raised = fresh.excluded.limit_usd > Budget.limit_usd
    changed = {
        "limit_usd": fresh.excluded.limit_usd,
        "is_spent": case((is_raised, false()), else_=Budget.is_spent),
        "opens_at": case((is_raised, None), else_=Budget.opens_at),
    }
    connection.execute(fresh.on_conflict_do_update(index_elements=["scope", "name", "period"], set_=changed))


def _open_lanes(connection: Connection, name: str) -> None:
    """Lanes that were paused because their budget was spent try again."""
    which = true() if name == EVERY_LANE else Lane.name == name
    spent = (Lane.paused, Lane.code == FailureCode.BUDGET_EXCEEDED, which)
    connection.execute(update(Lane).where(*spent).values(paused=False, paused_until=None, changed_at=db_now()))


def is_limit_still(connection: Connection, lane: str, period: Period, limit_usd: Decimal) -> bool:
    """Is the lane's limit no higher than that, within a transaction? Whoever raises it comes after, and opens the lane."""
    of_lane = (Budget.scope == Scope.LANE, Budget.name.in_([EVERY_LANE, lane]), Budget.period == period)
    rows = connection.execute(
        select(Budget.name, Budget.limit_usd).where(*of_lane).order_by(Budget.name).with_for_update()
    )
    limits = {row.name: row.limit_usd for row in rows}
    limit: Decimal | None = limits.get(lane, limits.get(EVERY_LANE))
    return limit is not None and limit <= limit_usd


def list_budgets(database: Database, *, scope: Scope | None = None, name: str | None = None) -> list[BudgetView]:
    """The budgets, and how they stand."""
    wanted = [column == value for column, value in ((Budget.scope, scope), (Budget.name, name)) if value is not None]
    columns = (
        Budget.scope, Budget.name, Budget.period, Budget.limit_usd, spent_now().label("is_spent"), Budget.opens_at,
        Budget.created_at,
    )  # fmt: skip
    query = select(*columns).where(*wanted).order_by(Budget.scope, Budget.name, Budget.period)
    with database.read() as connection:
        rows = connection.execute(query).all()
        sums = sums_of(connection, [(Scope(r.scope), r.name, Period(r.period)) for r in rows], today(connection))
    return [
        BudgetView(
            **{**row._mapping, "is_spent": bool(row.is_spent)},  # noqa: SLF001 - public by SQLAlchemy's documentation
            spent_usd=None if row.name == EVERY_LANE else spent,
            held_usd=None if row.name == EVERY_LANE else held,
        )
        for row, (spent, held) in zip(rows, sums, strict=True)
    ]


def under_budget(database: Database, targets: Sequence[Target]) -> list[bool]:
    """For each target, whether there is a budget that it comes under. Uses the primary key."""
    wanted: dict[Scope, set[str]] = {Scope.LANE: {EVERY_LANE}}
    for target in targets:
        for scope, name in target.names():
            wanted.setdefault(scope, set()).add(name)
    with database.read() as connection:
        found = {
            (row.scope, row.name) for row in connection.execute(select(Budget.scope, Budget.name).where(named(wanted)))
        }
    has_default = (Scope.LANE, EVERY_LANE) in found
    return [has_default or any(key in found for key in target.names()) for target in targets]


def named(wanted: dict[Scope, set[str]]) -> ColumnElement[bool]:
    """Budgets of these names."""
    return or_(*(and_(Budget.scope == scope, Budget.name.in_(sorted(names))) for scope, names in wanted.items()))


def sums_of(
    connection: Connection, budgets: Iterable[tuple[Scope, str, Period]], day: date
) -> list[tuple[Decimal, Decimal]]:
    """What is spent and what is held under each budget, today where it is one of a day.

    One statement, and so one snapshot: a call that is recorded meanwhile is seen as held or as spent, never as neither.
    Uses ix_spending_batch, ix_spending_owner, ix_spending_lane; the holds are as many as the calls in flight.
    """
    parts = []
    for number, (scope, name, period) in enumerate(budgets):
        both = type_coerce(func.sum(Spending.cost_usd + Spending.presumed_usd), UsdAmount)
        spent = select(both).where(_column(Spending, scope) == name)
        if period is Period.DAY:
            spent = spent.where(Spending.day == day)
        held = select(func.sum(Hold.amount_usd)).where(_column(Hold, scope) == name)
        parts.append(select(literal(number).label("number"), spent.scalar_subquery(), held.scalar_subquery()))
    if not parts:
        return []
    rows = sorted(connection.execute(union_all(*parts)), key=lambda row: int(row[0]))
    return [(row[1] or Decimal(0), row[2] or Decimal(0)) for row in rows]


def _column(table: type[Spending | Hold], scope: Scope) -> Any:
    return {Scope.BATCH: table.batch_id, Scope.OWNER: table.owner, Scope.LANE: table.lane}[scope]


@cache
def spent_now() -> ColumnElement[bool]:
    """Is a budget spent at the moment?"""
    return and_(Budget.is_spent, or_(Budget.opens_at.is_(None), Budget.opens_at > db_now()))


@cache
def is_out_of_budget() -> ColumnElement[bool]:
    """Is a job's batch or owner out of money? Uses ix_budget_spent, once a statement; a lane without money is paused."""
    batches = select(Budget.batch_id).where(spent_now(), Budget.scope == Scope.BATCH, Budget.batch_id.is_not(None))
    owners = select(Budget.name).where(spent_now(), Budget.scope == Scope.OWNER)
    return or_(Job.batch_id.in_(batches), Job.owner.in_(owners))
