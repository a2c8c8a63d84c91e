"""Calls in the economy tier are sent to Gemini in parcels, which are remembered until their answers are used.

Revision 0007.
"""

import sqlalchemy as sa
from alembic import op

from models.base import TypedId, UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    _parcel()
    _parcelled_call()


def downgrade() -> None:
    """Backwards."""
    for table in ("parcelled_call", "parcel"):
        op.drop_table(table)


def _parcel() -> None:
    op.create_table(
        "parcel",
        sa.Column("id", TypedId("par"), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("lane", sa.String(250), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("worker_id", TypedId("wrk"), nullable=False),
        sa.Column("input_file", sa.String(200)),
        sa.Column("output_file", sa.String(200)),
        sa.Column("batch_name", sa.String(200)),
        sa.Column("creations", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("sent_at", UtcTime()),
        sa.Column("deadline_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel")),
        sa.CheckConstraint("state IN ('over', 'sending', 'sent', 'uploaded')", name=op.f("ck_parcel_state_known")),
        sa.CheckConstraint("state <> 'uploaded' OR input_file IS NOT NULL", name=op.f("ck_parcel_uploaded_has_file")),
        sa.CheckConstraint("state <> 'sent' OR batch_name IS NOT NULL", name=op.f("ck_parcel_sent_has_batch")),
    )
    op.create_index("ix_parcel_due", "parcel", ["due_at"])


def _parcelled_call() -> None:
    op.create_table(
        "parcelled_call",
        sa.Column("id", TypedId("cal"), nullable=False),
        sa.Column("parcel_id", TypedId("par"), nullable=False),
        sa.Column("job_id", TypedId("job"), nullable=False),
        sa.Column("batch_id", TypedId("bat"), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("clip", sa.Integer(), nullable=False),
        sa.Column("clip_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("line", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcelled_call")),
        sa.ForeignKeyConstraint(
            ["parcel_id"], ["parcel.id"], name=op.f("fk_parcelled_call_parcel_id_parcel"), ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "state IN ('answered', 'unanswered', 'under_way')", name=op.f("ck_parcelled_call_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'answered') = (line IS NOT NULL)", name=op.f("ck_parcelled_call_answered_has_line")
        ),
    )
    op.create_index("ix_parcelled_call_parcel", "parcelled_call", ["parcel_id", "state"])
    op.create_index("ix_parcelled_call_job", "parcelled_call", ["job_id"])
