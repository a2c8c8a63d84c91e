"""Uploads: files that came with a job over HTTP, from before their first byte is stored until they are removed.

The row is there before the file and goes after it, so that no file is ever unknown. It belongs to its job, and when the job is
purged it belongs to nobody; what belongs to nobody and has lapsed is removed.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, TypedId, UtcTime


class Upload(Base):
    """One file in the storage, of one job."""

    __tablename__ = "upload"
    __table_args__ = (
        CheckConstraint("job_id IS NULL OR sha256 IS NOT NULL", name="job_has_whole_file"),
        CheckConstraint("job_id IS NULL OR NOT is_leaving", name="job_keeps_file"),
        Index("ix_upload_job", "job_id"),
        Index(
            "ix_upload_nobodys", "expires_at", postgresql_where=text("job_id IS NULL"), sqlite_where=text("job_id IS NULL")
        ),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(TypedId("upl"), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    job_id: Mapped[str | None] = mapped_column(TypedId("job"), ForeignKey("job.id", ondelete="SET NULL"))
    """Empty before the job is accepted, and when it was purged."""
    name: Mapped[str] = mapped_column(String(200))
    """What the client called it."""
    sha256: Mapped[str | None] = mapped_column(String(64))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    """Until then whoever takes it in is at work; they move it on."""
    is_leaving: Mapped[bool] = mapped_column(default=False)
    """Its file is being removed: no job gets it any more."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
