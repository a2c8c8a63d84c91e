"""Parcels: calls that are sent to Gemini's Batch API together, from the moment their lines are packed until all are used.

A parcel is the truth about what was sent: a call that stands in one is not asked again in any other way before it is over.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, TypedId, UtcTime


class ParcelState(StrEnum):
    """Where a parcel stands."""

    SENDING = "sending"
    """Its worker uploads it. If that is lost, the parcel is dropped: nothing of it was paid for."""
    UPLOADED = "uploaded"
    """Its lines are at Gemini; a batch of them is to be made, or may have been. Any worker goes on from here."""
    SENT = "sent"
    """Its batch is known; any worker looks whether it is over."""
    OVER = "over"
    """Every call has its answer or has none to come; the rest is tidying up."""


class ParcelledState(StrEnum):
    """Where a call in a parcel stands."""

    UNDER_WAY = "under_way"
    """No answer yet."""
    ANSWERED = "answered"
    """Its answer is kept until its job has used it."""
    UNANSWERED = "unanswered"
    """The batch gave no answer that can be used; the call is booked, its question is asked online."""


def _among(column: str, states: type[StrEnum]) -> str:
    return f"{column} IN (" + ", ".join(sorted(f"'{state}'" for state in states)) + ")"


class Parcel(Base):
    """One parcel. Without a foreign key to its worker, which may be forgotten."""

    __tablename__ = "parcel"
    __table_args__ = (
        CheckConstraint(_among("state", ParcelState), name="state_known"),
        CheckConstraint("state <> 'uploaded' OR input_file IS NOT NULL", name="uploaded_has_file"),
        CheckConstraint("state <> 'sent' OR batch_name IS NOT NULL", name="sent_has_batch"),
        Index("ix_parcel_due", "due_at"),
    )

    id: Mapped[str] = mapped_column(TypedId("par"), primary_key=True)
    """Also its display name at Gemini (`models.store.parcels.display_name`), by which its batch is found again."""
    state: Mapped[str] = mapped_column(String(20))
    lane: Mapped[str] = mapped_column(String(250))
    model: Mapped[str] = mapped_column(String(200))
    worker_id: Mapped[str] = mapped_column(TypedId("wrk"))
    """Whose disk it came from."""
    input_file: Mapped[str | None] = mapped_column(String(200))
    """`files/…`, as long as it is to be deleted; so is the other one."""
    output_file: Mapped[str | None] = mapped_column(String(200))
    batch_name: Mapped[str | None] = mapped_column(String(200))
    """`batches/…`"""
    creations: Mapped[int] = mapped_column(default=0)
    """How often a batch was asked for; from the first time on it is looked for before another is made."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    deadline_at: Mapped[datetime] = mapped_column(UtcTime)
    """From then on its batch is stopped, and what has no answer is asked in another tier."""
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    """When it is to be looked at next; a worker that looks moves it on, which keeps the others away."""


class ParcelledCall(Base):
    """One call of a parcel. Without a foreign key to its job, which may be purged: the call is paid for all the same."""

    __tablename__ = "parcelled_call"
    __table_args__ = (
        CheckConstraint(_among("state", ParcelledState), name="state_known"),
        CheckConstraint("(state = 'answered') = (line IS NOT NULL)", name="answered_has_line"),
        Index("ix_parcelled_call_parcel", "parcel_id", "state"),
        Index("ix_parcelled_call_job", "job_id"),
    )

    id: Mapped[str] = mapped_column(TypedId("cal"), primary_key=True)
    """That of the call as it will be booked, and the key of its line."""
    parcel_id: Mapped[str] = mapped_column(TypedId("par"), ForeignKey("parcel.id", ondelete="CASCADE"))
    job_id: Mapped[str] = mapped_column(TypedId("job"))
    batch_id: Mapped[str] = mapped_column(TypedId("bat"))
    owner: Mapped[str] = mapped_column(String(200))
    claim: Mapped[int]
    """Which claim of the job asked."""
    clip: Mapped[int]
    clip_hash: Mapped[str] = mapped_column(String(64))
    """As that of an `Answer`: which question about which clip it is."""
    state: Mapped[str] = mapped_column(String(20))
    line: Mapped[str | None] = mapped_column(Text)
    """The line that the batch wrote."""
