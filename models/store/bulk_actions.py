"""Bulk actions: made, worked on a slice at a time, looked at, aborted.

The filter is frozen when the action is made: it touches jobs that were there at that moment alone, in the order of their ids.
A slice is one transaction: it changes the jobs and moves on `reached_id` and the counts, under the lock of the action's row. That
lock is all the lease there is. Whoever is killed in the middle of a slice has done nothing of it, and anybody goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, insert, select, update

from models.base import db_now
from models.bulk_action import OPEN, BulkAction, BulkState, BulkVerb
from models.database import Database, again_after_conflict
from models.ids import new_id
from models.job import Job
from models.state import JobState
from models.store.admin import SLICE, cancel_some, retry_some
from models.store.queries import JobFilter, JobView, list_jobs, matching, stretch_of
from models.store.receipts import Request, close_receipt, open_receipt
from models.store.walk import is_one_of, walk_the_index

EXAMPLES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class NewBulkAction:
    """What is asked for. The filter names an owner."""

    action: BulkVerb
    wanted: JobFilter
    reason: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkActionView:
    """A bulk action as it is shown."""

    id: str
    owner: str
    key_id: str | None
    action: BulkVerb
    filter: Mapping[str, Any]
    reason: str | None
    state: BulkState
    total: int
    changed: int
    skipped: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What a bulk action would do now."""

    total: int
    examples: Sequence[JobView]


_VIEW_COLUMNS = tuple(getattr(BulkAction, name) for name in BulkActionView.__slots__)


def preview_bulk_action(database: Database, new: NewBulkAction) -> Preview:
    """How many jobs it would change now, and some of them. Reads the filter's stretch."""
    conditions = _possible(new.action, new.wanted)
    with database.read_together() as connection:
        _walk(connection, new.wanted)
        total = connection.execute(select(func.count()).where(*conditions)).scalar_one()
        some = select(Job.id).where(*conditions).order_by(*stretch_of(new.wanted).newest_first()).limit(EXAMPLES)
        ids = tuple(connection.execute(some).scalars())
    examples = list_jobs(database, JobFilter(ids=ids, owner=new.wanted.owner), limit=EXAMPLES) if ids else []
    return Preview(total=total, examples=examples)


@again_after_conflict
def create_bulk_action(database: Database, new: NewBulkAction, *, request: Request | None = None) -> str:
    """The id of a new action, which is worked on from now on. A `request` is done once; its receipt holds `bulk_action_id`.

    Raises AnsweredBeforeError, KeyReusedError.
    """
    action_id = new_id("blk")
    possible = _possible(new.action, new.wanted)
    with database.write() as connection:
        if request is not None:
            open_receipt(connection, database.dialect, request)
        _walk(connection, new.wanted)
        newest = select(Job.id).where(*possible).order_by(*stretch_of(new.wanted).newest_first())
        last_id = connection.execute(newest.limit(1)).scalar()
        values: dict[str, Any] = {
            "id": action_id, "owner": new.wanted.owner, "key_id": new.key_id, "action": new.action, "reason": new.reason,
            "filter": _document(new.wanted), "state": BulkState.PENDING, "total": 0, "changed": 0, "skipped": 0,
            "last_id": last_id, "frozen_at": db_now(), "created_at": db_now(),
        }  # fmt: skip
        if last_id is None:
            values |= {"state": BulkState.SUCCEEDED, "finished_at": db_now()}
        else:
            counted = select(func.count()).where(*possible, Job.id <= last_id)
            values["total"] = connection.execute(counted).scalar_one()
        connection.execute(insert(BulkAction).values(**values))
        if request is not None:
            close_receipt(connection, request, {"bulk_action_id": action_id})
    return action_id


def is_any_open() -> ColumnElement[bool]:
    """Is there one to work on? Uses ix_bulk_action_open."""
    return exists().where(_is_open())


@again_after_conflict
def work_on_some(database: Database) -> bool:
    """Do a slice of one open action that nobody works on at this moment, whichever; was there one?

    By chance, so that a small one does not wait for a large one. Uses ix_bulk_action_open.
    """
    one = select(BulkAction).where(_is_open()).order_by(func.random()).limit(1).with_for_update(skip_locked=True)
    with database.write() as connection:
        row = connection.execute(one).one_or_none()
        if row is None:
            return False
        _walk(connection, _wanted(row))
        ids = connection.execute(_slice_of(row)).scalars().all()
        changed = row.changed + len(_ACTS[BulkVerb(row.action)](connection, Job.id.in_(ids)))
        values: dict[str, Any] = {
            "state": BulkState.RUNNING, "changed": changed, "started_at": func.coalesce(BulkAction.started_at, db_now())
        }  # fmt: skip
        if len(ids) < SLICE:
            skipped = max(0, row.total - changed)
            values |= {"state": BulkState.SUCCEEDED, "skipped": skipped, "finished_at": db_now()}
        if ids:
            values["reached_id"] = ids[-1]
        connection.execute(update(BulkAction).where(BulkAction.id == row.id).values(**values))
    return True


def abort_bulk_action(database: Database, action_id: str, *, owner: str) -> bool:
    """Stop it after the slice that is under way; was it open? What was done stays done."""
    mine = (BulkAction.id == action_id, BulkAction.owner == owner, _is_open())
    with database.write() as connection:
        stopped = update(BulkAction).where(*mine).values(state=BulkState.ABORTED, finished_at=db_now())
        return bool(connection.execute(stopped).rowcount)


def find_bulk_action(database: Database, action_id: str, *, owner: str) -> BulkActionView | None:
    """The owner's action of that id."""
    query = select(*_VIEW_COLUMNS).where(BulkAction.id == action_id, BulkAction.owner == owner)
    with database.read() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _view(row)


def list_bulk_actions(database: Database, *, owner: str, limit: int, before: str | None = None) -> list[BulkActionView]:
    """The owner's actions, newest first; `before` is the last id of the page before. Uses ix_bulk_action_owner."""
    query = select(*_VIEW_COLUMNS).where(BulkAction.owner == owner).order_by(BulkAction.id.desc()).limit(limit)
    if before is not None:
        query = query.where(BulkAction.id < before)
    with database.read() as connection:
        return [_view(row) for row in connection.execute(query)]


_ACTS: Mapping[BulkVerb, Callable[[Connection, ColumnElement[bool]], Sequence[str]]] = {
    BulkVerb.CANCEL: cancel_some,
    BulkVerb.RETRY: retry_some,
}


def _is_open() -> ColumnElement[bool]:
    return BulkAction.state.in_(sorted(OPEN))


def _walk(connection: Connection, wanted: JobFilter) -> None:
    """Read the filter's stretch in its own order; ids are looked up."""
    if wanted.ids is None:
        walk_the_index(connection)


def _possible(
    verb: BulkVerb, wanted: JobFilter, *, moment: Any = None, after: str | None = None
) -> list[ColumnElement[bool]]:
    """The jobs of the filter for which it is possible, and was at that moment, as far as can be seen; without one, now."""
    at = db_now() if moment is None else moment
    stretch = stretch_of(wanted)
    place = stretch.within() if after is None else stretch.after(after)
    conditions = [
        *place, *matching(wanted, within=stretch), is_one_of(verb.sources), Job.created_at <= at
    ]  # fmt: skip
    if verb is BulkVerb.CANCEL:
        return [*conditions, Job.cancel_requested.is_(False)]
    return [*conditions, Job.finished_at <= at]


def _slice_of(row: Any) -> Select[Any]:
    """The next jobs, locked in one order by all: that of their ids. Walks the filter's stretch from where it has come to."""
    wanted = _wanted(row)
    conditions = _possible(BulkVerb(row.action), wanted, moment=row.frozen_at, after=row.reached_id)
    in_order = select(Job.id).where(*conditions, Job.id <= row.last_id).order_by(*stretch_of(wanted).oldest_first())
    return in_order.limit(SLICE).with_for_update()


_NAMES: Mapping[str, str] = {
    "ids": "ids", "state": "state", "kind": "kind", "batch": "batch_id", "error": "error_code", "since": "since",
    "until": "until", "search": "search",
}  # fmt: skip
"""What the parts of a filter are called outside -> in JobFilter."""


def _document(wanted: JobFilter) -> dict[str, Any]:
    """The filter as it is stored and shown, without its owner."""
    given = {name: getattr(wanted, field) for name, field in _NAMES.items()}
    return {name: _plain(value) for name, value in given.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else str(value)


def _wanted(row: Any) -> JobFilter:
    given = {_NAMES[name]: value for name, value in row.filter.items()}
    for name, read in _READ.items():
        if name in given:
            given[name] = read(given[name])
    return JobFilter(owner=row.owner, **given)


_READ: Mapping[str, Callable[[Any], Any]] = {
    "ids": tuple, "state": JobState, "since": datetime.fromisoformat, "until": datetime.fromisoformat
}  # fmt: skip


def _view(row: Any) -> BulkActionView:
    values = dict(row._mapping)  # noqa: SLF001 - public by SQLAlchemy's documentation
    return BulkActionView(**values | {"action": BulkVerb(row.action), "state": BulkState(row.state)})
