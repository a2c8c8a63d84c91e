"""One database of each kind for all tests of a file: each begins without endpoints, and with that without deliveries."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete

from models.database import Database
from models.webhook import WebhookEndpoint
from tests.services.databases import migrated


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated database; jobs of earlier tests may be in it."""
    postgres: Any = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = postgres.create_database() if postgres else f"sqlite:///{tmp_path_factory.mktemp('webhooks')}/jobs.db"
    opened = migrated(url)
    yield opened
    opened.close()
    if postgres:
        postgres.drop_database(url)


@pytest.fixture
def database(shared_database: Database) -> Database:
    """The database, where nobody wants to be told of anything."""
    with shared_database.write() as connection:
        connection.execute(delete(WebhookEndpoint))
    return shared_database
