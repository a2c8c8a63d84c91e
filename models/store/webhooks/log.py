"""The log of deliveries: looking at them, sending one again, forgetting old ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, literal, select, update

from models.base import db_after, db_now
from models.database import Database, again_after_conflict
from models.webhook import DeliveryState, WebhookDelivery, WebhookEndpoint

SLICE = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryFilter:
    """Which deliveries are meant; everything that is given must match."""

    owner: str | None = None
    id: str | None = None
    endpoint_id: str | None = None
    state: DeliveryState | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryView:
    """A delivery as it is shown."""

    id: str
    endpoint_id: str
    owner: str
    event_id: str
    event_type: str
    state: str
    attempts: int
    next_attempt_at: datetime | None
    answer_status: int | None
    answer_text: str | None
    error: str | None
    created_at: datetime
    attempted_at: datetime | None
    ended_at: datetime | None
    event: Mapping[str, Any]
    """The body as it is sent."""


_NAMES = {"next_attempt_at": "due_at", "event": "body"}
"""Of a view -> of the table, where they differ."""


def list_deliveries(
    database: Database, wanted: DeliveryFilter, *, limit: int, before: str | None = None
) -> list[DeliveryView]:
    """Up to `limit` matching deliveries, newest first; `before` is the last id of the page before.

    Uses ix_webhook_delivery_endpoint or ix_webhook_delivery_owner where one is given, else the primary key.
    """
    columns = [getattr(WebhookDelivery, _NAMES.get(name, name)).label(name) for name in DeliveryView.__slots__]
    given = {name: getattr(wanted, name) for name in DeliveryFilter.__slots__}
    query = select(*columns).where(
        *(getattr(WebhookDelivery, name) == value for name, value in given.items() if value is not None)
    )
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    with database.read() as connection:
        rows = connection.execute(query.order_by(WebhookDelivery.id.desc()).limit(limit)).all()
    return [DeliveryView(**{**row._mapping, "event": json.loads(row.event)}) for row in rows]  # noqa: SLF001 - public


def find_delivery(database: Database, delivery_id: str, *, owner: str | None = None) -> DeliveryView | None:
    """The delivery; of that owner, where one is given."""
    return next(iter(list_deliveries(database, DeliveryFilter(id=delivery_id, owner=owner), limit=1)), None)


@again_after_conflict
def redeliver(database: Database, delivery_id: str) -> bool:
    """Send it now; is there such a delivery?

    One that waits for its next try has it now. One that has ended is tried once more, also where its endpoint is disabled;
    the receiver knows the event by the same id.
    """
    this = WebhookDelivery.id == delivery_id
    endpoint_id = select(WebhookDelivery.endpoint_id).where(this).scalar_subquery()
    speaks = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(quiet_until=None)
    waits = update(WebhookDelivery).where(this, WebhookDelivery.state == DeliveryState.PENDING).values(due_at=db_now())
    again = update(WebhookDelivery).where(this, WebhookDelivery.state != DeliveryState.PENDING)
    values = {
        "state": DeliveryState.PENDING,
        "by_hand": True,
        "due_at": db_now(),
        "ended_at": None,
        "lease_until": None,
    }
    with database.write() as connection:
        connection.execute(speaks)
        return connection.execute(waits).rowcount + connection.execute(again.values(**values)).rowcount > 0


def forget_deliveries(database: Database, *, older_than_seconds: float) -> int:
    """Delete deliveries that ended longer ago, in slices; how many. Uses ix_webhook_delivery_ended."""
    forgotten = 0
    while (slice_ := _forget_slice(database, older_than_seconds)) > 0:
        forgotten += slice_
    return forgotten


@again_after_conflict
def _forget_slice(database: Database, older_than_seconds: float) -> int:
    old = WebhookDelivery.ended_at < db_after(literal(-older_than_seconds))
    with database.write() as connection:
        ids = connection.execute(select(WebhookDelivery.id).where(old).limit(SLICE)).scalars().all()
        return connection.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(ids), old)).rowcount
