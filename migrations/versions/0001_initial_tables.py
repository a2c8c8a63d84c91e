"""The first tables: batches, jobs, attempts, calls, answers, results, workers, lanes.

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op

from models.base import Json, TypedId, UsdAmount, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    for create in (_batch, _lane, _turn, _worker, _job, _answer, _attempt, _call, _result):
        create()


def downgrade() -> None:
    """Backwards."""
    for table in ("result", "call", "attempt", "answer", "job", "worker", "turn", "lane", "batch"):
        op.drop_table(table)


def _batch() -> None:
    op.create_table(
        "batch",
        sa.Column("id", TypedId("bat"), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("idempotency_key", sa.String(200)),
        sa.Column("next_turn", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("owner", "idempotency_key", name=op.f("uq_batch_owner_idempotency_key")),
    )
    op.create_index("ix_batch_under_way", "batch", ["owner", "next_turn"])


def _lane() -> None:
    op.create_table(
        "lane",
        sa.Column("name", sa.String(250), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(50)),
        sa.Column("reason", sa.Text()),
        sa.Column("paused_until", UtcTime()),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lane")),
    )


def _turn() -> None:
    op.create_table(
        "turn",
        sa.Column("priority", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("priority", name=op.f("pk_turn")),
    )


def _worker() -> None:
    op.create_table(
        "worker",
        sa.Column("id", TypedId("wrk"), nullable=False),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(50), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("beat_at", UtcTime(), nullable=False),
        sa.Column("stopped_at", UtcTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
    )


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("id", TypedId("job"), nullable=False),
        sa.Column("batch_id", TypedId("bat"), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("lane", sa.String(250), nullable=False),
        sa.Column("client_ref", sa.String(200)),
        sa.Column("metadata", Json),
        sa.Column("idempotency_key", sa.String(250)),
        sa.Column("reuse", sa.Boolean(), nullable=False),
        sa.Column("owes_reply", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("lease_owner", TypedId("wrk")),
        sa.Column("lease_until", UtcTime()),
        sa.Column("announced_until", UtcTime()),
        sa.Column("due_at", UtcTime()),
        sa.Column("deadline_at", UtcTime()),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("started_at", UtcTime()),
        sa.Column("finished_at", UtcTime()),
        sa.Column("progress_done", sa.Integer(), nullable=False),
        sa.Column("progress_total", sa.Integer(), nullable=False),
        sa.Column("question_hash", sa.String(64)),
        sa.Column("reused_from", TypedId("job")),
        sa.Column("model_version", sa.String(200)),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("thinking_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", UsdAmount(), nullable=False),
        sa.Column("error_code", sa.String(50)),
        sa.Column("error_message", sa.Text()),
        sa.Column("error_retryable", sa.Boolean()),
        sa.Column("error_detail", Json),
        sa.CheckConstraint("(state = 'running') = (lease_owner IS NOT NULL)", name=op.f("ck_job_running_has_owner")),
        sa.CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_job_running_has_lease")),
        sa.CheckConstraint("(state = 'waiting') = (due_at IS NOT NULL)", name=op.f("ck_job_waiting_has_due")),
        sa.CheckConstraint(
            "(state IN ('cancelled', 'failed', 'partial', 'succeeded')) = (finished_at IS NOT NULL)",
            name=op.f("ck_job_final_has_end"),
        ),
        sa.CheckConstraint("state <> 'failed' OR error_code IS NOT NULL", name=op.f("ck_job_failed_has_code")),
        sa.CheckConstraint("state <> 'succeeded' OR error_code IS NULL", name=op.f("ck_job_succeeded_has_no_code")),
        sa.CheckConstraint(
            "state IN ('cancelled', 'failed', 'partial', 'queued', 'running', 'succeeded', 'waiting')",
            name=op.f("ck_job_state_known"),
        ),
        sa.CheckConstraint("attempts >= 0 AND attempts <= max_attempts", name=op.f("ck_job_attempts_bounded")),
        sa.CheckConstraint("claim >= 0 AND losses >= 0", name=op.f("ck_job_counts_positive")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_job_batch_id_batch")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(
        "ix_job_answered",
        "job",
        ["owner", "question_hash"],
        postgresql_where=sa.text("state = 'succeeded'"),
        sqlite_where=sa.text("state = 'succeeded'"),
    )
    op.create_index("ix_job_batch", "job", ["batch_id", "state"])
    op.create_index(
        "ix_job_deadline",
        "job",
        ["deadline_at"],
        postgresql_where=sa.text("deadline_at IS NOT NULL AND finished_at IS NULL"),
        sqlite_where=sa.text("deadline_at IS NOT NULL AND finished_at IS NULL"),
    )
    op.create_index(
        "ix_job_failed",
        "job",
        ["error_code", "id"],
        postgresql_where=sa.text("state = 'failed'"),
        sqlite_where=sa.text("state = 'failed'"),
    )
    op.create_index(
        "ix_job_finished",
        "job",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
        sqlite_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_job_running",
        "job",
        ["lease_owner"],
        postgresql_where=sa.text("state = 'running'"),
        sqlite_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_job_unreported",
        "job",
        ["id"],
        postgresql_where=sa.text("owes_reply AND finished_at IS NOT NULL"),
        sqlite_where=sa.text("owes_reply AND finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_job_waiting",
        "job",
        ["due_at"],
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_job_idempotency",
        "job",
        ["owner", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    )
    where = sa.text("state = 'queued'")
    op.create_index(
        "ix_job_queued", "job", [sa.text("priority DESC"), "turn", "id"], postgresql_where=where, sqlite_where=where
    )


def _answer() -> None:
    op.create_table(
        "answer",
        sa.Column("job_id", TypedId("job"), nullable=False),
        sa.Column("clip_hash", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("model_version", sa.String(200)),
        sa.Column("answer", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_answer_job_id_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "clip_hash", name=op.f("pk_answer")),
    )
    op.create_index("ix_answer_clip", "answer", ["owner", "clip_hash"])


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("job_id", TypedId("job"), nullable=False),
        sa.Column("claim", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker_id", TypedId("wrk")),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("code", sa.String(50)),
        sa.Column("message", sa.Text()),
        sa.Column("started_at", UtcTime()),
        sa.Column("ended_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_attempt_job_id_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "claim", name=op.f("pk_attempt")),
    )


def _call() -> None:
    op.create_table(
        "call",
        sa.Column("id", TypedId("cal"), nullable=False),
        sa.Column("job_id", TypedId("job"), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("clip", sa.Integer(), nullable=False),
        sa.Column("lane", sa.String(250), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("model_version", sa.String(200)),
        sa.Column("http_status", sa.Integer()),
        sa.Column("finish_reason", sa.String(50)),
        sa.Column("response_id", sa.String(200)),
        sa.Column("code", sa.String(50)),
        sa.Column("message", sa.Text()),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("thinking_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("input_by_modality", Json),
        sa.Column("cost_usd", UsdAmount()),
        sa.Column("duration_seconds", sa.Double(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_call_job_id_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
    )
    op.create_index("ix_call_ended_at", "call", ["ended_at"])
    op.create_index("ix_call_job", "call", ["job_id"])


def _result() -> None:
    op.create_table(
        "result",
        sa.Column("job_id", TypedId("job"), nullable=False),
        sa.Column("output", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_result_job_id_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_result")),
    )
