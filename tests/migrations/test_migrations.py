"""Migrations: they build what the models say, on both databases, and lead back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

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
