"""PostgreSQL that goes away, cuts its clients, refuses to write, fails statements: no job pays for the database's troubles."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from tests.faults.books import query
from tests.faults.cluster import Cluster
from tests.faults.triggers import fail_statements, failed_statements
from tests.services.embedded import eventually
from tests.services.postgres import PostgresServer

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}
LEASE_SECONDS = 8.0
"""Longer than the outages here, so that no lease ends and nothing may be paid for twice."""
POOL = 8
HEARTBEAT = 1


def spotless(cluster: Cluster, count: int) -> None:
    """Every job succeeded at its first counted attempt, nothing was paid twice or lost, and no worker was replaced."""
    workers = [worker.pid for worker in cluster.workers if worker.is_running]
    assert len(workers) == len(cluster.workers), cluster.logs()
    found = cluster.audit()
    assert found.states == {"succeeded": count}
    tried_again = query(cluster.database_url, "SELECT id, attempts FROM job WHERE attempts <> 1")
    assert not tried_again, "the database's troubles cost attempts"


def test_f18_postgresql_killed_again_and_again_costs_no_attempt_and_no_answer(
    server: Cluster, postgres: PostgresServer
) -> None:
    server.gemini.set_faults([SLOW])
    server.start(2, lease_seconds=LEASE_SECONDS)
    server.submit(150)
    for done in (20, 60, 100):
        server.wait_until_done(done)
        postgres.kill()
        threading.Event().wait(server.chance.uniform(0.0, 3.0))
        postgres.start()
    server.wait_until_all_done()
    spotless(server, 150)


@contextmanager
def administrator(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    """A connection beside the database under test, which may write whatever is decreed."""
    address = postgres.url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(address, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        yield connection


@pytest.mark.long
def test_f18_connections_that_are_cut_three_times_a_second_cost_no_attempt_and_no_answer(
    server: Cluster, postgres: PostgresServer
) -> None:
    server.gemini.set_faults([SLOW])
    server.start(2, lease_seconds=LEASE_SECONDS)
    server.submit(150)
    server.wait_until_done(20)
    name = server.database_url.rpartition("/")[2]
    cut = sql.SQL("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = {}")
    many, pause = 0, threading.Event()
    with administrator(postgres) as connection:
        for _ in range(15):
            row = connection.execute(cut.format(sql.Literal(name))).fetchone()
            many += row[0] if row else 0
            pause.wait(0.3)
    assert many >= 30, f"only {many} connections were cut"
    server.wait_until_all_done()
    spotless(server, 150)


@pytest.mark.long
def test_f18_a_database_that_takes_no_writes_for_a_while_costs_no_attempt_and_no_answer(
    server: Cluster, postgres: PostgresServer
) -> None:
    server.gemini.set_faults([SLOW])
    server.start(2, lease_seconds=LEASE_SECONDS)
    server.submit(150)
    server.wait_until_done(40)
    with read_only(postgres):
        refused = [worker.log for worker in server.workers]
        eventually(
            lambda: all("read-only" in log.read_text(errors="replace") for log in refused), "each worker says why"
        )
        done = server.done()
        threading.Event().wait(2.0)
        assert server.done() == done < 150, "somebody wrote"
    server.wait_until_all_done()
    spotless(server, 150)


@contextmanager
def read_only(postgres: PostgresServer) -> Iterator[None]:
    """No transaction that begins in this time may write, on connections that are open as on new ones."""
    try:
        _decree(postgres, "SET default_transaction_read_only = on", shown="on")
        yield
    finally:
        _decree(postgres, "RESET default_transaction_read_only", shown="off")


def _decree(postgres: PostgresServer, change: str, *, shown: str) -> None:
    with administrator(postgres) as connection:
        connection.execute(f"ALTER SYSTEM {change}".encode())
        connection.execute("SELECT pg_reload_conf()")

    def in_force() -> bool:
        address = postgres.url.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(address) as witness:
            return witness.execute("SHOW default_transaction_read_only").fetchone() == (shown,)

    eventually(in_force, f"default_transaction_read_only is {shown}")


def test_f18_deadlocks_serialization_failures_and_a_full_disk_cost_no_attempt_and_no_answer(server: Cluster) -> None:
    server.gemini.set_faults([SLOW])
    server.start(2, lease_seconds=LEASE_SECONDS)
    server.submit(150)
    fail_statements(server.database_url, every=20)
    server.wait_until_all_done()
    assert failed_statements(server.database_url) >= 9, "each kind of failure three times"
    assert not query(server.database_url, "SELECT 1 FROM job WHERE losses > 0"), "a claim that failed is no claim"
    spotless(server, 150)


@pytest.mark.long
def test_f21_a_worker_holds_no_connection_across_a_call_and_never_more_than_its_pool(server: Cluster) -> None:
    server.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": 1.0}}])
    server.submit(300)
    server.database.close()  # from now on the worker's connections are the only ones of that name
    (worker,) = server.start(1, concurrency=100)
    most, longest_idle, calls = 0, 0.0, 0

    def sampled() -> bool:
        nonlocal most, longest_idle, calls
        seen = query(server.database_url, _ACTIVITY)
        most = max(most, len(seen))
        longest_idle = max([longest_idle, *(float(row["idle_seconds"]) for row in seen)])
        calls = max(calls, server.gemini.summary()["in_flight"])
        return server.done() == 300

    server.wait(sampled, lambda: f"all jobs; {server.states()}", seconds=40.0)
    assert calls >= 80, f"only {calls} calls were in flight"
    assert most <= POOL + HEARTBEAT, f"{most} connections"
    assert longest_idle < 0.5, f"a transaction was open and idle for {longest_idle:.2f} s; a call takes 1 s"
    assert "QueuePool" not in worker.log.read_text(errors="replace")
    spotless(server, 300)


_ACTIVITY = (
    "SELECT pid, CASE WHEN state LIKE 'idle in transaction%' "
    "THEN extract(epoch FROM clock_timestamp() - state_change) ELSE 0 END AS idle_seconds "
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mediascribe'"
)
