"""Commits whose outcome is unknown: the connection breaks while the server commits, and the client hears nothing.

Each test does both: the commit that came to pass, and the one that did not. To its client they look the same.
"""

from collections.abc import Iterator
from contextlib import closing

import pytest

from models.database import DatabaseUnavailableError, open_database
from models.store.submit import NewBatch
from tests.faults.books import query
from tests.faults.cluster import LEASE_SECONDS, Cluster
from tests.faults.conftest import Deployment
from tests.faults.triggers import NOTICE, Outcome, tell_of_commit
from tests.services.embedded import eventually
from tests.services.postgres import PostgresServer
from tests.services.proxy import Proxy, proxy
from worker.submit import Item, accept

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}

both_outcomes = pytest.mark.parametrize("outcome", ["committed", pytest.param("rolled back", marks=pytest.mark.long)])


@pytest.fixture
def way(postgres: PostgresServer) -> Iterator[Proxy]:
    """The way to PostgreSQL on which answers get lost."""
    with proxy(postgres.port) as way:
        yield way


@pytest.fixture
def beyond(deployment: Deployment, way: Proxy, migrated_postgres_url: str) -> Iterator[Cluster]:
    """A deployment whose workers reach the database by that way."""
    with deployment(workers_database_url=way.url(migrated_postgres_url)) as running:
        yield running


@both_outcomes
def test_f19_a_submit_whose_answer_got_lost_is_asked_again_and_makes_each_job_once(
    server: Cluster, way: Proxy, outcome: Outcome
) -> None:
    tell_of_commit(server.database_url, "submit", outcome=outcome)
    lost = way.trip(NOTICE, direction="down", then="cut")
    items = [
        Item(kind="caption", source=str(path), idempotency_key=f"mine-{number}")
        for number, path in enumerate(server.pictures[:30])
    ]
    settings, batch = server.loaded().settings, NewBatch(name="once", idempotency_key="once")
    with closing(open_database(way.url(server.database_url))) as database:
        with pytest.raises(DatabaseUnavailableError):
            accept(database, settings, batch, items)
        lost.wait()
        assert stored(server, "job", wait_for=30) if outcome == "committed" else not stored(server, "job")
        again = accept(database, settings, batch, items)
        assert len(again.new) == (0 if outcome == "committed" else 30)
        assert accept(database, settings, batch, items).job_ids == again.job_ids
    server.accepted += again.job_ids
    server.start(1)
    server.wait_until_all_done()
    assert server.audit().states == {"succeeded": 30}


def stored(cluster: Cluster, table: str, *, wait_for: int = 0) -> int:
    """The rows of a table, as soon as the transaction under way has ended, or there are so many."""
    busy = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT' AND state = 'active'"
    eventually(lambda: not query(cluster.database_url, busy), "the transaction has ended")
    count = f"SELECT count(*) AS n FROM {table}"
    eventually(lambda: query(cluster.database_url, count)[0]["n"] >= wait_for, f"{wait_for} rows of {table}")
    return int(query(cluster.database_url, count)[0]["n"])


@pytest.mark.long
@both_outcomes
def test_f19_a_claim_whose_answer_got_lost_lapses_and_costs_no_attempt(
    beyond: Cluster, way: Proxy, outcome: Outcome
) -> None:
    beyond.gemini.set_faults([SLOW])
    tell_of_commit(beyond.database_url, "claim", outcome=outcome, times=2)
    lost = [way.trip(NOTICE, direction="down", then="cut") for _ in range(2)]
    beyond.submit(60)
    beyond.start(1)
    for trip in lost:
        trip.wait()
    beyond.wait_until_all_done(seconds=LEASE_SECONDS + 12)
    losses = query(beyond.database_url, "SELECT count(*) AS n, max(losses) AS most FROM job WHERE losses > 0")[0]
    assert (losses["n"] > 0, losses["most"]) == ((True, 1) if outcome == "committed" else (False, None))
    assert not query(beyond.database_url, "SELECT 1 FROM job WHERE attempts <> 1")
    assert beyond.audit().states == {"succeeded": 60}


@both_outcomes
def test_f19_a_result_whose_commit_got_no_answer_is_stored_again_and_stands_once(
    beyond: Cluster, way: Proxy, outcome: Outcome
) -> None:
    beyond.gemini.set_faults([SLOW])
    tell_of_commit(beyond.database_url, "record", outcome=outcome, times=4)
    lost = [way.trip(NOTICE, direction="down", then="cut") for _ in range(4)]
    beyond.submit(60)
    beyond.start(1)
    for trip in lost:
        trip.wait()
    beyond.wait_until_all_done()
    assert not query(beyond.database_url, "SELECT 1 FROM job WHERE attempts <> 1 OR losses > 0 OR calls <> 1")
    found = beyond.audit()
    assert (found.states, found.paid) == ({"succeeded": 60}, 60)
