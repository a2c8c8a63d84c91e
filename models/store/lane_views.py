"""How the lanes stand, for people: every lane that a job, a pause, a limit or a budget names, with what it has to do and spent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Executable, func, select, type_coerce

from models.base import UsdAmount
from models.budget import EVERY_LANE, Budget, Period, Scope
from models.database import Database
from models.lane import Lane
from models.spending import Spending
from models.state import JobState
from models.store.lanes import LIMITS, is_paused_now
from models.store.spending import today
from models.tally import Tally


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneFacts:
    """One lane."""

    name: str
    is_paused: bool = False
    code: str | None = None
    """Of the failure that paused it; empty: a person did, or it is open."""
    reason: str | None = None
    paused_until: datetime | None = None
    """When it opens by itself; empty: when somebody has acted."""
    changed_at: datetime | None = None
    probe_at: datetime | None = None
    """When one job finds out whether the stopped lane is well again."""
    requests_per_minute: int | None = None
    """Limits of its own; empty: those of the settings."""
    input_tokens_per_minute: int | None = None
    requests_per_day: int | None = None
    fallback_model: str | None = None
    """What its jobs are asked with while it is paused for a reason of its own."""
    queued: int = 0
    waiting: int = 0
    running: int = 0
    calls_today: int = 0
    spent_today_usd: Decimal = Decimal(0)
    """What lost workers may have spent is in it, as budgets count it."""
    budget_usd_per_day: Decimal | None = None


def list_lanes(database: Database, *, also: Iterable[str] = ()) -> list[LaneFacts]:
    """Every lane that anything names, and those of `also`; by name.

    Counts nothing: what it has to do is in the tallies (pk_tally), what was spent in ix_spending_lane.
    """
    with database.read() as connection:
        rows = {row.name: row for row in connection.execute(_rows())}
        spent = {row.lane: row for row in connection.execute(_spent_today(connection))}
        budgets = {row.name: row.limit_usd for row in connection.execute(_budgets())}
        live = {(row.name, row.state): int(row.jobs) for row in connection.execute(_live())}
    named = {*rows, *spent, *budgets, *(lane for lane, _ in live), *also} - {EVERY_LANE}
    return [
        LaneFacts(
            name=name,
            **_of_row(rows.get(name)),
            queued=live.get((name, JobState.QUEUED), 0),
            waiting=live.get((name, JobState.WAITING), 0),
            running=live.get((name, JobState.RUNNING), 0),
            calls_today=int(spent[name].calls) if name in spent else 0,
            spent_today_usd=spent[name].cost + spent[name].presumed if name in spent else Decimal(0),
            budget_usd_per_day=budgets.get(name, budgets.get(EVERY_LANE)),
        )
        for name in sorted(named)
    ]


_OF_ROW = ("is_paused", "code", "reason", "paused_until", "changed_at", "probe_at", "fallback_model", *LIMITS)
_OF_A_PAUSE = frozenset({"code", "reason", "paused_until", "probe_at"})


def _rows() -> Executable:
    return select(
        Lane.name,
        is_paused_now().label("is_paused"),
        *(getattr(Lane, name) for name in _OF_ROW if name != "is_paused"),
    )


def _of_row(row: Any) -> dict[str, Any]:
    """What the lane's own row says; why it was paused is past as soon as it is open."""
    if row is None:
        return {}
    kept = (name for name in _OF_ROW if row.is_paused or name not in _OF_A_PAUSE)
    return {name: getattr(row, name) for name in kept} | {"is_paused": bool(row.is_paused)}


def _spent_today(connection: Connection) -> Executable:
    sums = (
        func.sum(Spending.calls).label("calls"),
        type_coerce(func.sum(Spending.cost_usd), UsdAmount).label("cost"),
        type_coerce(func.sum(Spending.presumed_usd), UsdAmount).label("presumed"),
    )
    return select(Spending.lane, *sums).where(Spending.day == today(connection)).group_by(Spending.lane)


def _budgets() -> Executable:
    return select(Budget.name, Budget.limit_usd).where(Budget.scope == Scope.LANE, Budget.period == Period.DAY)


def _live() -> Executable:
    live = (JobState.QUEUED, JobState.WAITING, JobState.RUNNING)
    jobs = func.sum(Tally.jobs)
    counted = select(Tally.name, Tally.state, jobs.label("jobs")).where(
        Tally.scope == Scope.LANE, Tally.state.in_(live)
    )
    return counted.group_by(Tally.name, Tally.state).having(jobs > 0)
