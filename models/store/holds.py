"""Holds: reserving what a call may cost before it is made, so that no number of processes overruns a budget.

A hold ends in the transaction that records its call (`end_holds`), or is given back where no call was made (`release`). The
hold of a lost worker is neither: its call may have been paid, so its amount is presumed to be spent and stays counted. Should
the worker come back after all and record the call, both count: a budget is rather left with a rest than overrun.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from sqlalchemy import ColumnElement, Connection, Executable, delete, exists, literal, select, true, update

from models.base import TypedId, db_after, db_now, nano_usd
from models.budget import EVERY_LANE, Budget, Hold, Period, Scope
from models.database import Database, again_after_conflict
from models.pacific import end_of_day, pacific_day, seconds_left
from models.parcel import ParcelledCall
from models.store.budgets import Target, named, sums_of
from models.store.rows import BIG, TEXT, RowShape, insert_into
from models.store.spending import add_spending, database_time, today
from models.worker import Worker

SILENT_LEASES = 2.0
"""For so many leases a silent worker may yet record the calls that it has money held for."""

_HOLDS = RowShape(
    name="holds",
    types={
        "id": TypedId("cal"), "job_id": TypedId("job"), "batch_id": TypedId("bat"), "owner": TEXT, "lane": TEXT,
        "worker_id": TypedId("wrk"), "amount_usd": BIG,
    },
)  # fmt: skip
_ENDED = RowShape(name="ended", types={"id": TypedId("cal")})


@dataclass(frozen=True, kw_only=True, slots=True)
class Want:
    """What a call may cost at most, to be held for it."""

    call_id: str
    job_id: str
    worker_id: str
    target: Target
    amount_usd: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Denial:
    """Why nothing was held: the budget that has no room for the call."""

    scope: Scope
    name: str
    period: Period
    limit_usd: Decimal
    spent_usd: Decimal
    held_usd: Decimal
    amount_usd: Decimal
    is_spent: bool
    """The call would not fit even if nothing were held; else there may be room in a second, when calls have ended."""
    ends_in_seconds: float | None
    """Until a budget of a day begins anew."""


@dataclass(kw_only=True, slots=True)
class _Standing:
    """How a locked budget stands while a group of wants is decided."""

    limit_usd: Decimal
    spent_usd: Decimal
    held_usd: Decimal


_Key = tuple[Scope, str, Period]


def reserve(database: Database, wants: Sequence[Want]) -> list[Denial | None]:
    """Hold what the calls may cost, in their order, as far as it fits under every budget; for each, why not if it does not.

    A call under no budget is let through and holds nothing. Repeating it with the same call ids is harmless. Relies on the
    budgets' rows being locked in one order by all, which makes those who reserve under the same budget take turns; and on
    the sums being one snapshot, taken after the locks.
    """
    with database.write() as connection:
        budgets = _locked(connection, wants)
        if not budgets:
            return [None] * len(wants)
        # Of an earlier try at the same, whose commit had an unknown outcome.
        end_holds(connection, database.dialect, [want.call_id for want in wants])
        now = database_time(connection)
        standings = _standings(connection, budgets, wants, now)
        denials = [_decide(want, standings, now) for want in wants]
        held = [w for w, denial in zip(wants, denials, strict=True) if denial is None and _of(w, standings)]
        _HOLDS.run(connection, _hold_insert(database.dialect), [_hold_row(want) for want in held])
        _mark_spent(connection, denials, now)
    return denials


@again_after_conflict
def release(database: Database, call_ids: Sequence[str]) -> None:
    """End holds of calls that were not made."""
    with database.write() as connection:
        end_holds(connection, database.dialect, call_ids)


@again_after_conflict
def presume(database: Database, call_ids: Sequence[str]) -> None:
    """End holds of calls that were broken off: nobody will know what they cost, and they may have been paid."""
    with database.write() as connection:
        presume_spent(connection, database.dialect, Hold.id.in_(call_ids))


def end_holds(connection: Connection, dialect: str, call_ids: Sequence[str]) -> None:
    """End the holds of these calls, those that there are. Uses the primary key."""
    _ENDED.run(connection, _hold_delete(dialect), [{"id": call_id} for call_id in sorted(call_ids)])


def presume_spent(connection: Connection, dialect: str, which: ColumnElement[bool]) -> int:
    """End holds whose calls nobody will record: what they held is presumed to be spent today; how many."""
    names = ("owner", "lane", "batch_id", "amount_usd")
    lost = connection.execute(delete(Hold).where(which).returning(*(getattr(Hold, name) for name in names))).all()
    if lost:
        day = today(connection)
        rows = (
            {
                "day": day,
                "owner": h.owner,
                "lane": h.lane,
                "batch_id": h.batch_id,
                "presumed_usd": nano_usd(h.amount_usd),
            }
            for h in lost
        )
        add_spending(connection, dialect, rows)
    return len(lost)


def in_parcel() -> ColumnElement[bool]:
    """Is the hold for a call that left in a parcel? It then outlives the worker, until somebody books the call."""
    return select(ParcelledCall.id).where(ParcelledCall.id == Hold.id).exists()


def is_any_lost(*, silent_seconds: float) -> ColumnElement[bool]:
    """Is there a hold of a worker that left or was silent for so long?"""
    return exists(select(Hold.id).where(_is_lost(silent_seconds)))


def presume_lost(database: Database, *, silent_seconds: float) -> int:
    """End the holds of workers that left or were silent for so long; how many."""
    with database.write() as connection:
        return presume_spent(connection, database.dialect, _is_lost(silent_seconds))


def _is_lost(silent_seconds: float) -> ColumnElement[bool]:
    alive = (Worker.id == Hold.worker_id) & Worker.stopped_at.is_(None)
    alive &= Worker.beat_at > db_after(literal(-silent_seconds))
    return ~select(Worker.id).where(alive).exists() & ~in_parcel()


def _locked(connection: Connection, wants: Sequence[Want]) -> dict[_Key, Decimal]:
    """The limits of the budgets that the wants may come under, their rows locked in the order of their keys."""
    wanted: dict[Scope, set[str]] = {Scope.LANE: {EVERY_LANE}}
    for want in wants:
        for scope, name in want.target.names():
            wanted.setdefault(scope, set()).add(name)
    columns = (Budget.scope, Budget.name, Budget.period, Budget.limit_usd)
    query = select(*columns).where(named(wanted)).order_by(*columns[:3]).with_for_update()
    return {(Scope(r.scope), r.name, Period(r.period)): r.limit_usd for r in connection.execute(query)}


def _standings(
    connection: Connection, budgets: dict[_Key, Decimal], wants: Sequence[Want], now: datetime
) -> dict[_Key, _Standing]:
    """How each budget stands; a lane without one of its own has that of every lane, with sums of its own."""
    limits: dict[_Key, Decimal] = {}
    for scope, name in dict.fromkeys(pair for want in wants for pair in want.target.names()):
        for period in Period:
            default = budgets.get((scope, EVERY_LANE, period)) if scope is Scope.LANE else None
            limit = budgets.get((scope, name, period), default)
            if limit is not None:
                limits[scope, name, period] = limit
    sums = sums_of(connection, limits, pacific_day(now))
    return {
        key: _Standing(limit_usd=limit, spent_usd=spent, held_usd=held)
        for (key, limit), (spent, held) in zip(limits.items(), sums, strict=True)
    }


def _of(want: Want, standings: dict[_Key, _Standing]) -> dict[_Key, _Standing]:
    """The budgets that a want comes under."""
    keys = ((scope, name, period) for scope, name in want.target.names() for period in Period)
    return {key: standings[key] for key in keys if key in standings}


def _decide(want: Want, standings: dict[_Key, _Standing], now: datetime) -> Denial | None:
    """Hold the amount under all of the want's budgets, or under none; a spent one is the reason before a merely held one."""
    mine, amount = _of(want, standings), want.amount_usd
    short = {key: s for key, s in mine.items() if s.spent_usd + s.held_usd + amount > s.limit_usd}
    if not short:
        for standing in mine.values():
            standing.held_usd += amount
        return None
    spent = {key: s for key, s in short.items() if s.spent_usd + amount > s.limit_usd}
    (scope, name, period), standing = next(iter((spent or short).items()))
    return Denial(
        scope=scope, name=name, period=period, limit_usd=standing.limit_usd, spent_usd=standing.spent_usd,
        held_usd=standing.held_usd, amount_usd=amount, is_spent=bool(spent),
        ends_in_seconds=seconds_left(now) if period is Period.DAY else None,
    )  # fmt: skip


def _mark_spent(connection: Connection, denials: Sequence[Denial | None], now: datetime) -> None:
    """Let dispatch know; the budget of every lane has no row for one lane, whose pause is the worker's to tell."""
    for scope, name, period in {(d.scope, d.name, d.period) for d in denials if d is not None and d.is_spent}:
        which = (Budget.scope == scope, Budget.name == name, Budget.period == period)
        opens_at = end_of_day(pacific_day(now)) if period is Period.DAY else None
        connection.execute(update(Budget).where(*which).values(is_spent=True, opens_at=opens_at))


def _hold_row(want: Want) -> dict[str, object]:
    return {
        "id": want.call_id, "job_id": want.job_id, "batch_id": want.target.batch_id, "owner": want.target.owner,
        "lane": want.target.lane, "worker_id": want.worker_id, "amount_usd": nano_usd(want.amount_usd),
    }  # fmt: skip


@cache
def _hold_insert(dialect: str) -> Executable:
    h = _HOLDS.table(dialect).c
    source = select(*(h[key] for key in _HOLDS.types), db_now()).where(true())
    fresh: Executable = insert_into(dialect, Hold).from_select([*_HOLDS.types, "made_at"], source)
    return fresh


@cache
def _hold_delete(dialect: str) -> Executable:
    return delete(Hold).where(Hold.id.in_(select(_ENDED.table(dialect).c.id)))
