"""Receipts: what a request with an idempotency key made, so that the same request makes it once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, UtcTime


class Receipt(Base):
    """One answered request of an owner. It is written in the transaction that makes what it tells of."""

    __tablename__ = "receipt"
    __table_args__ = (Index("ix_receipt_created", "created_at"),)

    owner: Mapped[str] = mapped_column(String(200), primary_key=True)
    request: Mapped[str] = mapped_column(String(200), primary_key=True)
    """Method and path."""
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the body: the same key with another body is another request."""
    answer: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """What was made. Empty only within the transaction that makes it."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
