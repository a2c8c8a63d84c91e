"""Spending: what calls used and cost, summed by day, owner, lane and batch; it outlives the jobs that it was spent on."""

from datetime import date
from decimal import Decimal

from sqlalchemy import BigInteger, Date, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, TypedId, UsdAmount


class Spending(Base):
    """What was spent on one Pacific day by one owner in one lane for one batch. Without foreign keys: jobs are purged."""

    __tablename__ = "spending"
    __table_args__ = (
        Index("ix_spending_batch", "batch_id"),
        Index("ix_spending_owner", "owner", "day"),
        Index("ix_spending_lane", "lane", "day"),
    )

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    owner: Mapped[str] = mapped_column(String(200), primary_key=True)
    lane: Mapped[str] = mapped_column(String(250), primary_key=True)
    batch_id: Mapped[str] = mapped_column(TypedId("bat"), primary_key=True)
    calls: Mapped[int] = mapped_column(BigInteger, default=0)
    unpriced_calls: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of the calls, those that used tokens whose price is not known."""
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    thinking_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost_usd: Mapped[Decimal] = mapped_column(UsdAmount, default=Decimal(0))
    presumed_usd: Mapped[Decimal] = mapped_column(UsdAmount, default=Decimal(0))
    """Held for calls whose worker was lost before it could tell what they cost: perhaps paid, so budgets count it."""
