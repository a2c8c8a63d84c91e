"""Batches: jobs that were submitted together."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, TypedId, UtcTime


class Batch(Base):
    """One submission of jobs, or several under one name."""

    __tablename__ = "batch"
    __table_args__ = (
        UniqueConstraint("owner", "idempotency_key"),
        Index("ix_batch_under_way", "owner", "next_turn"),
        Index("ix_batch_owner", "owner", "id"),
        Index(
            "ix_batch_open",
            "open_until",
            postgresql_where=text("open_until IS NOT NULL"),
            sqlite_where=text("open_until IS NOT NULL"),
        ),
        # Most batches of single jobs have no name.
        Index(
            "ix_batch_name",
            "name",
            "id",
            postgresql_where=text("name IS NOT NULL"),
            sqlite_where=text("name IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(TypedId("bat"), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    name: Mapped[str | None] = mapped_column(String(200))
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    """The same key from the same owner is the same batch."""
    next_turn: Mapped[int] = mapped_column(BigInteger)
    """The turn that the batch's next job gets at the earliest (start-time fair queueing)."""
    open_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Jobs of it are still coming in, so it has not ended, whatever those that are there do. Empty: it is whole. After that
    time whoever was submitting is taken for lost."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Turn(Base):
    """How far the dispatch of one priority has come, in turns: where a new batch joins the line."""

    __tablename__ = "turn"

    priority: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reached: Mapped[int] = mapped_column(BigInteger)
