"""A worker that is killed at the worst moment of a job's life: each moment is found by a tripwire, not by luck.

The victim reaches the database by a proxy, the other worker does not. What the victim held runs again within its lease
and five seconds, no attempt is spent, and nothing is paid for again but what was in flight in it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.faults.books import query
from tests.faults.cluster import LEASE_SECONDS, Cluster
from tests.faults.holdings import jobs_of, outcomes_of, wait_until_taken_over
from tests.faults.processes import WorkerProcess
from tests.faults.triggers import NOTICE, Moment, tell_of_commit
from tests.services.embedded import eventually
from tests.services.postgres import PostgresServer
from tests.services.proxy import Proxy, proxy
from tests.services.proxy_link import Direction, Trip

JOBS = 80
SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.3}}
RECOVERY_SECONDS = LEASE_SECONDS + 5
THREADS = 8
"""More than a worker has that claim or record."""
LOST_AFTER_SECONDS = 6.0
"""When an idle worker takes an announcement for lost, and so whatever a dead worker had heard of and not claimed."""


@pytest.fixture
def way(postgres: PostgresServer) -> Iterator[Proxy]:
    """The victim's way to PostgreSQL."""
    with proxy(postgres.port) as way:
        yield way


@contextmanager
def stopped_at(cluster: Cluster, way: Proxy, trips: Sequence[Trip]) -> Iterator[WorkerProcess]:
    """A worker that stands still at the tripwires, one beside it that does not, and plenty to do; killed at the end."""
    cluster.gemini.set_faults([SLOW])
    (victim,) = cluster.start(1, database_url=way.url(cluster.database_url))
    cluster.start(1)
    cluster.submit(JOBS)
    trips[0].wait()
    yield victim
    cluster.kill(victim)
    for trip in trips:
        trip.release()  # its connections end with it, as those of any process do


def each(way: Proxy, pattern: bytes, direction: Direction) -> list[Trip]:
    """Tripwires for the first so many times, so that no other thread of the victim goes on."""
    return [way.trip(pattern, direction=direction, nth=number) for number in range(1, THREADS + 1)]


def at_commit(cluster: Cluster, way: Proxy, moment: Moment) -> list[Trip]:
    """Where the server tells the victim of a commit of that kind: it is done, and the victim cannot know."""
    tell_of_commit(cluster.database_url, moment, times=1_000)
    return each(way, NOTICE, "down")


def all_are_done_once(cluster: Cluster) -> None:
    """Every job succeeded, and at its first counted attempt."""
    cluster.wait_until_all_done()
    assert not query(cluster.database_url, "SELECT 1 FROM job WHERE attempts <> 1 OR losses > 1")
    assert cluster.audit().states == {"succeeded": JOBS}


def asked(cluster: Cluster) -> list[str]:
    """The jobs that Gemini was asked about, as often as it was."""
    jobs = [call["labels"]["job"] for call in cluster.gemini.ledger()]
    return [job_id for job_id in jobs if job_id in cluster.accepted]


@pytest.mark.long
def test_f6_a_worker_killed_in_the_transaction_of_a_claim_has_claimed_nothing(server: Cluster, way: Proxy) -> None:
    tell_of_claims(server.database_url)
    with stopped_at(server, way, each(way, CLAIMED, "down")) as victim:
        eventually(lambda: query(server.database_url, _STANDS_STILL), "its transaction is open, and stands still")
        assert jobs_of(server, victim) == []
    server.wait_until_all_done(seconds=LOST_AFTER_SECONDS + 10)
    assert outcomes_of(server, victim) == {}
    assert not query(server.database_url, "SELECT 1 FROM job WHERE claim <> 1"), "what was not committed is no claim"
    all_are_done_once(server)


CLAIMED = b"a job is being claimed"


_STANDS_STILL = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' "
    "AND clock_timestamp() - state_change > '0.3 s'"
)


def tell_of_claims(url: str) -> None:
    """Have each claim say so in a NOTICE while it is made; its transaction is open then, and its rows are locked."""
    query(
        url,
        f"""
        CREATE FUNCTION tell_of_claim() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT 1 FROM after JOIN before USING (id) WHERE after.claim > before.claim) THEN
                RAISE NOTICE '{CLAIMED.decode()}';
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER tell_of_claim AFTER UPDATE ON job REFERENCING OLD TABLE AS before NEW TABLE AS after
            FOR EACH STATEMENT EXECUTE FUNCTION tell_of_claim();
        """,
    )


@pytest.mark.long
def test_f6_jobs_of_a_worker_killed_between_claim_and_work_run_again_and_cost_nothing(
    server: Cluster, way: Proxy
) -> None:
    with stopped_at(server, way, at_commit(server, way, "claim")) as victim:
        eventually(lambda: jobs_of(server, victim), "its claim is committed")
        held = jobs_of(server, victim)
    wait_until_taken_over(server, victim, seconds=RECOVERY_SECONDS)
    assert outcomes_of(server, victim) == {"lapse": len(held)}, "it did no work"
    server.wait_until_all_done()
    all_are_done_once(server)
    assert len(asked(server)) == JOBS


def test_f6_jobs_of_a_worker_killed_in_the_middle_of_its_calls_run_again_and_no_other_is_paid_again(
    server: Cluster,
) -> None:
    server.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": 1.0}}])
    victim, other = server.start(2)
    server.submit(JOBS)
    server.wait_for_calls(victim.concurrency + other.concurrency)
    server.kill(victim)
    wait_until_taken_over(server, victim, seconds=RECOVERY_SECONDS)
    assert outcomes_of(server, victim)["lapse"] >= victim.concurrency
    server.wait_until_all_done()
    assert not query(server.database_url, "SELECT 1 FROM job WHERE attempts <> 1 OR losses > 1")
    found = server.audit()
    assert (found.states, found.paid_again <= victim.concurrency) == ({"succeeded": JOBS}, True)


def test_f6_a_worker_killed_between_answer_and_record_costs_no_more_than_its_calls_in_flight(
    server: Cluster, way: Proxy
) -> None:
    with stopped_at(server, way, each(way, b"INSERT INTO call ", "up")) as victim:
        server.wait(lambda: server.done() > 8, lambda: "the other one works on", seconds=10)
        assert outcomes_of(server, victim) == {}, "nothing of it is recorded"
    wait_until_taken_over(server, victim, seconds=RECOVERY_SECONDS)
    server.wait_until_all_done()
    assert not query(server.database_url, "SELECT 1 FROM job WHERE attempts <> 1 OR losses > 1")
    found = server.audit()
    assert found.states == {"succeeded": JOBS}
    assert 1 <= found.lost_answers <= victim.concurrency, "the answers were paid for and not recorded"


@pytest.mark.long
def test_f6_what_a_worker_recorded_stands_though_it_was_killed_before_it_heard_so(server: Cluster, way: Proxy) -> None:
    with stopped_at(server, way, at_commit(server, way, "record")) as victim:
        eventually(lambda: outcomes_of(server, victim), "its record is committed")
        assert outcomes_of(server, victim).keys() == {"succeed"}
        own = "SELECT job_id FROM attempt JOIN worker ON worker.id = worker_id"
        recorded = {f"job_{row['job_id'].hex}" for row in query(server.database_url, f"{own} WHERE pid = {victim.pid}")}
    wait_until_taken_over(server, victim, seconds=RECOVERY_SECONDS)
    server.wait_until_all_done()
    all_are_done_once(server)
    assert {asked(server).count(job_id) for job_id in recorded} == {1}
