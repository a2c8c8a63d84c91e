"""What the tests of whole workers share: a simulator for each module, and a bench over SQLite and over PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gemini.batches import Batches
from gemini.files import Files
from tests.integration.door import Door, rest_of
from tests.services.databases import migrated
from tests.services.embedded import Bench
from tests.services.simulator import Simulator, simulator


@pytest.fixture(scope="module")
def shared_gemini() -> Iterator[Simulator]:
    """A simulator without faults, one for each module: its ledger holds the calls of all tests of the module."""
    with simulator() as running:
        yield running


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, shared_gemini: Simulator) -> Iterator[Bench]:
    """A migrated database of the test's own, media to submit, and workers to start.

    In `make test` it is PostgreSQL: the store's contract and the tests of `mediascribe run` are where SQLite is tried.
    """
    url: str = (
        f"sqlite:///{tmp_path}/jobs.db"
        if request.param == "sqlite"
        else request.getfixturevalue("migrated_postgres_url")
    )
    database = migrated(url)
    shared_gemini.set_faults()
    yield Bench(database=database, database_url=url, gemini=shared_gemini, folder=tmp_path)
    shared_gemini.set_faults()
    database.close()


@pytest.fixture(scope="module")
def shared_batches() -> Iterator[Simulator]:
    """A simulator whose batches take a moment."""
    with simulator(batch_seconds=0.08) as running:
        yield running


@pytest.fixture
def door(shared_batches: Simulator, tmp_path: Path) -> Iterator[Door]:
    """Our door to its files and batches, of which there are none, and no faults."""
    shared_batches.set_faults()
    shared_batches.reset()
    rest = rest_of(shared_batches.url)
    yield Door(gemini=shared_batches, files=Files(rest), batches=Batches(rest), folder=tmp_path)
    rest.close()
