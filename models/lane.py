"""Lanes: what may be asked of which model at the moment, and how fast."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, UtcTime


class Lane(Base):
    """One (model, service tier) that was paused or given limits at least once; a lane without a row is open.

    Who paused it shows in `code`, and what ends the pause in `paused_until`: both empty, and a person has to resume it; a
    code without a time, and one call now and then finds out whether somebody has acted.
    """

    __tablename__ = "lane"
    __table_args__ = (
        CheckConstraint("requests_per_minute > 0", name="rpm_positive"),
        CheckConstraint("input_tokens_per_minute > 0", name="tpm_positive"),
        CheckConstraint("requests_per_day > 0", name="rpd_positive"),
    )

    name: Mapped[str] = mapped_column(String(250), primary_key=True)
    paused: Mapped[bool]
    code: Mapped[str | None] = mapped_column(String(50))
    """Of the failure that paused it; empty: a person did."""
    reason: Mapped[str | None] = mapped_column(Text)
    paused_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it opens by itself; empty: when somebody has acted."""
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    probe_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When one job of a stopped lane may next find out whether it is well again."""
    refusals: Mapped[int | None]
    """How often of late Gemini refused without saying which limit is met."""
    refusals_since: Mapped[datetime | None] = mapped_column(UtcTime)
    requests_per_minute: Mapped[int | None]
    """Limits of its own in place of the settings'; empty: those of the settings."""
    input_tokens_per_minute: Mapped[int | None]
    requests_per_day: Mapped[int | None]
    fallback_model: Mapped[str | None] = mapped_column(String(200))
    """The model that is asked, in a lane of its own, while this lane is paused for a reason that is not that one's, too."""
    may_fall_back: Mapped[bool | None]
    """Is the pause of such a kind?"""
