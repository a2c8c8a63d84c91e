"""Attempts, calls and paid answers: what was tried, what it cost, what came back."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, TypedId, UsdAmount, UtcTime


class Attempt(Base):
    """One ended try at a job, by claim; a running one is seen on the job itself."""

    __tablename__ = "attempt"

    job_id: Mapped[str] = mapped_column(TypedId("job"), ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    claim: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    """The job's count of attempts when this one began; a claim that was given back shares it with the next."""
    worker_id: Mapped[str | None] = mapped_column(TypedId("wrk"))
    outcome: Mapped[str] = mapped_column(String(20))
    """The move that ended it (`models.state.Move`)."""
    code: Mapped[str | None] = mapped_column(String(50))
    message: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_at: Mapped[datetime] = mapped_column(UtcTime)


class Call(Base):
    """One request to Gemini, good or bad, with what it used and what it cost."""

    __tablename__ = "call"
    __table_args__ = (Index("ix_call_job", "job_id"), Index("ix_call_ended_at", "ended_at"))

    id: Mapped[str] = mapped_column(TypedId("cal"), primary_key=True)
    job_id: Mapped[str] = mapped_column(TypedId("job"), ForeignKey("job.id", ondelete="CASCADE"))
    claim: Mapped[int]
    clip: Mapped[int]
    """Which clip of the recording was sent; 0 for a picture."""
    lane: Mapped[str] = mapped_column(String(250))
    model: Mapped[str] = mapped_column(String(200))
    model_version: Mapped[str | None] = mapped_column(String(200))
    """The version that Gemini says it served."""
    http_status: Mapped[int | None]
    finish_reason: Mapped[str | None] = mapped_column(String(50))
    response_id: Mapped[str | None] = mapped_column(String(200))
    code: Mapped[str | None] = mapped_column(String(50))
    """The failure code, empty for a good answer."""
    message: Mapped[str | None] = mapped_column(Text)
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    thinking_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    input_by_modality: Mapped[dict[str, Any] | None] = mapped_column(Json)
    cost_usd: Mapped[Decimal | None] = mapped_column(UsdAmount)
    """Empty where the price is not known."""
    duration_seconds: Mapped[float]
    ended_at: Mapped[datetime] = mapped_column(UtcTime)


class Answer(Base):
    """A paid and checked answer that is not (yet) part of a stored result.

    The answer of a finished clip, or of a worker that had lost its claim. The next attempt at the same question uses it
    instead of asking again.
    """

    __tablename__ = "answer"
    __table_args__ = (Index("ix_answer_clip", "owner", "clip_hash"),)

    job_id: Mapped[str] = mapped_column(TypedId("job"), ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    clip_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the job's question and the clip's bounds."""
    owner: Mapped[str] = mapped_column(String(200))
    model_version: Mapped[str | None] = mapped_column(String(200))
    answer: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
