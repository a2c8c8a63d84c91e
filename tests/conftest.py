"""What every test gets: a clean environment, and real servers, one of each kind for each pytest process.

A server starts when the first test asks for it. A test gets a database or a database number of its own, so tests
cannot meet, not even when a process of one outlives it for a moment.
"""

import itertools
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.services.databases import migrated
from tests.services.postgres import PostgresServer, postgres_server
from tests.services.redis import DATABASES, RedisServer, redis_server

_FOREIGN_SETTINGS = ("MEDIASCRIBE_", "GEMINI_", "GOOGLE_")

# No time limits on examples: a busy machine is not a counterexample. On failure the example is printed for replay.
settings.register_profile("local", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)


def pytest_xdist_auto_num_workers() -> int:
    """Two a core, since the tests of faults wait more than they compute; at most eight, for each has its own servers."""
    return min(8, 2 * (os.cpu_count() or 1))


def pytest_configure() -> None:
    """No setting of the caller's shell reaches a test, nor a process that a test starts; no real key is ever used."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN_SETTINGS):
            del os.environ[name]
    settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Address of an empty PostgreSQL database that only this test knows; it is gone afterwards."""
    yield from _database(postgres)


@pytest.fixture(scope="session")
def _postgres_tables(postgres: PostgresServer) -> str:
    _awaken(postgres)
    url = postgres.create_database()
    migrated(url).close()
    return url


@pytest.fixture
def migrated_postgres_url(postgres: PostgresServer, _postgres_tables: str) -> Iterator[str]:
    """The same with the tables in it."""
    yield from _database(postgres, template=_postgres_tables)


def _database(postgres: PostgresServer, *, template: str | None = None) -> Iterator[str]:
    _awaken(postgres)
    url = postgres.create_database(template=template)
    yield url
    _awaken(postgres)
    postgres.drop_database(url)


def _awaken(server: PostgresServer | RedisServer) -> None:
    """A test before this one may have left it dead or frozen."""
    server.start()
    server.resume()


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A running Redis."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def _redis_numbers() -> Iterator[int]:
    return itertools.cycle(range(1, DATABASES))


@pytest.fixture
def redis_url(redis: RedisServer, _redis_numbers: Iterator[int]) -> str:
    """Address of an empty Redis database that only this test uses."""
    _awaken(redis)
    return redis.empty_database(next(_redis_numbers))
