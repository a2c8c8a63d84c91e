"""Cancelling at any moment: a job ends once, cancelled or done, and nothing is asked about what was cancelled."""

import itertools
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import psycopg
import pytest

from models.store import admin
from tests.acceptance.people import Person
from tests.faults.audit import Audit
from tests.faults.books import query, read_books
from tests.faults.cluster import LEASE_SECONDS, Cluster
from tests.services.embedded import eventually

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 1.2}}
VERY_SLOW = {"match": {"nth": [2, 4, 6, 8]}, "fault": {"kind": "late", "seconds": 6}}
BEAT_SECONDS = LEASE_SECONDS / 6
JOBS = 120


def test_f22_a_cancelled_job_ends_once_and_is_not_asked_about_any_more(server: Cluster) -> None:
    server.gemini.set_faults([VERY_SLOW, SLOW])
    server.start(3)
    ids = server.submit(JOBS)
    cancelled_at = cancel_at_random(server, ids, until_done=JOBS // 2)
    server.kill(server.workers[0])
    cancelled_at |= cancel_at_random(server, ids, until_done=JOBS * 4 // 5)
    server.wait_until_all_done()
    found = audited(server)
    assert set(found.states) == {"cancelled", "succeeded"}, found.states
    assert query(server.database_url, "SELECT 1 FROM attempt WHERE outcome = 'cancel'"), "none was stopped while it ran"
    for call in server.gemini.ledger():
        begun = datetime.fromisoformat(call["time"]).timestamp()
        late = begun - cancelled_at.get(call["labels"]["job"], begun)
        assert late <= 2 * BEAT_SECONDS, f"{call['labels']['job']} was asked about {late:.1f} s after its cancel"
    agree_with_history(server, set(cancelled_at))


def cancel_at_random(cluster: Cluster, ids: Sequence[str], *, until_done: int) -> dict[str, float]:
    """Cancel a few jobs at a time until so many are final, some by the command; when each cancel was stored."""
    cancelled_at: dict[str, float] = {}
    somebody = Person(folder=cluster.folder, settings=cluster.settings)
    rounds, pause = itertools.count(), threading.Event()
    while cluster.done() < until_done:
        running = [f"job_{row['id'].hex}" for row in query(cluster.database_url, _RUNNING)]
        some = [*cluster.chance.sample(list(ids), 2), *cluster.chance.sample(running, min(2, len(running)))]
        if next(rounds) == 3:  # not at once, since the command takes long to start
            asked = somebody.runs("jobs", "cancel", *some)
            assert asked.returncode in {0, 6}, asked.stderr  # 6: they are all done
            live = some if asked.returncode == 0 else []
        else:
            live = admin.cancel(cluster.database, some)
        cancelled_at |= {job_id: time.time() for job_id in live if job_id not in cancelled_at}
        pause.wait(cluster.chance.uniform(0.0, 0.1))
    return cancelled_at


_RUNNING = "SELECT id FROM job WHERE state = 'running' ORDER BY id"


def audited(cluster: Cluster) -> Audit:
    """The audit; a cancel breaks off a call in flight, whose answer may be under way and is then in no book."""
    broken_off = query(cluster.database_url, "SELECT count(*) AS n FROM attempt WHERE outcome = 'cancel'")[0]["n"]
    allowed = cluster.allowance
    cluster.allowance = replace(allowed, lost_answers=allowed.lost_answers + broken_off)
    return cluster.audit()


def agree_with_history(cluster: Cluster, cancelled: set[str]) -> None:
    """Only jobs that somebody cancelled are cancelled; those that were held then have a history that says so."""
    books = read_books(cluster.database_url)
    ended = {job["id"] for job in books.jobs if job["state"] == "cancelled"}
    assert ended <= cancelled, "nobody asked for these to be cancelled"
    for attempt in books.attempts:
        if attempt["outcome"] == "cancel":
            assert attempt["job_id"] in ended
        if attempt["outcome"] == "succeed":
            assert attempt["job_id"] not in ended


@pytest.mark.long
def test_f22_cancelling_thousands_under_load_is_no_error_for_anybody(server: Cluster) -> None:
    """Cancels, claims, beats and results lock the same rows in different orders; who loses a deadlock tries again."""
    server.start(2, concurrency=64)
    for _ in range(10):
        server.submit(400)
    somebody = Person(folder=server.folder, settings=server.settings)
    chance = random.Random(server.chance.random())
    troubles: list[BaseException] = []

    def cancel_many() -> None:
        try:
            while server.done() < 3_500:
                admin.cancel(server.database, chance.sample(server.accepted, 400))
        except BaseException as error:
            troubles.append(error)
            raise

    threads = [threading.Thread(target=cancel_many) for _ in range(3)]
    eventually(lambda: server.done() > 100, "some jobs")
    for thread in threads:
        thread.start()
    everything = somebody.runs("jobs", "cancel", "--state", "queued", "--yes")
    for thread in threads:
        thread.join(60)
    assert not troubles, troubles
    assert everything.returncode == 0, everything.stderr
    server.wait_until_all_done()
    found = audited(server)
    assert set(found.states) <= {"cancelled", "succeeded"}
    assert not query(server.database_url, "SELECT 1 FROM job WHERE cancel_requested")


def test_f22_a_cancel_that_has_to_give_way_in_a_deadlock_is_done_all_the_same(server: Cluster) -> None:
    first, second = server.submit(2)
    with open_address(server.database_url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET deadlock_timeout = '1min'")  # so that it is not this one that gives way
        touch(other, second)
        cancelling = pool.submit(admin.cancel, server.database, [first, second])
        eventually(lambda: query(server.database_url, _WAITING), "the cancel has the first and waits for the second")
        touch(other, first)  # closes the circle; it goes on when the cancel has given way
        other.commit()
        assert set(cancelling.result(20)) == {first, second}
    ended = query(server.database_url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert ended[0]["deadlocks"] == 1
    assert server.states() == {"cancelled": 2}


def open_address(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"))


def touch(connection: psycopg.Connection, job_id: str) -> None:
    """Lock the job's row as any move does."""
    connection.execute("UPDATE job SET priority = priority WHERE id = %s", [job_id.removeprefix("job_")])


_WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
