"""The API in this process, over SQLite and over PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.api import Site, site
from tests.services.databases import migrated


@pytest.fixture(params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """The API on an empty database; no key was ever made."""
    url: str = (
        f"sqlite:///{tmp_path}/jobs.db"
        if request.param == "sqlite"
        else request.getfixturevalue("migrated_postgres_url")
    )
    database = migrated(url)
    with site(database, tmp_path) as running:
        yield running
    database.close()
