"""One suite over both databases: every test here runs on SQLite and on PostgreSQL, on tables made by the migrations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import migrations
from models.database import Database, open_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a migrated database that only this test uses."""
    url: str = f"sqlite:///{tmp_path}/jobs.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = open_database(url)
    migrations.upgrade(made)
    made.close()
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The migrated database, open."""
    opened = open_database(database_url)
    yield opened
    opened.close()
