"""Budgets: how much may be spent on a batch, by an owner or in a lane; and holds: what calls under way may yet cost.

A call under a budget is made only after its highest cost was held, and the hold ends in the transaction that records what the
call did cost. What is spent and what is held thus never exceed the limit, however many processes call at once.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, TypedId, UsdAmount, UtcTime


class Scope(StrEnum):
    """Whose spending a budget limits."""

    BATCH = "batch"
    """Of one batch."""
    OWNER = "owner"
    """Of all batches of an owner."""
    LANE = "lane"
    """Of a lane, whoever asks."""


class Period(StrEnum):
    """When a budget begins anew."""

    TOTAL = "total"
    """Never."""
    DAY = "day"
    """At midnight Pacific time, as Google's own limits do."""


EVERY_LANE = "*"
"""The name of the budget that each lane has for which there is none of its own."""


class Budget(Base):
    """One limit on spending."""

    __tablename__ = "budget"
    __table_args__ = (
        CheckConstraint("limit_usd > 0", name="limit_positive"),
        CheckConstraint("scope IN ('batch', 'lane', 'owner')", name="scope_known"),
        CheckConstraint("period IN ('day', 'total')", name="period_known"),
        CheckConstraint("(scope = 'batch') = (batch_id IS NOT NULL)", name="batch_has_id"),
        Index("ix_budget_batch", "batch_id"),
        Index("ix_budget_spent", "is_spent", "scope"),
    )

    scope: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(250), primary_key=True)
    """A batch id, an owner, a lane, or `*` for every lane."""
    period: Mapped[str] = mapped_column(String(10), primary_key=True)
    batch_id: Mapped[str | None] = mapped_column(TypedId("bat"), ForeignKey("batch.id", ondelete="CASCADE"))
    """The batch of a batch's budget, which goes with it."""
    limit_usd: Mapped[Decimal] = mapped_column(UsdAmount)
    is_spent: Mapped[bool] = mapped_column(default=False)
    """What is left was too little for a call. Until the limit is raised or `opens_at` comes, nothing of it is dispatched."""
    opens_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a spent budget of a day begins anew."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Hold(Base):
    """What one call under way may cost at most. Without foreign keys: jobs are purged, and workers forgotten."""

    __tablename__ = "hold"
    __table_args__ = (CheckConstraint("amount_usd >= 0", name="amount_positive"), Index("ix_hold_worker", "worker_id"))

    id: Mapped[str] = mapped_column(TypedId("cal"), primary_key=True)
    """That of the call which it is for."""
    job_id: Mapped[str] = mapped_column(TypedId("job"))
    batch_id: Mapped[str] = mapped_column(TypedId("bat"))
    owner: Mapped[str] = mapped_column(String(200))
    lane: Mapped[str] = mapped_column(String(250))
    worker_id: Mapped[str] = mapped_column(TypedId("wrk"))
    amount_usd: Mapped[Decimal] = mapped_column(UsdAmount)
    made_at: Mapped[datetime] = mapped_column(UtcTime)
