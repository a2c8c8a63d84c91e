"""Lanes have limits of their own, and a stopped lane is tried with one job at a time.

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

from models.base import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_LIMITS = {
    "requests_per_minute": "ck_lane_rpm_positive",
    "input_tokens_per_minute": "ck_lane_tpm_positive",
    "requests_per_day": "ck_lane_rpd_positive",
}
_QUEUED = sa.text("state = 'queued'")


def upgrade() -> None:
    """Forwards. A pause of before that no time ends is tried at once."""
    op.add_column("lane", sa.Column("probe_at", UtcTime()))
    op.add_column("lane", sa.Column("refusals", sa.Integer()))
    op.add_column("lane", sa.Column("refusals_since", UtcTime()))
    for name, constraint in _LIMITS.items():
        # Written out, for Alembic cannot add a constraint to a table of SQLite; one of the column goes with it.
        op.execute(f"ALTER TABLE lane ADD COLUMN {name} INTEGER CONSTRAINT {constraint} CHECK ({name} > 0)")
    op.execute("UPDATE lane SET probe_at = changed_at WHERE paused AND paused_until IS NULL")
    op.create_index("ix_job_lane", "job", ["lane"], postgresql_where=_QUEUED, sqlite_where=_QUEUED)


def downgrade() -> None:
    """Backwards. What is paused until somebody acts stays so, as nobody would try it: it is opened."""
    op.drop_index("ix_job_lane", "job")
    op.execute("UPDATE lane SET paused = false WHERE paused AND paused_until IS NULL AND code IS NOT NULL")
    for name in (*_LIMITS, "refusals_since", "refusals", "probe_at"):
        op.drop_column("lane", name)
