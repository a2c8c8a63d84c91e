"""What the tests of lanes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import migrations
from models.database import Database, open_database
from models.moves import ClaimedJob
from tests.contracts.jobs import claim_one
from tests.unit.worker.lane_clock import DEFAULTS, Clock
from worker.lanes import Lanes


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/jobs.db")
    migrations.upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def lanes(database: Database, clock: Clock) -> Lanes:
    return Lanes(database, limits=DEFAULTS, clock=clock)


@pytest.fixture
def job(database: Database) -> ClaimedJob:
    return claim_one(database)
