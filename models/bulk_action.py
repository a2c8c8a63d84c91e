"""Bulk actions: many jobs cancelled or retried because somebody said so once; the row is also the record of who, what and why."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, TypedId, UtcTime
from models.state import MOVES, JobState, Move


class BulkVerb(StrEnum):
    """What is done to each job."""

    CANCEL = "cancel"
    RETRY = "retry"

    @property
    def sources(self) -> frozenset[JobState]:
        """The states from which it is possible."""
        return MOVES[_MOVES[self]].sources


_MOVES: Mapping[BulkVerb, Move] = {BulkVerb.CANCEL: Move.CANCEL, BulkVerb.RETRY: Move.RETRY}


class BulkState(StrEnum):
    """Where a bulk action stands."""

    PENDING = "pending"
    """No job was looked at yet."""
    RUNNING = "running"
    """Some were."""
    SUCCEEDED = "succeeded"
    """All were."""
    ABORTED = "aborted"
    """Somebody stopped it; what was done stays done."""


OPEN = frozenset({BulkState.PENDING, BulkState.RUNNING})


def _among(states: frozenset[BulkState] | set[BulkState]) -> str:
    return "state IN (" + ", ".join(sorted(f"'{state}'" for state in states)) + ")"


class BulkAction(Base):
    """One bulk action. Without foreign keys to keys, batches and jobs: it stays readable when they are gone."""

    __tablename__ = "bulk_action"
    __table_args__ = (
        CheckConstraint(_among(set(BulkState)), name="state_known"),
        CheckConstraint(f"({_among(OPEN)}) = (finished_at IS NULL)", name="closed_has_end"),
        CheckConstraint("total >= 0 AND changed >= 0 AND skipped >= 0", name="counts_positive"),
        Index("ix_bulk_action_owner", "owner", "id"),
        Index("ix_bulk_action_open", "id", postgresql_where=text(_among(OPEN)), sqlite_where=text(_among(OPEN))),
    )

    id: Mapped[str] = mapped_column(TypedId("blk"), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    key_id: Mapped[str | None] = mapped_column(String(16))
    """Of the key that asked; empty where none was needed."""
    action: Mapped[str] = mapped_column(String(20))
    filter: Mapped[dict[str, Any]] = mapped_column(Json)
    """What was asked for, with every name and time made definite."""
    reason: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    total: Mapped[int]
    """Jobs that it was possible for when it was made."""
    changed: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    """Of those, the ones for which it was not possible any more when their turn came."""
    frozen_at: Mapped[datetime] = mapped_column(UtcTime)
    """Jobs that were made later are not touched, nor retried if they ended later."""
    last_id: Mapped[str | None] = mapped_column(TypedId("job"))
    """The last job that is touched."""
    reached_id: Mapped[str | None] = mapped_column(TypedId("job"))
    """The last one that was looked at: it moves on in the transaction that changes the jobs before it."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
