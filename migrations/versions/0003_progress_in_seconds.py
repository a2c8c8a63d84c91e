"""The progress of a recording is told in its own seconds too.

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COLUMNS = ("progress_seconds_done", "progress_seconds_total")


def upgrade() -> None:
    """Forwards. Columns without a default: no row is rewritten, however many there are."""
    for name in _COLUMNS:
        op.add_column("job", sa.Column(name, sa.Double(), nullable=True))


def downgrade() -> None:
    """Backwards."""
    for name in reversed(_COLUMNS):
        op.drop_column("job", name)
