"""Jobs that ask the same at the same time wait for the first of them.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

from models.base import TypedId

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "question",
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("question_hash", sa.String(64), nullable=False),
        sa.Column("job_id", TypedId("job"), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("is_awaited", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "question_hash", name=op.f("pk_question")),
    )
    waits = sa.text("state = 'waiting' AND question_hash IS NOT NULL")
    op.create_index("ix_job_twin", "job", ["owner", "question_hash"], postgresql_where=waits, sqlite_where=waits)


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_job_twin", table_name="job")
    op.drop_table("question")
