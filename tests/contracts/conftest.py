"""One suite over both databases: every test here runs on SQLite and on PostgreSQL, on tables made by the migrations."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.database import Database, open_database
from tests.contracts.jobs import new_worker
from tests.contracts.quota import Bench
from tests.services.databases import migrated
from worker.quota.stores import InProcessStore, RedisStore
from worker.quota.terms import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a migrated database that only this test uses."""
    url: str = (
        f"sqlite:///{tmp_path}/jobs.db"
        if request.param == "sqlite"
        else request.getfixturevalue("migrated_postgres_url")
    )
    migrated(url).close()
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The migrated database, open."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture(params=["in process", "redis"])
def make_store(request: pytest.FixtureRequest) -> Iterator[Callable[[Callable[[], float]], Store]]:
    """Makes stores that know nothing yet."""
    made: list[RedisStore] = []
    numbers = itertools.count()
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""

    def make(clock: Callable[[], float]) -> Store:
        if not url:
            return InProcessStore(clock=clock)
        made.append(RedisStore(url, prefix=f"quota-{next(numbers)}", clock=clock))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def bench(make_store: Callable[[Callable[[], float]], Store]) -> Bench:
    """A bench on a new store."""
    return Bench(make=make_store)


@pytest.fixture
def worker_id(database: Database) -> str:
    """That of a worker that has just come."""
    return new_worker(database)
