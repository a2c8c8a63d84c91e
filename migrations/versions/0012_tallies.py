"""Counts, lists and the line of a batch cost the same beside a thousand jobs and beside ten million.

Tallies, kept by triggers, so that nobody has to count jobs; and an index for each order in which jobs are listed.

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

from models.base import UsdAmount

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEY = ("scope", "name", "kind", "state", "line")
_SUMS = ("jobs", "reused", "calls", "input_tokens", "output_tokens", "thinking_tokens", "cost_usd")
_USED = _SUMS[2:]
_EVENTS = {"insert": {"new": 1}, "delete": {"old": -1}, "update": {"new": 1, "old": -1}}
"""What of a changed row is added, and what is taken away."""

_LISTS = {
    "ix_job_owner": ["owner", "id"],
    "ix_job_owner_state": ["owner", "state", "id"],
    "ix_job_state": ["state", "id"],
}
_SCOPES = "(SELECT 'batch' AS scope UNION ALL SELECT 'owner' UNION ALL SELECT 'lane') AS scopes"
_ADD = f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET " + ", ".join(
    f"{name} = tally.{name} + excluded.{name}" for name in _SUMS
)
_INTO = f"INSERT INTO tally ({', '.join((*_KEY, *_SUMS))})"


def upgrade() -> None:
    """Forwards."""
    _create_table()
    grouped = f"SELECT {_named('job')}, 0, {_sums('job', 1)} FROM job CROSS JOIN {_SCOPES} GROUP BY 1, 2, 3, 4"  # noqa: S608 - ours
    op.execute(f"{_INTO} {grouped}")
    for event, rows in _EVENTS.items():
        for statement in _postgresql(event, rows) if _is_postgresql() else _sqlite(event, rows):
            op.execute(statement)
    op.drop_index("ix_job_batch", "job")
    op.drop_index("ix_job_failed", "job")
    op.drop_index("ix_job_owner", "job")
    op.create_index("ix_job_batch", "job", ["batch_id", "state", "id"])
    for_lists = sa.text("claim >= 0")
    for name, columns in _LISTS.items():
        op.create_index(name, "job", columns, postgresql_where=for_lists, sqlite_where=for_lists)
    has_name = sa.text("name IS NOT NULL")
    op.create_index("ix_batch_name", "batch", ["name", "id"], postgresql_where=has_name, sqlite_where=has_name)
    has_code = sa.text("error_code IS NOT NULL")
    op.create_index("ix_job_error", "job", ["error_code", "id"], postgresql_where=has_code, sqlite_where=has_code)


def downgrade() -> None:
    """Backwards."""
    for event in _EVENTS:
        op.execute(f"DROP TRIGGER tally_{event}" + (" ON job" if _is_postgresql() else ""))
        if _is_postgresql():
            op.execute(f"DROP FUNCTION tally_{event}()")
    for index in ("ix_job_error", "ix_job_batch", *_LISTS):
        op.drop_index(index, "job")
    op.drop_index("ix_batch_name", "batch")
    failed = sa.text("state = 'failed'")
    op.create_index("ix_job_failed", "job", ["error_code", "id"], postgresql_where=failed, sqlite_where=failed)
    op.create_index("ix_job_batch", "job", ["batch_id", "state"])
    op.create_index("ix_job_owner", "job", ["owner", "id"])
    op.drop_table("tally")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _create_table() -> None:
    op.create_table(
        "tally",
        sa.Column("scope", sa.String(10), nullable=False),
        sa.Column("name", sa.String(250), nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False, autoincrement=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _SUMS[:-1]),
        sa.Column("cost_usd", UsdAmount(), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, name=op.f("pk_tally")),
        sa.CheckConstraint("scope IN ('batch', 'lane', 'owner')", name=op.f("ck_tally_scope_known")),
    )
    op.create_index("ix_tally_line", "tally", ["line"])


def _named(row: str) -> str:
    """Scope, name, kind and state of a job's row, in each of `_SCOPES`."""
    batch = f"'bat_' || replace(CAST({row}.batch_id AS TEXT), '-', '')"
    name = f"CASE scope WHEN 'batch' THEN {batch} WHEN 'owner' THEN {row}.owner ELSE {row}.lane END"
    return f"scope, {name}, {row}.kind, {row}.state"


def _parts(row: str, sign: int) -> list[str]:
    """What a job's row adds to each of `_SUMS`."""
    reused = f"CASE WHEN {row}.reused_from IS NULL THEN 0 ELSE {sign} END"
    return [str(sign), reused, *(f"{sign} * {row}.{name}" for name in _USED)]


def _sums(row: str, sign: int) -> str:
    return ", ".join(f"sum({part})" for part in _parts(row, sign))


def _postgresql(event: str, rows: dict[str, int]) -> list[str]:
    """Once a statement. What cancels itself out, as for a heartbeat, is left out: most statements do not write here."""
    used = ", ".join(("batch_id", "owner", "lane", "kind", "state", "reused_from", *_USED))
    changed = " UNION ALL ".join(f"SELECT {sign} AS sign, {used} FROM {row}_jobs" for row, sign in rows.items())  # noqa: S608
    totals = ", ".join(f"sum({part})" for part in _signed())
    body = (
        f"{_INTO} SELECT {_named('changed')}, pg_backend_pid(), {totals} "  # noqa: S608 - ours
        f"FROM ({changed}) AS changed CROSS JOIN {_SCOPES} GROUP BY 1, 2, 3, 4 "
        f"HAVING ({totals}) <> ({', '.join('0' for _ in _SUMS)}) {_ADD}"
    )
    tables = " ".join(f"{row.upper()} TABLE AS {row}_jobs" for row in rows)
    trigger = f"AFTER {event.upper()} ON job REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION tally_{event}()"
    return [
        f"CREATE FUNCTION tally_{event}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$",
        f"CREATE TRIGGER tally_{event} {trigger}",
    ]


def _signed() -> list[str]:
    reused = "CASE WHEN changed.reused_from IS NULL THEN 0 ELSE sign END"
    return ["sign", reused, *(f"sign * changed.{name}" for name in _USED)]


def _sqlite(event: str, rows: dict[str, int]) -> list[str]:
    """Once a row, as SQLite knows nothing else; into one line, as it has one writer."""
    watched = ", ".join(("batch_id", "owner", "lane", "kind", "state", "reused_from", *_USED))
    of = f" OF {watched}" if event == "update" else ""
    steps = " ".join(
        f"{_INTO} SELECT {_named(row)}, 0, {', '.join(_parts(row, sign))} FROM {_SCOPES} WHERE true {_ADD};"  # noqa: S608
        for row, sign in rows.items()
    )
    return [f"CREATE TRIGGER tally_{event} AFTER {event.upper()}{of} ON job FOR EACH ROW BEGIN {steps} END"]
