"""Jobs: one request for one kind of work on one media item, and where it stands.

The constraints hold the shape of each state even if the code does not: a final job has an end, a running job has an
owner and a lease, a waiting job has a time to wait for.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, TypedId, UsdAmount, UtcTime
from models.state import FINAL, JobState


def _among(states: frozenset[JobState] | set[JobState]) -> str:
    return "state IN (" + ", ".join(sorted(f"'{state}'" for state in states)) + ")"


def _partial_index(name: str, *columns: Any, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))


FOR_LISTS = "claim >= 0"
"""True of every job. An index under it serves only who says so, and no planner takes it for one of those that others need."""

LOSSES_IN_COMPANY = 2
"""From so many lost workers on, a job runs alone in a process of its own, so that it takes no neighbours along."""


class Job(Base):
    """One job. Every change of `state` is one move of `models.state.MOVES`."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint(_among(set(JobState)), name="state_known"),
        CheckConstraint(f"({_among(FINAL)}) = (finished_at IS NOT NULL)", name="final_has_end"),
        CheckConstraint("(state = 'running') = (lease_owner IS NOT NULL)", name="running_has_owner"),
        CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="running_has_lease"),
        CheckConstraint("(state = 'waiting') = (due_at IS NOT NULL)", name="waiting_has_due"),
        CheckConstraint("state <> 'failed' OR error_code IS NOT NULL", name="failed_has_code"),
        CheckConstraint("state <> 'succeeded' OR error_code IS NULL", name="succeeded_has_no_code"),
        CheckConstraint("attempts >= 0 AND attempts <= max_attempts", name="attempts_bounded"),
        CheckConstraint("claim >= 0 AND losses >= 0", name="counts_positive"),
        _partial_index("ix_job_queued", text("priority DESC"), "turn", "id", where="state = 'queued'"),
        _partial_index("ix_job_announced", "announced_until", where="state = 'queued' AND announced_until IS NOT NULL"),
        _partial_index(
            "ix_job_alone",
            text("priority DESC"),
            "turn",
            "id",
            where=f"state = 'queued' AND losses >= {LOSSES_IN_COMPANY}",
        ),
        _partial_index("ix_job_lane", "lane", where="state = 'queued'"),
        _partial_index("ix_job_waiting", "due_at", where="state = 'waiting'"),
        # Without lease_until, so that a heartbeat touches no index; the running jobs are few.
        _partial_index("ix_job_running", "lease_owner", where="state = 'running'"),
        _partial_index("ix_job_deadline", "deadline_at", where="deadline_at IS NOT NULL AND finished_at IS NULL"),
        _partial_index("ix_job_unreported", "id", where="owes_reply AND finished_at IS NOT NULL"),
        _partial_index("ix_job_answered", "owner", "question_hash", where="state = 'succeeded'"),
        # Who waits for the same answer: almost nobody, so that it costs the others nothing.
        _partial_index(
            "ix_job_twin", "owner", "question_hash", where="state = 'waiting' AND question_hash IS NOT NULL"
        ),
        _partial_index("ix_job_error", "error_code", "id", where="error_code IS NOT NULL"),
        _partial_index("ix_job_finished", "finished_at", where="finished_at IS NOT NULL"),
        _partial_index(
            "uq_job_idempotency", "owner", "idempotency_key", where="idempotency_key IS NOT NULL", unique=True
        ),
        # For lists and streams that begin anywhere: the next page costs as much as the first (`models.store.walk`).
        Index("ix_job_batch", "batch_id", "state", "id"),
        Index("ix_job_of_batch", "batch_id", "id"),
        _partial_index("ix_job_owner_state", "owner", "state", "id", where=FOR_LISTS),
        _partial_index("ix_job_owner", "owner", "id", where=FOR_LISTS),
        _partial_index("ix_job_state", "state", "id", where=FOR_LISTS),
    )

    id: Mapped[str] = mapped_column(TypedId("job"), primary_key=True)
    batch_id: Mapped[str] = mapped_column(TypedId("bat"), ForeignKey("batch.id"))
    owner: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(50))
    source: Mapped[str] = mapped_column(Text)
    """The path or address of the media item, as it was submitted."""
    options: Mapped[dict[str, Any]] = mapped_column(Json)
    model: Mapped[str] = mapped_column(String(200))
    """The Gemini model that is asked."""
    lane: Mapped[str] = mapped_column(String(250))
    """Model and service tier: what shares a quota and can pause."""
    asked_model: Mapped[str | None] = mapped_column(String(200))
    """The fallback that the latest claim asks in place of `model`, and in its lane; empty: `model` itself."""
    client_ref: Mapped[str | None] = mapped_column(String(200))
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", Json)
    idempotency_key: Mapped[str | None] = mapped_column(String(250))
    reuse: Mapped[bool] = mapped_column(default=True)
    """May a stored answer to the same question be used? Not if the submitter asked for a new one."""
    owes_reply: Mapped[bool] = mapped_column(default=False)
    """A Celery producer waits for the outcome in its result backend."""

    priority: Mapped[int] = mapped_column(default=0)
    turn: Mapped[int] = mapped_column(BigInteger)
    """Place in the line among jobs of its priority; lower goes first."""

    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    claim: Mapped[int] = mapped_column(default=0)
    """How often the job was taken; only ever rises, and fences out earlier holders."""
    losses: Mapped[int] = mapped_column(default=0)
    """How often its worker was lost while it ran."""
    lease_owner: Mapped[str | None] = mapped_column(TypedId("wrk"))
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    announced_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Until then a message about the job may be under way; afterwards it is announced again."""
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    deadline_at: Mapped[datetime | None] = mapped_column(UtcTime)
    cancel_requested: Mapped[bool] = mapped_column(default=False)

    created_at: Mapped[datetime] = mapped_column(UtcTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    progress_done: Mapped[int] = mapped_column(default=0)
    progress_total: Mapped[int] = mapped_column(default=1)
    progress_seconds_done: Mapped[float | None]
    """Of a recording, on its own clock; empty for a picture, and before the first answer."""
    progress_seconds_total: Mapped[float | None]

    question_hash: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 over the media bytes and everything that shapes the answer; equal hashes have equal answers."""
    reused_from: Mapped[str | None] = mapped_column(TypedId("job"))
    model_version: Mapped[str | None] = mapped_column(String(200))
    calls: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    thinking_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost_usd: Mapped[Decimal] = mapped_column(UsdAmount, default=Decimal(0))

    error_code: Mapped[str | None] = mapped_column(String(50))
    error_message: Mapped[str | None] = mapped_column(Text)
    error_retryable: Mapped[bool | None]
    error_detail: Mapped[dict[str, Any] | None] = mapped_column(Json)


class Result(Base):
    """What a finished job yields: at most one a job, written in the transaction that ends it."""

    __tablename__ = "result"

    job_id: Mapped[str] = mapped_column(TypedId("job"), ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    output: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
