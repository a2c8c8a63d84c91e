"""What the tests of lanes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.database import Database
from models.moves import ClaimedJob
from tests.contracts.jobs import claim_one
from tests.services.databases import migrated
from tests.unit.worker.lane_clock import DEFAULTS, Clock
from worker.lanes import Lanes


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = migrated(f"sqlite:///{tmp_path}/jobs.db")
    yield opened
    opened.close()


@pytest.fixture
def lanes(database: Database, clock: Clock) -> Lanes:
    return Lanes(database, limits=DEFAULTS, clock=clock)


@pytest.fixture
def job(database: Database) -> ClaimedJob:
    return claim_one(database)
