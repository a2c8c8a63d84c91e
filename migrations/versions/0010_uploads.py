"""Uploads: files that came with a job.

Revision 0010.
"""

import sqlalchemy as sa
from alembic import op

from models.base import TypedId, UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "upload",
        sa.Column("id", TypedId("upl"), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("job_id", TypedId("job")),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("is_leaving", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_upload_job_id_job"), ondelete="SET NULL"),
        sa.CheckConstraint("job_id IS NULL OR sha256 IS NOT NULL", name=op.f("ck_upload_job_has_whole_file")),
        sa.CheckConstraint("job_id IS NULL OR NOT is_leaving", name=op.f("ck_upload_job_keeps_file")),
    )
    op.create_index("ix_upload_job", "upload", ["job_id"])
    nobodys = sa.text("job_id IS NULL")
    op.create_index("ix_upload_nobodys", "upload", ["expires_at"], postgresql_where=nobodys, sqlite_where=nobodys)


def downgrade() -> None:
    """Backwards."""
    op.drop_table("upload")
