"""Webhooks: endpoints of owners and the outbox of what they are told; a batch that is coming in knows it.

Revision 0009.
"""

import sqlalchemy as sa
from alembic import op

from models.base import TypedId, UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    _create_endpoints()
    _create_deliveries()
    op.add_column("batch", sa.Column("open_until", UtcTime()))
    open_ones = sa.text("open_until IS NOT NULL")
    op.create_index(
        "ix_batch_open", "batch", ["open_until"], postgresql_where=open_ones, sqlite_where=open_ones
    )  # fmt: skip


def _create_endpoints() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", TypedId("whe"), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event_types", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("former_secret", sa.String(100)),
        sa.Column("former_secret_until", UtcTime()),
        sa.Column("failing_since", UtcTime()),
        sa.Column("quiet_until", UtcTime()),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
        sa.CheckConstraint("state IN ('active', 'disabled')", name=op.f("ck_webhook_endpoint_state_known")),
        sa.CheckConstraint(
            "(state = 'disabled') = (disabled_reason IS NOT NULL)",
            name=op.f("ck_webhook_endpoint_disabled_has_reason"),
        ),
        sa.CheckConstraint(
            "(former_secret IS NULL) = (former_secret_until IS NULL)",
            name=op.f("ck_webhook_endpoint_former_secret_ends"),
        ),
    )
    op.create_index("ix_webhook_endpoint_owner", "webhook_endpoint", ["owner", "id"])


def _create_deliveries() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("id", TypedId("whd"), nullable=False),
        sa.Column("endpoint_id", TypedId("whe"), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("event_id", TypedId("evt"), nullable=False),
        sa.Column("event_type", sa.String(50), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcTime()),
        sa.Column("lease_until", UtcTime()),
        sa.Column("answer_status", sa.Integer()),
        sa.Column("answer_text", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("attempted_at", UtcTime()),
        sa.Column("ended_at", UtcTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoint.id"], ondelete="CASCADE",
            name=op.f("fk_webhook_delivery_endpoint_id_webhook_endpoint"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'failed', 'cancelled')", name=op.f("ck_webhook_delivery_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (due_at IS NOT NULL)", name=op.f("ck_webhook_delivery_pending_has_due")
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (ended_at IS NULL)", name=op.f("ck_webhook_delivery_ended_has_end")
        ),
    )  # fmt: skip
    pending, ended = sa.text("state = 'pending'"), sa.text("ended_at IS NOT NULL")
    op.create_index(
        "ix_webhook_delivery_due", "webhook_delivery", ["due_at"], postgresql_where=pending, sqlite_where=pending
    )
    op.create_index(
        "ix_webhook_delivery_ended", "webhook_delivery", ["ended_at"], postgresql_where=ended, sqlite_where=ended
    )
    op.create_index("ix_webhook_delivery_owner", "webhook_delivery", ["owner", "id"])
    op.create_index("ix_webhook_delivery_endpoint", "webhook_delivery", ["endpoint_id", "id"])


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_batch_open", "batch")
    op.drop_column("batch", "open_until")
    for table in ("webhook_delivery", "webhook_endpoint"):
        op.drop_table(table)
