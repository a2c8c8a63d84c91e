"""What dispatch asks at every tick costs the same beside ten jobs and beside ten million.

How many jobs are announced, and whether one has to run alone: each has an index of just those jobs.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ANNOUNCED = sa.text("state = 'queued' AND announced_until IS NOT NULL")
_ALONE = sa.text("state = 'queued' AND losses >= 2")


def upgrade() -> None:
    """Forwards."""
    op.create_index(
        "ix_job_announced", "job", ["announced_until"], postgresql_where=_ANNOUNCED, sqlite_where=_ANNOUNCED
    )
    line: list[str | sa.TextClause] = [sa.text("priority DESC"), "turn", "id"]
    op.create_index("ix_job_alone", "job", line, postgresql_where=_ALONE, sqlite_where=_ALONE)


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_job_alone", "job")
    op.drop_index("ix_job_announced", "job")
