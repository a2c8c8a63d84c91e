"""Taking due deliveries, and writing down what became of them.

Who takes a delivery has it for the time of a lease; a sender that is lost loses it to the next, and its own word counts no
more then (compare and set on id and claim). So none is sent twice at once, and what was sent without anybody knowing is sent again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal, or_, select, update

from models.base import db_after, db_now
from models.database import Database, again_after_conflict
from models.store.webhooks.endpoints import disable
from models.webhook import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint

LOOKED_AT = 500
"""Due deliveries that one look chooses from."""
LONGEST_TEXT = 1_000
"""Characters of an answer, or of an error, that are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A delivery in a sender's hands."""

    id: str
    claim: int
    endpoint_id: str
    owner: str
    url: str = field(repr=False)
    event_id: str
    event_type: str
    body: str = field(repr=False)
    attempts: int
    """Tries, this one included."""
    by_hand: bool
    secrets: tuple[str, ...] = field(repr=False)
    """The endpoint's, and for a while the one before."""


class Effect(Enum):
    """What a try says of its endpoint."""

    WORKS = auto()
    FAILS = auto()
    EXHAUSTED = auto()
    """No try is left. If nothing else has arrived meanwhile, the endpoint is disabled."""
    GONE = auto()
    """The receiver wants nothing more."""
    NONE = auto()
    """It was asked for by hand, and counts for nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What became of a try."""

    state: DeliveryState
    effect: Effect
    retry_in_seconds: float | None = None
    """Until the next try, of one that is still pending."""
    quiet_seconds: float | None = None
    """So long the receiver wants to be left alone."""
    answer_status: int | None = None
    answer_text: str | None = None
    error: str | None = None


def is_any_due() -> ColumnElement[bool]:
    """Is there a delivery that is to be sent? Uses ix_webhook_delivery_due."""
    return exists().where(_is_due(), _may_be_sent())


def take_due(
    database: Database, *, most: int, most_per_endpoint: int, busy: Mapping[str, int], lease_seconds: float
) -> list[Message]:
    """Take up to `most` due deliveries, so that no endpoint has more than its share; `busy` counts what is under way.

    Uses ix_webhook_delivery_due. Where nothing is due, that is one small look and no write.
    """
    full = [endpoint_id for endpoint_id, count in busy.items() if count >= most_per_endpoint]
    due = select(WebhookDelivery.id, WebhookDelivery.endpoint_id).where(
        _is_due(), _may_be_sent(), WebhookDelivery.endpoint_id.not_in(full)
    )
    with database.read() as connection:
        rows = connection.execute(due.order_by(WebhookDelivery.due_at).limit(LOOKED_AT)).all()
    chosen: list[str] = []
    shares = dict(busy)
    for row in rows:
        if len(chosen) < most and shares.get(row.endpoint_id, 0) < most_per_endpoint:
            shares[row.endpoint_id] = shares.get(row.endpoint_id, 0) + 1
            chosen.append(row.id)
    if not chosen:
        return []
    with database.write() as connection:
        return _take(connection, chosen, lease_seconds)


def _is_due() -> ColumnElement[bool]:
    is_free = or_(WebhookDelivery.lease_until.is_(None), WebhookDelivery.lease_until < db_now())
    return and_(WebhookDelivery.state == DeliveryState.PENDING, WebhookDelivery.due_at <= db_now(), is_free)


def _may_be_sent() -> ColumnElement[bool]:
    is_quiet = and_(WebhookEndpoint.quiet_until.is_not(None), WebhookEndpoint.quiet_until > db_now())
    open_ones = exists().where(
        WebhookEndpoint.id == WebhookDelivery.endpoint_id, WebhookEndpoint.state == EndpointState.ACTIVE, ~is_quiet
    )
    return or_(WebhookDelivery.by_hand, open_ones)


def _take(connection: Connection, ids: list[str], lease_seconds: float) -> list[Message]:
    free = select(WebhookDelivery.id).where(WebhookDelivery.id.in_(ids), _is_due())
    locked = free.order_by(WebhookDelivery.id).with_for_update(skip_locked=True).cte("locked")
    taken = (
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(select(locked.c.id)))
        .values(
            claim=WebhookDelivery.claim + 1, attempts=WebhookDelivery.attempts + 1, attempted_at=db_now(),
            lease_until=db_after(literal(lease_seconds)),
        )
        .returning(WebhookDelivery.id)
    )  # fmt: skip
    taken_ids = connection.execute(taken).scalars().all()
    columns = [getattr(WebhookDelivery, name) for name in _OF_DELIVERY]
    is_valid = (WebhookEndpoint.former_secret_until > db_now()).label("is_former_valid")
    of_endpoint = (WebhookEndpoint.url, WebhookEndpoint.secret, WebhookEndpoint.former_secret, is_valid)
    query = select(*columns, *of_endpoint).join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
    rows = connection.execute(query.where(WebhookDelivery.id.in_(taken_ids)).order_by(WebhookDelivery.due_at)).all()
    return [_message(row) for row in rows]


_OF_DELIVERY = ("id", "claim", "endpoint_id", "owner", "event_id", "event_type", "body", "attempts", "by_hand")


def _message(row: Any) -> Message:
    former = (row.former_secret,) if row.former_secret and row.is_former_valid else ()
    known = {name: getattr(row, name) for name in _OF_DELIVERY}
    return Message(**known, url=row.url, secrets=(row.secret, *former))


@again_after_conflict
def settle(database: Database, message: Message, tried: Tried) -> bool:
    """Write down what became of a try; did it count? Not where somebody else has taken the delivery over, or it was ended.

    The endpoint is locked before its delivery, as where it is deleted.
    """
    which = WebhookEndpoint.id == message.endpoint_id
    with database.write() as connection:
        connection.execute(select(WebhookEndpoint.id).where(which).with_for_update(key_share=True))
        made_at = _end_try(connection, message, tried)
        if made_at is None:
            return False
        _note_endpoint(connection, message, tried, made_at)
        return True


def _end_try(connection: Connection, message: Message, tried: Tried) -> datetime | None:
    """When the event happened; None where the delivery is not the sender's any more."""
    is_pending = tried.state is DeliveryState.PENDING
    mine = (
        WebhookDelivery.id == message.id,
        WebhookDelivery.claim == message.claim,
        WebhookDelivery.state == DeliveryState.PENDING,
    )
    ended = update(WebhookDelivery).where(*mine).values(
        state=tried.state, lease_until=None, due_at=db_after(literal(tried.retry_in_seconds)) if is_pending else None,
        ended_at=None if is_pending else db_now(), answer_status=tried.answer_status,
        answer_text=tried.answer_text and tried.answer_text[:LONGEST_TEXT], error=tried.error and tried.error[:LONGEST_TEXT],
    )  # fmt: skip
    made_at: datetime | None = connection.execute(ended.returning(WebhookDelivery.created_at)).scalar_one_or_none()
    return made_at


def _note_endpoint(connection: Connection, message: Message, tried: Tried, made_at: datetime) -> None:
    which = WebhookEndpoint.id == message.endpoint_id
    if tried.effect is Effect.WORKS:
        connection.execute(
            update(WebhookEndpoint).where(which, _has_trouble()).values(failing_since=None, quiet_until=None)
        )
    elif tried.effect is Effect.GONE:
        disable(connection, message.endpoint_id, "disabled: its receiver answered 410, it wants nothing more")
    elif tried.effect is not Effect.NONE:
        values: dict[str, Any] = {"failing_since": func.coalesce(WebhookEndpoint.failing_since, db_now())}
        if tried.quiet_seconds:
            values["quiet_until"] = db_after(literal(tried.quiet_seconds))
        connection.execute(update(WebhookEndpoint).where(which).values(**values))
        if tried.effect is Effect.EXHAUSTED and _nothing_arrived_since(connection, message, made_at):
            words = f"disabled: {message.attempts} tries at one message failed, and none at another arrived meanwhile"
            disable(connection, message.endpoint_id, words)


def _has_trouble() -> ColumnElement[bool]:
    return or_(WebhookEndpoint.failing_since.is_not(None), WebhookEndpoint.quiet_until.is_not(None))


def _nothing_arrived_since(connection: Connection, message: Message, moment: datetime) -> bool:
    """Has no delivery to the endpoint arrived since then? Uses ix_webhook_delivery_endpoint."""
    arrived = select(WebhookDelivery.id).where(
        WebhookDelivery.endpoint_id == message.endpoint_id,
        WebhookDelivery.state == DeliveryState.DELIVERED,
        WebhookDelivery.ended_at >= moment,
    )
    return connection.execute(arrived.limit(1)).first() is None
