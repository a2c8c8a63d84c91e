"""Workers: who is alive."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, TypedId, UtcTime


class Worker(Base):
    """One worker process, from its start to its end.

    Leases do not depend on this row; it is for people and for the size of the dispatch window.
    """

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(TypedId("wrk"), primary_key=True)
    """New at every process start."""
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    version: Mapped[str] = mapped_column(String(50))
    slots: Mapped[int]
    """How many jobs it takes at once."""
    running: Mapped[int] = mapped_column(default=0)
    draining: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    beat_at: Mapped[datetime] = mapped_column(UtcTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcTime)
