"""Webhook endpoints: made, changed, disabled. What they show leaves the secrets out; those are given once, by whoever makes them."""

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, delete, func, insert, literal, select, update

from models.base import db_after, db_now
from models.database import Database, again_after_conflict
from models.ids import new_id
from models.store.spending import database_time
from models.store.webhooks.outbox import message_rows, put_messages
from models.webhook import DeliveryState, EndpointState, EventType, WebhookDelivery, WebhookEndpoint

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with
SECRET_BYTES = 32
FORMER_SECRET_SECONDS = 86_400.0
"""So long the secret before the latest one signs too."""
MOST_ENDPOINTS = 20
"""Of one owner: each event is told to all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointView:
    """An endpoint as it is shown."""

    id: str
    owner: str
    url: str
    event_types: tuple[str, ...]
    state: str
    disabled_reason: str | None
    failing_since: datetime | None
    """Nothing has arrived since; empty: the last try did."""
    former_secret_until: datetime | None
    created_at: datetime


class TooManyEndpointsError(Exception):
    """The owner has as many endpoints as there may be."""


def new_secret() -> str:
    """As Standard Webhooks writes it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


@again_after_conflict
def create_endpoint(
    database: Database, *, owner: str, url: str, event_types: Iterable[EventType]
) -> tuple[str, EndpointView]:
    """A new active endpoint: its secret, which nobody can show again, and how it is listed. Raises TooManyEndpointsError."""
    endpoint_id, secret = new_id("whe"), new_secret()
    values = {
        "id": endpoint_id, "owner": owner, "url": url, "event_types": _written(event_types),
        "state": EndpointState.ACTIVE, "secret": secret, "created_at": db_now(),
    }  # fmt: skip
    with database.write() as connection:
        count = connection.execute(select(func.count()).where(WebhookEndpoint.owner == owner)).scalar_one()
        if count >= MOST_ENDPOINTS:
            raise TooManyEndpointsError
        connection.execute(insert(WebhookEndpoint).values(**values))
        return secret, _views(connection, WebhookEndpoint.id == endpoint_id)[0]


def list_endpoints(database: Database, *, owner: str | None = None) -> list[EndpointView]:
    """The endpoints, oldest first; of that owner, where one is given."""
    with database.read() as connection:
        return _views(connection, *_of(owner))


def find_endpoint(database: Database, endpoint_id: str, *, owner: str | None = None) -> EndpointView | None:
    """The endpoint; of that owner, where one is given."""
    with database.read() as connection:
        return next(iter(_views(connection, WebhookEndpoint.id == endpoint_id, *_of(owner))), None)


@again_after_conflict
def update_endpoint(
    database: Database,
    endpoint_id: str,
    *,
    url: str | None = None,
    event_types: Iterable[EventType] | None = None,
    is_enabled: bool | None = None,
    by: str = "by its owner",
) -> None:
    """Change what is given. An endpoint that is enabled begins with a clean sheet; one that is disabled drops what waits for it."""
    values: dict[str, Any] = {}
    if url is not None:
        values["url"] = url
    if event_types is not None:
        values["event_types"] = _written(event_types)
    if is_enabled:
        values |= {"state": EndpointState.ACTIVE, "disabled_reason": None, "failing_since": None, "quiet_until": None}
    with database.write() as connection:
        if values:
            connection.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(**values))
        if is_enabled is False:
            disable(connection, endpoint_id, f"disabled {by}")


def disable(connection: Connection, endpoint_id: str, reason: str) -> None:
    """Send it nothing more, within a transaction. What was to be sent to it ends, but for what somebody asked for by hand."""
    # Whoever is just writing a delivery to it comes first: it must be seen by what ends them all.
    connection.execute(select(WebhookEndpoint.id).where(WebhookEndpoint.id == endpoint_id).with_for_update())
    active = (WebhookEndpoint.id == endpoint_id, WebhookEndpoint.state == EndpointState.ACTIVE)
    ends = update(WebhookEndpoint).where(*active).values(state=EndpointState.DISABLED, disabled_reason=reason)
    if connection.execute(ends).rowcount == 0:
        return
    waits = (
        WebhookDelivery.endpoint_id == endpoint_id,
        WebhookDelivery.state == DeliveryState.PENDING,
        ~WebhookDelivery.by_hand,
    )
    ended = {"state": DeliveryState.CANCELLED, "due_at": None, "lease_until": None, "ended_at": db_now()}
    why = func.coalesce(WebhookDelivery.error, literal(f"the endpoint was {reason}"))
    connection.execute(update(WebhookDelivery).where(*waits).values(**ended, error=why))


@again_after_conflict
def delete_endpoint(database: Database, endpoint_id: str) -> None:
    """Forget the endpoint and all deliveries to it."""
    with database.write() as connection:
        connection.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id))


@again_after_conflict
def rotate_secret(database: Database, endpoint_id: str) -> str:
    """The endpoint's new secret. The one before signs too for a day; one before that no longer."""
    secret = new_secret()
    rotated = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id)
    values = {
        "former_secret": WebhookEndpoint.secret, "former_secret_until": db_after(literal(FORMER_SECRET_SECONDS)),
        "secret": secret,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(rotated.values(**values))
    return secret


@again_after_conflict
def put_test(database: Database, endpoint_id: str, *, owner: str) -> str:
    """Have a test event sent once, whatever state the endpoint is in; the id of the delivery."""
    with database.write() as connection:
        now = database_time(connection)
        rows = message_rows(EventType.TEST, {"endpoint_id": endpoint_id}, now, owner=owner, endpoint_ids=[endpoint_id])
        put_messages(connection, database.dialect, rows, by_hand=True)
    return str(rows[0]["id"])


def _written(event_types: Iterable[EventType]) -> str:
    return " ".join(sorted(set(event_types)))


def _of(owner: str | None) -> list[Any]:
    return [] if owner is None else [WebhookEndpoint.owner == owner]


def _views(connection: Connection, *conditions: Any) -> list[EndpointView]:
    # A former secret whose time is over is as good as gone.
    until = case((WebhookEndpoint.former_secret_until > db_now(), WebhookEndpoint.former_secret_until))
    columns = [
        until.label(name) if name == "former_secret_until" else getattr(WebhookEndpoint, name)
        for name in EndpointView.__slots__
    ]
    query = select(*columns).where(*conditions).order_by(WebhookEndpoint.id)
    return [
        EndpointView(**{**row._mapping, "event_types": tuple(row.event_types.split())})  # noqa: SLF001 - public by SQLAlchemy's documentation
        for row in connection.execute(query)
    ]
