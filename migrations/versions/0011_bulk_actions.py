"""Bulk actions: many jobs cancelled or retried at once.

Revision 0011.
"""

import sqlalchemy as sa
from alembic import op

from models.base import Json, TypedId, UtcTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OPEN = "state IN ('pending', 'running')"


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "bulk_action",
        sa.Column("id", TypedId("blk"), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("key_id", sa.String(16)),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("filter", Json, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("frozen_at", UtcTime(), nullable=False),
        sa.Column("last_id", TypedId("job")),
        sa.Column("reached_id", TypedId("job")),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("started_at", UtcTime()),
        sa.Column("finished_at", UtcTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_action")),
        sa.CheckConstraint(
            "state IN ('aborted', 'pending', 'running', 'succeeded')", name=op.f("ck_bulk_action_state_known")
        ),
        sa.CheckConstraint(f"({OPEN}) = (finished_at IS NULL)", name=op.f("ck_bulk_action_closed_has_end")),
        sa.CheckConstraint("total >= 0 AND changed >= 0 AND skipped >= 0", name=op.f("ck_bulk_action_counts_positive")),
    )
    op.create_index("ix_bulk_action_owner", "bulk_action", ["owner", "id"])
    is_open = sa.text(OPEN)
    op.create_index("ix_bulk_action_open", "bulk_action", ["id"], postgresql_where=is_open, sqlite_where=is_open)


def downgrade() -> None:
    """Backwards."""
    op.drop_table("bulk_action")
