"""The outbox: what is to be told is written in the transaction that makes it true, so that neither is without the other.

Every transaction that ends jobs hands them to `tell_ended`. Their own statement tells whether their owner has an endpoint at
all; where none has, that is all there is to it.

A batch has ended when none of its jobs has work to come. Two transactions that end its last two jobs at the same time would
each see the other's job alive, so they take turns: whoever ends jobs of a batch locks the batch and only then looks, and
whoever looks last sees all. That makes one message an ending, neither none nor two. Batches are locked in the order of
their ids, after jobs, and before budgets and sums.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, exists, insert, literal, select, true

from models.base import TypedId, db_now
from models.batch import Batch
from models.ids import new_id
from models.job import Job
from models.state import FINAL, LIVE
from models.store.rows import TEXT, RowShape
from models.store.spending import database_time
from models.store.tallies import batch_states
from models.webhook import DeliveryState, EndpointState, EventType, WebhookDelivery, WebhookEndpoint

Row = dict[str, Any]
_TOLD_OF_JOBS = (
    Job.id, Job.batch_id, Job.owner, Job.kind, Job.state, Job.client_ref, Job.error_code, Job.finished_at,
)  # fmt: skip
Wanted = Mapping[str, Mapping[str, frozenset[str]]]
"""Owner -> endpoint -> the types that it asks for."""

_MESSAGES = RowShape(
    name="messages",
    types={
        "id": TypedId("whd"), "endpoint_id": TypedId("whe"), "owner": TEXT, "event_id": TypedId("evt"), "event_type": TEXT,
        "body": TEXT,
    },
)  # fmt: skip


def ended_columns() -> tuple[Any, ...]:
    """What a statement that may end jobs has to return for `tell_ended`. It reads the active endpoints once, not for each job."""
    # Names no column of both tables in the subquery: for SQLite, SQLAlchemy leaves out the tables' names in RETURNING.
    watching = select(WebhookEndpoint.owner).where(WebhookEndpoint.state == EndpointState.ACTIVE)
    return Job.id, Job.state, Job.owner.in_(watching).label("is_watched")


def tell_ended(connection: Connection, dialect: str, moved: Iterable[Any]) -> None:
    """Of the jobs that were moved, tell of those that have ended, and of the batches that have with them.

    Nothing but a look at the rows where no owner of them has an endpoint.
    """
    ids = [row.id for row in moved if row.is_watched and row.state in FINAL]
    if not ids:
        return
    ended = connection.execute(select(*_TOLD_OF_JOBS).where(Job.id.in_(ids)).order_by(Job.id)).all()
    wanted = _endpoints_of(connection, {job.owner for job in ended})
    batches = {job.batch_id for job in ended if _asking(wanted, job.owner, EventType.BATCH_FINISHED)}
    put_messages(connection, dialect, [*_of_jobs(ended, wanted), *_of_batches(connection, batches, wanted)])


def tell_batches(connection: Connection, dialect: str, batches: Mapping[str, str]) -> None:
    """Tell of those of the batches (id -> owner) that have ended; for whoever kept them from it."""
    wanted = _endpoints_of(connection, set(batches.values()))
    asked = {batch_id for batch_id, owner in batches.items() if _asking(wanted, owner, EventType.BATCH_FINISHED)}
    put_messages(connection, dialect, _of_batches(connection, asked, wanted))


def message_rows(
    event_type: EventType, data: Mapping[str, Any], moment: datetime, *, owner: str, endpoint_ids: Iterable[str]
) -> list[Row]:
    """One event, for each of these endpoints."""
    event = {"type": str(event_type), "timestamp": _written(moment), "data": data}
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    shared = {"owner": owner, "event_id": new_id("evt"), "event_type": str(event_type), "body": body}
    return [{"id": new_id("whd"), "endpoint_id": endpoint_id, **shared} for endpoint_id in endpoint_ids]


def put_messages(connection: Connection, dialect: str, rows: Sequence[Row], *, by_hand: bool = False) -> None:
    """Write what is to be sent, at once."""
    _MESSAGES.run(connection, _message_insert(dialect, by_hand=by_hand), rows)


def _endpoints_of(connection: Connection, owners: set[str]) -> Wanted:
    """The active endpoints of these owners, which cannot be deleted before this transaction ends."""
    columns = (WebhookEndpoint.owner, WebhookEndpoint.id, WebhookEndpoint.event_types)
    active = (WebhookEndpoint.owner.in_(owners), WebhookEndpoint.state == EndpointState.ACTIVE)
    query = select(*columns).where(*active).order_by(WebhookEndpoint.id)
    found: dict[str, dict[str, frozenset[str]]] = {}
    for row in connection.execute(query.with_for_update(read=True, key_share=True)):
        found.setdefault(row.owner, {})[row.id] = frozenset(row.event_types.split())
    return found


def _asking(wanted: Wanted, owner: str, event_type: EventType) -> list[str]:
    return [endpoint_id for endpoint_id, types in wanted.get(owner, {}).items() if event_type in types]


def _of_jobs(ended: Sequence[Any], wanted: Wanted) -> list[Row]:
    return [
        message
        for job in ended
        for message in message_rows(
            EventType.JOB_FINISHED,
            {name: getattr(job, name) for name in ("id", "batch_id", "kind", "state", "client_ref", "error_code")},
            job.finished_at,
            owner=job.owner,
            endpoint_ids=_asking(wanted, job.owner, EventType.JOB_FINISHED),
        )
    ]


def _of_batches(connection: Connection, ids: set[str], wanted: Wanted) -> list[Row]:
    """Messages about those that have ended. Uses ix_job_batch; the counts are those of the tallies, however many jobs there are."""
    if not ids:
        return []
    connection.execute(select(Batch.id).where(Batch.id.in_(ids)).order_by(Batch.id).with_for_update(key_share=True))
    # A statement of its own: only what begins with the lock in hand sees what those before have done.
    over = connection.execute(select(Batch.id, Batch.name, Batch.owner).where(Batch.id.in_(ids), has_ended())).all()
    if not over:
        return []
    counts = batch_states(connection, [row.id for row in over])
    now = database_time(connection)
    return [
        message
        for row in sorted(over, key=lambda each: each.id)
        for message in message_rows(
            EventType.BATCH_FINISHED,
            {
                "id": row.id, "name": row.name, "total": sum(counts[row.id].values()),
                "states": {str(state): counts[row.id].get(state, 0) for state in sorted(FINAL)},
            },
            now,
            owner=row.owner,
            endpoint_ids=_asking(wanted, row.owner, EventType.BATCH_FINISHED),
        )
    ]  # fmt: skip


def has_ended() -> ColumnElement[bool]:
    """Has the batch no job with work to come, and comes no further one in?"""
    live = exists().where(Job.batch_id == Batch.id, Job.state.in_(sorted(LIVE)))
    return Batch.open_until.is_(None) & ~live & exists().where(Job.batch_id == Batch.id)


def _written(moment: datetime) -> str:
    """RFC 3339, such as `2026-11-23T10:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def _message_insert(dialect: str, *, by_hand: bool) -> Executable:
    m = _MESSAGES.table(dialect).c
    columns: dict[str, Any] = {key: m[key] for key in _MESSAGES.types} | {
        "state": literal(str(DeliveryState.PENDING)), "by_hand": literal(by_hand), "attempts": literal(0),
        "claim": literal(0), "due_at": db_now(), "created_at": db_now(),
    }  # fmt: skip
    return insert(WebhookDelivery).from_select(list(columns), select(*columns.values()).where(true()))
