"""What the fault tests share: one simulator, a folder of pictures, and deployments to break."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.people import make_pictures
from tests.faults.cluster import Cluster, cluster
from tests.services.simulator import Simulator, simulator

PICTURES = 400

Deployment = Callable[..., AbstractContextManager[Cluster]]
"""`with deployment(workers_database_url=..., concurrency=...) as cluster`: see `tests.faults.cluster.cluster`."""


@pytest.fixture(scope="session")
def shared_gemini() -> Iterator[Simulator]:
    """A simulator that answers at once."""
    with simulator() as running:
        yield running


@pytest.fixture
def gemini(shared_gemini: Simulator) -> Iterator[Simulator]:
    """The shared simulator, without faults and with an empty ledger."""
    shared_gemini.set_faults()
    shared_gemini.reset()
    yield shared_gemini
    shared_gemini.set_faults()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """Small JPEGs, no two alike."""
    return make_pictures(tmp_path_factory.mktemp("pictures"), PICTURES)


@pytest.fixture
def deployment(
    tmp_path: Path, gemini: Simulator, pictures: Sequence[Path], migrated_postgres_url: str, redis_url: str
) -> Deployment:
    """Makes the server mode: workers on PostgreSQL and Redis."""
    return partial(
        cluster,
        folder=tmp_path,
        gemini=gemini,
        pictures=pictures,
        database_url=migrated_postgres_url,
        broker_url=redis_url,
    )


@pytest.fixture
def server(deployment: Deployment) -> Iterator[Cluster]:
    """The server mode as it is, no worker started yet."""
    with deployment() as running:
        yield running


@pytest.fixture
def embedded(tmp_path: Path, gemini: Simulator, pictures: Sequence[Path]) -> Iterator[Cluster]:
    """The embedded mode: SQLite and no broker; `mediascribe run` is the worker."""
    url = f"sqlite:///{tmp_path}/mediascribe.db"
    with cluster(folder=tmp_path, gemini=gemini, pictures=pictures, database_url=url) as running:
        yield running
