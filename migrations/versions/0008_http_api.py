"""Keys of the HTTP API and receipts of its requests; lists of an owner's jobs and batches, and of a batch's jobs, have an index.

Revision 0008.
"""

import sqlalchemy as sa
from alembic import op

from models.base import Json, UtcTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("scopes", sa.String(200), nullable=False),
        sa.Column("requests_per_minute", sa.Integer()),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime()),
        sa.Column("revoked_at", UtcTime()),
        sa.Column("used_at", UtcTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.CheckConstraint("requests_per_minute > 0", name=op.f("ck_api_key_rpm_positive")),
    )
    op.create_table(
        "receipt",
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("request", sa.String(200), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", Json),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "request", "key", name=op.f("pk_receipt")),
    )
    op.create_index("ix_receipt_created", "receipt", ["created_at"])
    op.create_index("ix_job_owner", "job", ["owner", "id"])
    op.create_index("ix_job_of_batch", "job", ["batch_id", "id"])
    op.create_index("ix_batch_owner", "batch", ["owner", "id"])


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_batch_owner", "batch")
    op.drop_index("ix_job_of_batch", "job")
    op.drop_index("ix_job_owner", "job")
    for table in ("receipt", "api_key"):
        op.drop_table(table)
