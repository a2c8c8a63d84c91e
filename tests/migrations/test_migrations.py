"""Migrations: they build what the models say, on both databases, and lead back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import migrations
from models.database import Database, open_database
from models.tables import Base

# SQLite cannot report an index over an expression, so Alembic cannot compare these there.
NOT_COMPARED_ON_SQLITE = {"ix_job_queued", "ix_job_alone"}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    url = f"sqlite:///{tmp_path}/jobs.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = open_database(url)
    yield opened
    opened.close()


def test_the_migrated_database_is_what_the_models_describe(empty: Database) -> None:
    migrations.upgrade(empty)
    with empty.write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)
    if empty.dialect == "sqlite":
        differences = [change for change in differences if change[1].name not in NOT_COMPARED_ON_SQLITE]
    assert differences == []


@pytest.mark.parametrize("index", sorted(NOT_COMPARED_ON_SQLITE))
def test_the_line_has_its_index(empty: Database, index: str) -> None:
    migrations.upgrade(empty)
    catalogue = "sqlite_master" if empty.dialect == "sqlite" else "pg_indexes"
    column = "sql" if empty.dialect == "sqlite" else "indexdef"
    name = "name" if empty.dialect == "sqlite" else "indexname"
    with empty.read() as connection:
        definition = connection.exec_driver_sql(
            f"SELECT {column} FROM {catalogue} WHERE {name} = '{index}'"
        ).scalar_one()
    assert "priority DESC, turn, id" in definition
    assert "WHERE" in definition


def test_migrations_lead_up_down_and_up_again(empty: Database) -> None:
    assert migrations.stored_revision(empty) is None
    migrations.upgrade(empty)
    assert migrations.stored_revision(empty) == migrations.newest_revision()
    migrations.downgrade(empty, "base")
    assert migrations.stored_revision(empty) is None
    migrations.upgrade(empty)
    assert migrations.stored_revision(empty) == migrations.newest_revision()


def test_what_was_spent_before_there_were_sums_is_summed(empty: Database) -> None:
    """Two calls before midnight in Los Angeles and one after it, one of them without a price."""
    migrations.upgrade(empty, "0003")
    batch, job = "0" * 31 + "1", "0" * 31 + "2"
    statements = [
        f"INSERT INTO batch (id, owner, next_turn, created_at) VALUES ('{batch}', 'ada', 0, '2026-07-01 00:00:00.000')",
        (
            "INSERT INTO job (id, batch_id, owner, kind, source, options, model, lane, reuse, owes_reply, priority, turn, state, "
            "attempts, max_attempts, claim, losses, cancel_requested, created_at, progress_done, progress_total, calls, "
            "input_tokens, output_tokens, thinking_tokens, cached_tokens, cost_usd) VALUES "
            f"('{job}', '{batch}', 'ada', 'caption', 'x', '{{}}', 'm', 'm', true, false, 0, 0, 'queued', 0, 3, 1, 0, false, "
            "'2026-07-01 00:00:00.000', 0, 1, 3, 3, 3, 0, 0, 0)"
        ),
        *(
            "INSERT INTO call (id, job_id, claim, clip, lane, model, input_tokens, output_tokens, thinking_tokens, "
            f"cached_tokens, cost_usd, duration_seconds, ended_at) VALUES ('{number:032}', '{job}', 1, 0, 'm', 'm', 1, 1, 0, 0, "
            f"{cost}, 1.0, '2026-07-02 {clock}')"
            for number, (cost, clock) in enumerate(
                [("100", "05:00:00.000"), ("NULL", "06:59:59.999"), ("7", "07:00:00.000")]
            )
        ),
    ]
    with empty.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    migrations.upgrade(empty)
    with empty.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT day, owner, lane, calls, unpriced_calls, input_tokens, cost_usd, presumed_usd FROM spending ORDER BY day"
        ).all()
    assert [(str(row[0]), *row[1:]) for row in rows] == [
        ("2026-07-01", "ada", "m", 2, 1, 2, 100, 0),
        ("2026-07-02", "ada", "m", 1, 0, 1, 7, 0),
    ]


def test_the_files_are_numbered_as_alembic_orders_them() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_current_head() == migrations.newest_revision()
    assert all(migrations.is_known(script.revision) for script in scripts.walk_revisions())
    assert not migrations.is_known("9999")
