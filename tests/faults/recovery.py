"""How long it takes to recover: each function breaks one thing in a cluster at work and measures, in seconds.

`test_recovery.py` holds the figures to their bounds; `make soak` prints them.
"""

import threading
import time
from collections.abc import Callable

from celery import Celery

from tests.faults.books import query
from tests.faults.cluster import Cluster
from tests.services.embedded import eventually
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

AWAY_SECONDS = 6.0
"""How long a server is away: longer than what clients wait before they look for it again."""


def worker_lost(cluster: Cluster) -> float:
    """One of two workers is killed: until each job that it held is in another's hands, or done."""
    cluster.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": 0.5}}])
    victim, _ = cluster.start(2)
    cluster.submit(100)
    cluster.wait_until_done(10)
    owner = _worker_id(cluster, victim.pid)
    cluster.kill(victim)
    begun = time.monotonic()
    held = f"SELECT 1 FROM job WHERE lease_owner = '{owner}'"
    taken_back = f"SELECT job_id FROM attempt WHERE worker_id = '{owner}' AND outcome = 'lapse'"
    eventually(lambda: not query(cluster.database_url, held), "the lost worker holds nothing")
    lost = ", ".join(f"'{row['job_id']}'" for row in query(cluster.database_url, taken_back))
    again = f"SELECT 1 FROM job WHERE id IN ({lost}) AND state IN ('queued', 'waiting')"
    eventually(lambda: not query(cluster.database_url, again), "its jobs run again")
    return time.monotonic() - begun


def broker_back(cluster: Cluster, redis: RedisServer, redis_url: str) -> float:
    """Redis is killed and comes back empty: until a producer's message, sent at its return, is done."""
    cluster.start(1)
    cluster.submit(20)
    cluster.wait_until_all_done()
    redis.kill()
    threading.Event().wait(AWAY_SECONDS)
    redis.start()
    begun = time.monotonic()
    with Celery("producer", broker=redis_url, set_as_current=False) as producer:
        arguments = {"source": str(cluster.pictures[50])}
        producer.send_task("mediascribe.caption", kwargs=arguments, task_id="after", queue="mediascribe")
    arrived = "SELECT id FROM job WHERE client_ref = 'after' AND state = 'succeeded'"
    eventually(lambda: query(cluster.database_url, arrived), "the producer's job is done")
    seconds = time.monotonic() - begun
    cluster.accepted += [f"job_{row['id'].hex}" for row in query(cluster.database_url, arrived)]
    return seconds


def broker_gone(cluster: Cluster, redis: RedisServer) -> float:
    """Redis is killed for good while there is work: the longest time without a finished job from then on."""
    cluster.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": 0.2}}])
    cluster.start(1)
    cluster.submit(150)
    cluster.wait_until_done(30)
    redis.kill()
    longest = _longest_silence(cluster.done, until=lambda: cluster.done() == 150)
    redis.start()
    return longest


def database_back(cluster: Cluster, postgres: PostgresServer) -> float:
    """PostgreSQL is killed and comes back: until the next job is finished, with the same worker process."""
    cluster.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": 0.2}}])
    (worker,) = cluster.start(1)
    cluster.submit(150)
    cluster.wait_until_done(30)
    postgres.kill()
    threading.Event().wait(AWAY_SECONDS)
    postgres.start()
    begun, done = time.monotonic(), cluster.done()
    # What was in flight is recorded first; work flows when more than that is done.
    cluster.wait_until_done(done + 2 * worker.concurrency)
    return time.monotonic() - begun


def told_to_leave(cluster: Cluster, *, calls: int, grace_seconds: float) -> float:
    """SIGTERM with so many calls in flight that never end: until the process has ended, holding nothing."""
    cluster.gemini.set_faults([{"match": {}, "fault": {"kind": "hang"}}])
    (worker,) = cluster.start(1, concurrency=calls, grace_seconds=grace_seconds)
    cluster.submit(calls)
    cluster.wait_for_calls(calls)
    begun = time.monotonic()
    assert cluster.leave(worker) == [0]
    seconds = time.monotonic() - begun
    assert cluster.states() == {"queued": calls}, cluster.states()
    assert not query(cluster.database_url, "SELECT 1 FROM job WHERE attempts > 0 OR losses > 0")
    return seconds


def _worker_id(cluster: Cluster, pid: int) -> str:
    (row,) = query(cluster.database_url, f"SELECT id FROM worker WHERE pid = {pid}")
    return str(row["id"])


def _longest_silence(count: Callable[[], int], *, until: Callable[[], bool]) -> float:
    """The longest time in which the count did not change."""
    longest, seen, since = 0.0, count(), time.monotonic()

    def watch() -> bool:
        nonlocal longest, seen, since
        if (now := count()) != seen:
            longest, seen, since = max(longest, time.monotonic() - since), now, time.monotonic()
        return until()

    eventually(watch, "all jobs")
    return longest
