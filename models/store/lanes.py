"""Lanes: pausing and opening them, their limits, and how they stand, as workers see them.

There are as many rows as models, so every verb reads or changes them without an index. A person's pause stands above every
other: workers neither shorten it nor open the lane.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, case, false, func, literal, or_, select, update

from models.base import db_after, db_now, db_seconds_until
from models.budget import Period
from models.database import Database, again_after_conflict
from models.failures import FailureCode, FailureError, failure
from models.lane import Lane
from models.store.budgets import is_limit_still
from models.store.rows import insert_into

PROBE_SECONDS = 300.0
"""Between two calls that find out whether a stopped lane is well again."""
REFUSALS_WINDOW_SECONDS = 600.0
LIMITS = ("requests_per_minute", "input_tokens_per_minute", "requests_per_day")
MOST_LIMIT = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How one lane stands, on the database's clock."""

    name: str
    is_paused: bool
    code: str | None
    """Of the failure that paused it; empty: a person did."""
    reason: str | None
    seconds_left: float | None
    """Until it opens by itself; empty: when somebody has acted."""
    is_probe_due: bool
    """One job may find out whether it is well again."""
    requests_per_minute: int | None
    input_tokens_per_minute: int | None
    requests_per_day: int | None
    has_fallback: bool
    """While it is paused as it is, its jobs may be asked with another model."""


def is_paused_now() -> ColumnElement[bool]:
    """Is a lane's row one of a lane that is paused now?"""
    return and_(Lane.paused, or_(Lane.paused_until.is_(None), Lane.paused_until > db_now()))


def is_stopped() -> ColumnElement[bool]:
    """Is a lane's row one of a lane that a failure paused until somebody acts?"""
    return and_(Lane.paused, Lane.paused_until.is_(None), Lane.code.is_not(None))


_QUESTIONS = ("is_paused", "is_probe_due", "has_fallback")


def standings(database: Database) -> list[Standing]:
    """How every lane stands that was ever paused or given limits."""
    query = select(
        Lane.name,
        is_paused_now().label("is_paused"),
        Lane.code,
        Lane.reason,
        db_seconds_until(Lane.paused_until).label("seconds_left"),
        and_(is_stopped(), Lane.probe_at <= db_now()).label("is_probe_due"),
        *(getattr(Lane, name) for name in LIMITS),
        and_(Lane.fallback_model.is_not(None), func.coalesce(Lane.may_fall_back, False)).label("has_fallback"),
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [
        Standing(**{**row._mapping, **{name: bool(getattr(row, name)) for name in _QUESTIONS}})  # noqa: SLF001
        for row in rows
    ]


@again_after_conflict
def pause_by_hand(database: Database, name: str, *, reason: str, seconds: float | None) -> None:
    """A person pauses the lane: for some seconds, or until a person resumes it."""
    values = _pause(code=None, reason=reason, seconds=seconds, may_fall_back=True)
    with database.write() as connection:
        fresh = insert_into(database.dialect, Lane).values(name=name, **values)
        connection.execute(fresh.on_conflict_do_update(index_elements=["name"], set_=values))


def pause(
    database: Database,
    name: str,
    *,
    code: FailureCode,
    reason: str,
    seconds: float | None,
    is_probe: bool = False,
    is_unnamed: bool = False,
    may_fall_back: bool = False,
    spent_limit: tuple[Period, Decimal] | None = None,
) -> int | None:
    """A worker met a wall: let nothing more of the lane begin, for some seconds or until somebody acts.

    A longer pause stays, unless a probe brings newer news; one of a person's always. Returns how often in ten minutes the
    lane was refused without a reason, this time (`is_unnamed`) included; 0 where that is not the point. With `may_fall_back`
    its jobs may meanwhile be asked with its fallback. With a `spent_limit` that was raised meanwhile it is not
    paused, and None is returned.
    """
    values = _pause(code=code, reason=reason, seconds=seconds, may_fall_back=may_fall_back)
    first = {"refusals": 1, "refusals_since": db_now()} if is_unnamed else {}
    by_hand = and_(is_paused_now(), Lane.code.is_(None))
    stays = by_hand if is_probe else or_(by_hand, and_(is_paused_now(), _lasts_longer(seconds)))
    with database.write() as connection:
        if spent_limit is not None and not is_limit_still(connection, name, *spent_limit):
            return None
        fresh = insert_into(database.dialect, Lane).values(name=name, **values, **first)
        put = fresh.on_conflict_do_update(
            index_elements=["name"], set_=values | (_one_more() if is_unnamed else {}), where=~stays
        )
        refusals = connection.execute(put.returning(Lane.refusals)).scalar()
    return (refusals or 0) if is_unnamed else 0


def _pause(*, code: FailureCode | None, reason: str, seconds: float | None, may_fall_back: bool) -> dict[str, object]:
    return {
        "paused": True,
        "code": code,
        "reason": reason,
        "paused_until": None if seconds is None else db_after(literal(seconds)),
        "probe_at": db_after(literal(PROBE_SECONDS)) if code is not None and seconds is None else None,
        "may_fall_back": may_fall_back,
        "changed_at": db_now(),
    }


def _lasts_longer(seconds: float | None) -> ColumnElement[bool]:
    if seconds is None:
        return false()
    return or_(Lane.paused_until.is_(None), Lane.paused_until > db_after(literal(seconds)))


def _one_more() -> dict[str, object]:
    """One more refusal without a reason; calls in flight that meet the same wall, in whatever process, count once."""
    is_recent = Lane.refusals_since > db_after(literal(-REFUSALS_WINDOW_SECONDS))
    counted = func.coalesce(Lane.refusals, 0)
    return {
        "refusals": case((and_(is_recent, is_paused_now()), counted), (is_recent, counted + 1), else_=1),
        "refusals_since": case((is_recent, Lane.refusals_since), else_=db_now()),
    }


@again_after_conflict
def resume(database: Database, name: str) -> bool:
    """Open the lane, whoever paused it; was it paused?"""
    opened = update(Lane).where(Lane.name == name, is_paused_now())
    with database.write() as connection:
        return connection.execute(opened.values(**_OPEN, refusals=None, refusals_since=None)).rowcount > 0


def open_after_probe(database: Database, name: str) -> bool:
    """A call found the stopped lane well: open it, unless a person has paused it meanwhile; was it opened?"""
    with database.write() as connection:
        return connection.execute(update(Lane).where(Lane.name == name, is_stopped()).values(**_OPEN)).rowcount > 0


_OPEN = {"paused": False, "paused_until": None, "probe_at": None, "may_fall_back": None, "changed_at": db_now()}


def probe_in(database: Database, name: str | None, *, seconds: float) -> None:
    """After so many seconds a job may find out whether the stopped lane is well again; without a name, whether any is."""
    which = [is_stopped()] if name is None else [is_stopped(), Lane.name == name]
    with database.write() as connection:
        connection.execute(update(Lane).where(*which).values(probe_at=db_after(literal(seconds))))


@again_after_conflict
def set_limits(database: Database, name: str, limits: Mapping[str, int | None]) -> None:
    """Give the lane some of `LIMITS`; None: what the settings say. Raises FailureError(invalid_options) naming the limit."""
    for field, limit in limits.items():
        check_limit(limit, field=field)
    _put(database, name, limits)


@again_after_conflict
def set_fallback(database: Database, name: str, model: str | None) -> None:
    """The model that the lane's jobs are asked with while it is paused; None: they wait."""
    _put(database, name, {"fallback_model": model})


def _put(database: Database, name: str, values: Mapping[str, object]) -> None:
    fresh = insert_into(database.dialect, Lane).values(name=name, paused=False, changed_at=db_now(), **values)
    with database.write() as connection:
        connection.execute(fresh.on_conflict_do_update(index_elements=["name"], set_=dict(values)))


def check_limit(limit: int | None, *, field: str) -> int | None:
    """The limit, if it can be one. Raises FailureError(invalid_options) naming the field."""
    if limit is None or 0 < limit <= MOST_LIMIT:
        return limit
    words = f"{field} must be a whole number between 1 and {MOST_LIMIT:,}, not {limit:,}"
    raise FailureError(failure(FailureCode.INVALID_OPTIONS, words, field=field))
