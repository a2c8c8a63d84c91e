"""Sweepers that meet, and sweepers that stop in the middle: each lost worker counts once, and nothing is taken from a live one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg
import pytest

from models.database import Database, open_database
from models.moves import ClaimedJob, Record, succeeded
from models.store import admin, leases, queries, reports
from models.store.queries import JobView
from models.store.record import record
from tests.contracts.jobs import claim, new_call, new_worker, submit_jobs
from tests.faults.books import query
from tests.faults.cluster import LEASE_SECONDS, Cluster
from tests.faults.processes import WorkerProcess
from tests.services.databases import migrated
from tests.services.embedded import eventually
from tests.services.postgres import PostgresServer
from tests.services.proxy import Proxy, proxy

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}
LOOK, WRITE = b"FOR UPDATE SKIP LOCKED", b"losses=(job.losses +"
"""Where a sweeper is stopped: when it has seen a lost job and not yet locked it; when it has locked it and writes."""
IDLE_LIMIT_SECONDS = 10.0
"""So long PostgreSQL suffers a transaction that does nothing."""
PATIENCE_SECONDS = 10.0


@pytest.fixture
def way(postgres: PostgresServer) -> Iterator[Proxy]:
    """The way on which one sweeper stops."""
    with proxy(postgres.port) as way:
        yield way


# Two sweepers on one database, the moment chosen exactly


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A job whose lease has ended, and a sweeper that is stopped on its way to take it back."""

    job: ClaimedJob
    mine: Database
    """The database as everybody else reaches it."""
    go_on: Callable[[], int]
    """Lets the sweeper finish; how many jobs it took back."""

    def view(self) -> JobView:
        return queries.get_jobs(self.mine, [self.job.id])[self.job.id]

    def outcomes(self) -> list[str]:
        return [attempt.outcome for attempt in reports.attempts_of(self.mine, self.job.id)]


@pytest.fixture
def looking(migrated_postgres_url: str, way: Proxy) -> Iterator[Scene]:
    """The sweeper has read, and not yet written."""
    with (
        closing(migrated(migrated_postgres_url)) as mine,
        closing(open_database(way.url(migrated_postgres_url))) as theirs,
    ):
        worker_id = new_worker(mine)
        (job,) = claim(mine, submit_jobs(mine, 1).job_ids, worker_id=worker_id, lease_seconds=-1.0)
        stopped, taken = way.trip(LOOK), list[int]()
        sweeper = threading.Thread(target=lambda: taken.append(leases.lapse(theirs)))
        sweeper.start()
        stopped.wait()

        def go_on() -> int:
            stopped.release()
            sweeper.join(PATIENCE_SECONDS)
            return taken[0]

        yield Scene(job=job, mine=mine, go_on=go_on)
        stopped.release()
        sweeper.join(PATIENCE_SECONDS)


def test_f16_a_job_that_is_finished_between_a_sweeper_s_look_and_its_write_stays_finished(looking: Scene) -> None:
    ending = succeeded({"caption": "a bridge"}, question_hash=None, model_version="m-001")
    assert record(looking.mine, [Record(job=looking.job, calls=(new_call(),), ending=ending)]) == [True]
    assert looking.go_on() == 0
    assert (looking.view().state, looking.outcomes()) == ("succeeded", ["succeed"])


def test_f16_a_lease_that_is_renewed_between_a_sweeper_s_look_and_its_write_holds(looking: Scene) -> None:
    held = {looking.job.id: looking.job.claim}
    assert leases.beat(looking.mine, looking.job.worker_id, held, lease_seconds=60, draining=False)
    assert looking.go_on() == 0
    assert (looking.view().state, looking.outcomes()) == ("running", [])


def test_f16_a_job_that_is_claimed_again_between_a_sweeper_s_look_and_its_write_is_its_new_worker_s(
    looking: Scene,
) -> None:
    assert leases.lapse(looking.mine) == 1
    (again,) = claim(looking.mine, [looking.job.id])
    assert again.claim == 2
    assert looking.go_on() == 0
    assert (looking.view().state, looking.outcomes()) == ("running", ["lapse"])


def test_f16_a_job_that_is_cancelled_between_a_sweeper_s_look_and_its_write_ends_as_cancelled(looking: Scene) -> None:
    assert admin.cancel(looking.mine, [looking.job.id]) == [looking.job.id]
    assert looking.go_on() == 1
    assert (looking.view().state, looking.outcomes()) == ("cancelled", ["cancel"])


# Worker processes


def test_f17_a_sweeper_that_stops_in_its_transaction_holds_up_no_other_job(server: Cluster) -> None:
    server.gemini.set_faults([SLOW])
    victim, *_ = server.start(3)
    server.submit(60)
    server.wait_until_done(10)
    with stuck_sweeper(server):
        server.kill(victim)
        eventually(lambda: query(server.database_url, _STUCK), "a sweeper takes the lost jobs back, and is stopped")
        later = server.submit(60)
        # What the stuck one had been told of is taken over after five seconds; on a busy machine that takes its time.
        server.wait(lambda: server.states(later) == {"succeeded": 60}, lambda: f"{server.states(later)}", seconds=40)
        assert len(query(server.database_url, _WAITING)) == 1, "one is stuck, and the other waits for nothing"
    server.wait_until_all_done()
    each_loss_counts_once(server, victim)
    assert server.audit().states == {"succeeded": 120}


@contextmanager
def stuck_sweeper(cluster: Cluster) -> Iterator[None]:
    """The first to note a lost job waits, in its transaction and with the job's row locked, until the block ends.

    The others do not: a lost worker's leases may end one after the other, and then be swept by several.
    """
    query(
        cluster.database_url,
        """
        CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN IF pg_try_advisory_xact_lock(18) THEN PERFORM pg_advisory_xact_lock(17); END IF; RETURN NEW; END';
        CREATE TRIGGER be_stuck BEFORE INSERT ON attempt FOR EACH ROW
            WHEN (NEW.outcome = 'lapse') EXECUTE FUNCTION be_stuck();
        """,
    )
    with psycopg.connect(cluster.database_url.replace("+psycopg", "")) as key:
        key.execute("SELECT pg_advisory_xact_lock(17)")
        yield


_WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_STUCK = f"{_WAITING} AND wait_event = 'advisory'"
"""Not one that waits for a row for a moment, as any may."""


@pytest.mark.long
def test_f17_a_sweeper_that_vanishes_in_its_transaction_keeps_its_jobs_no_longer_than_postgresql_suffers_it(
    server: Cluster, way: Proxy
) -> None:
    server.gemini.set_faults([SLOW])
    (victim,) = server.start(1)
    (sweeper,) = server.start(1, database_url=way.url(server.database_url))
    server.submit(60)
    stopped = way.trip(WRITE)
    server.wait_until_done(10)
    server.kill(victim)
    stopped.wait(LEASE_SECONDS + 10)
    server.start(1)
    server.wait_until_all_done(seconds=IDLE_LIMIT_SECONDS + 10)
    stopped.release()
    eventually(lambda: "the database is away" in sweeper.log.read_text(errors="replace"), "it hears that it was late")
    each_loss_counts_once(server, victim)
    assert server.audit().states == {"succeeded": 60}


@pytest.mark.long
def test_f17_five_sweepers_at_once_count_each_loss_once(server: Cluster) -> None:
    server.gemini.set_faults([SLOW])
    victim, *_ = server.start(5, concurrency=4)
    server.submit(150)
    server.wait_until_done(20)
    server.kill(victim)
    server.wait_until_all_done()
    each_loss_counts_once(server, victim)
    assert server.audit().states == {"succeeded": 150}


def each_loss_counts_once(cluster: Cluster, victim: WorkerProcess) -> None:
    """The jobs that the killed worker held have lost one worker, and no others have."""
    lapses = f"""
        SELECT job_id FROM attempt JOIN worker ON worker.id = worker_id
        WHERE pid = {victim.pid} AND outcome = 'lapse'"""
    held = {row["job_id"] for row in query(cluster.database_url, lapses)}
    assert held, "it held nothing when it was killed"
    losses = {row["id"]: row["losses"] for row in query(cluster.database_url, "SELECT id, losses FROM job")}
    assert {job_id: count for job_id, count in losses.items() if count} == dict.fromkeys(held, 1)
