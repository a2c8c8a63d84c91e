"""Webhooks: where an owner wants to be told of events, and the outbox of what is to be told.

A delivery is written in the transaction in which its event happens, so that there is none without the other. Its body is
written once; what is signed and sent is the same bytes at every try.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, TypedId, UtcTime


class EventType(StrEnum):
    """What is told."""

    BATCH_FINISHED = "batch.finished"
    """No job of a batch has work to come any more; again, when jobs of it were tried again or added and have ended."""
    JOB_FINISHED = "job.finished"
    """A job has ended: one message for each."""
    TEST = "webhook.test"
    """Somebody wants to see whether messages arrive. Sent to whoever is named, asked for or not."""


CHOSEN_TYPES = frozenset({EventType.BATCH_FINISHED, EventType.JOB_FINISHED})
"""What an endpoint can ask for."""


class EndpointState(StrEnum):
    """Does an endpoint get messages?"""

    ACTIVE = "active"
    """Events are sent to it."""
    DISABLED = "disabled"
    """Nothing is written or sent for it, but what somebody asks for by hand; `disabled_reason` says why."""


class DeliveryState(StrEnum):
    """Where one message to one endpoint stands."""

    PENDING = "pending"
    """It is to be sent, at once or when its next try is due."""
    DELIVERED = "delivered"
    """The receiver has answered with a 2xx."""
    FAILED = "failed"
    """No try is left."""
    CANCELLED = "cancelled"
    """Its endpoint was disabled before it arrived."""


class WebhookEndpoint(Base):
    """One receiver of an owner's events."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'disabled')", name="state_known"),
        CheckConstraint("(state = 'disabled') = (disabled_reason IS NOT NULL)", name="disabled_has_reason"),
        CheckConstraint("(former_secret IS NULL) = (former_secret_until IS NULL)", name="former_secret_ends"),
        # Asked for each job that ends.
        Index("ix_webhook_endpoint_owner", "owner", "id"),
    )

    id: Mapped[str] = mapped_column(TypedId("whe"), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(Text)
    event_types: Mapped[str] = mapped_column(String(200))
    """Of `CHOSEN_TYPES`, a space between."""
    state: Mapped[str] = mapped_column(String(20))
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(100))
    """`whsec_` and base64. It has to be known to sign with it, so it is stored as it is."""
    former_secret: Mapped[str | None] = mapped_column(String(100))
    """Signs too until then, so that a receiver has time to learn the new one."""
    former_secret_until: Mapped[datetime | None] = mapped_column(UtcTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime)
    """Nothing has arrived since."""
    quiet_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """The receiver asked for silence until then."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class WebhookDelivery(Base):
    """One event on its way to one endpoint."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'delivered', 'failed', 'cancelled')", name="state_known"),
        CheckConstraint("(state = 'pending') = (due_at IS NOT NULL)", name="pending_has_due"),
        CheckConstraint("(state = 'pending') = (ended_at IS NULL)", name="ended_has_end"),
        Index(
            "ix_webhook_delivery_due",
            "due_at",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
        Index(
            "ix_webhook_delivery_ended",
            "ended_at",
            postgresql_where=text("ended_at IS NOT NULL"),
            sqlite_where=text("ended_at IS NOT NULL"),
        ),
        Index("ix_webhook_delivery_owner", "owner", "id"),
        Index("ix_webhook_delivery_endpoint", "endpoint_id", "id"),
    )

    id: Mapped[str] = mapped_column(TypedId("whd"), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(TypedId("whe"), ForeignKey("webhook_endpoint.id", ondelete="CASCADE"))
    owner: Mapped[str] = mapped_column(String(200))
    event_id: Mapped[str] = mapped_column(TypedId("evt"))
    """What the receiver knows the event by, however often it comes: `webhook-id`."""
    event_type: Mapped[str] = mapped_column(String(50))
    body: Mapped[str] = mapped_column(Text)
    """As it is signed and sent."""
    state: Mapped[str] = mapped_column(String(20))
    by_hand: Mapped[bool]
    """Somebody asked for it: it is tried once, also where the endpoint is disabled."""
    attempts: Mapped[int] = mapped_column(default=0)
    claim: Mapped[int] = mapped_column(default=0)
    """How often it was taken to be sent; fences out earlier senders."""
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Somebody is sending it; after that time they are taken for lost."""
    answer_status: Mapped[int | None]
    answer_text: Mapped[str | None] = mapped_column(Text)
    """The beginning of what the receiver said at the last try."""
    error: Mapped[str | None] = mapped_column(Text)
    """Why the last try got no answer, or why it was given up."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    attempted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
