"""What is spent is summed by day, owner, lane and batch, and stays when jobs are purged; budgets limit it.

What was spent so far is summed here.

Revision 0004, after 0003.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

from models.base import TypedId, UsdAmount, UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SUMS = ("calls", "unpriced_calls", "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cost_usd")
_HOUR = {"sqlite": "substr(call.ended_at, 1, 13)", "postgresql": "to_char(call.ended_at, 'YYYY-MM-DD HH24')"}
"""The hour in UTC; a Pacific day ends with one. The session's time zone is UTC."""


def upgrade() -> None:
    """Forwards."""
    _spending()
    _budget()
    _hold()
    _sum_up_stored_calls()


def downgrade() -> None:
    """Backwards."""
    for table in ("hold", "budget", "spending"):
        op.drop_table(table)


def _spending() -> None:
    op.create_table(
        "spending",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("lane", sa.String(250), nullable=False),
        sa.Column("batch_id", TypedId("bat"), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _SUMS[:-1]),
        sa.Column("cost_usd", UsdAmount(), nullable=False),
        sa.Column("presumed_usd", UsdAmount(), nullable=False),
        sa.PrimaryKeyConstraint("day", "owner", "lane", "batch_id", name=op.f("pk_spending")),
    )
    op.create_index("ix_spending_batch", "spending", ["batch_id"])
    op.create_index("ix_spending_owner", "spending", ["owner", "day"])
    op.create_index("ix_spending_lane", "spending", ["lane", "day"])


def _budget() -> None:
    op.create_table(
        "budget",
        sa.Column("scope", sa.String(10), nullable=False),
        sa.Column("name", sa.String(250), nullable=False),
        sa.Column("period", sa.String(10), nullable=False),
        sa.Column("batch_id", TypedId("bat")),
        sa.Column("limit_usd", UsdAmount(), nullable=False),
        sa.Column("is_spent", sa.Boolean(), nullable=False),
        sa.Column("opens_at", UtcTime()),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", "period", name=op.f("pk_budget")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_budget_batch_id_batch"), ondelete="CASCADE"),
        sa.CheckConstraint("limit_usd > 0", name=op.f("ck_budget_limit_positive")),
        sa.CheckConstraint("scope IN ('batch', 'lane', 'owner')", name=op.f("ck_budget_scope_known")),
        sa.CheckConstraint("period IN ('day', 'total')", name=op.f("ck_budget_period_known")),
        sa.CheckConstraint("(scope = 'batch') = (batch_id IS NOT NULL)", name=op.f("ck_budget_batch_has_id")),
    )
    op.create_index("ix_budget_batch", "budget", ["batch_id"])
    op.create_index("ix_budget_spent", "budget", ["is_spent", "scope"])


def _hold() -> None:
    op.create_table(
        "hold",
        sa.Column("id", TypedId("cal"), nullable=False),
        sa.Column("job_id", TypedId("job"), nullable=False),
        sa.Column("batch_id", TypedId("bat"), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("lane", sa.String(250), nullable=False),
        sa.Column("worker_id", TypedId("wrk"), nullable=False),
        sa.Column("amount_usd", UsdAmount(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        sa.CheckConstraint("amount_usd >= 0", name=op.f("ck_hold_amount_positive")),
    )
    op.create_index("ix_hold_worker", "hold", ["worker_id"])


def _sum_up_stored_calls() -> None:
    """By hours in SQL, since SQLite knows no time zones; the hours by days here."""
    hour = _HOUR[op.get_bind().dialect.name]
    unpriced = "CASE WHEN call.cost_usd IS NULL AND call.input_tokens + call.output_tokens > 0 THEN 1 ELSE 0 END"
    tokens = ", ".join(f"sum(call.{name})" for name in _SUMS if name.endswith("_tokens"))
    query = sa.text(
        f"SELECT {hour}, job.owner, call.lane, job.batch_id, count(*), sum({unpriced}), {tokens}, "  # noqa: S608 - ours
        "sum(coalesce(call.cost_usd, 0)) FROM call JOIN job ON job.id = call.job_id GROUP BY 1, 2, 3, 4"
    )
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    for when, owner, lane, batch_id, *used in op.get_bind().execute(query):
        day = (
            datetime.fromisoformat(f"{when}:00").replace(tzinfo=UTC).astimezone(ZoneInfo("America/Los_Angeles")).date()
        )
        into = sums.setdefault((day, owner, lane, str(batch_id).replace("-", "")), Counter())
        into.update({name: int(value) for name, value in zip(_SUMS, used, strict=True)})
    names = ("day", "owner", "lane", "batch_id")
    spending = sa.table(
        "spending",
        sa.column("day", sa.Date()),
        sa.column("owner", sa.String()),
        sa.column("lane", sa.String()),
        sa.column("batch_id", TypedId("bat")),
        *(sa.column(name, sa.BigInteger()) for name in (*_SUMS, "presumed_usd")),
    )
    op.bulk_insert(
        spending,
        [{**dict(zip(names, key, strict=True)), **used, "presumed_usd": 0} for key, used in sums.items()],
    )
