"""Lanes have limits and fallbacks of their own, and a stopped lane is tried with one job at a time.

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
    op.add_column("lane", sa.Column("fallback_model", sa.String(200)))
    op.add_column("lane", sa.Column("may_fall_back", sa.Boolean()))
    op.add_column("job", sa.Column("asked_model", sa.String(200)))
    for name, constraint in _LIMITS.items():
        # Written out, for Alembic cannot add a constraint to a table of SQLite; one of the column goes with it.
        op.execute(f"ALTER TABLE lane ADD COLUMN {name} INTEGER CONSTRAINT {constraint} CHECK ({name} > 0)")
    op.execute("UPDATE lane SET probe_at = changed_at WHERE paused AND paused_until IS NULL")
    op.create_index("ix_job_lane", "job", ["lane"], postgresql_where=_QUEUED, sqlite_where=_QUEUED)


def downgrade() -> None:
    """Backwards. What is paused until somebody acts stays so, as nobody would try it: it is opened."""
    op.drop_index("ix_job_lane", "job")
    op.execute("UPDATE lane SET paused = false WHERE paused AND paused_until IS NULL AND code IS NOT NULL")
    op.drop_column("job", "asked_model")
    for name in (*_LIMITS, "may_fall_back", "fallback_model", "refusals_since", "refusals", "probe_at"):
        op.drop_column("lane", name)
