"""Messages that come twice, late, out of order or again and again are hints all the same; and they are quick."""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from tests.faults.books import read_books
from tests.faults.cluster import CONCURRENCY, Cluster
from tests.faults.messages import Mailbox, mailbox, produced
from tests.services.simulator import ROOT

JOBS = 120
BUNDLE = 10
BEGIN_SECONDS = 0.3
"""From a message to the call, for an idle worker, at the median; measured 0.04 s, and 0.5 s where nobody reads messages."""
BURST, BURST_CALL_SECONDS, BURST_SECONDS = 400, 0.05, 12.0
"""400 calls of 50 ms, 8 at a time, take 2.5 s at least; measured 5 s on two busy cores."""


def late(seconds: float) -> Mapping[str, object]:
    """Every call takes so long."""
    return {"match": {}, "fault": {"kind": "late", "seconds": seconds}}


def shuffled_bundles(cluster: Cluster, ids: Sequence[str], times: int) -> list[list[str]]:
    """Each id so many times, in bundles, in no order."""
    many = list(ids) * times
    cluster.chance.shuffle(many)
    return [many[start : start + BUNDLE] for start in range(0, len(many), BUNDLE)]


def wait_until_taken(cluster: Cluster, box: Mailbox, *, seconds: float = 15.0) -> None:
    """Return when no message waits and none is unacknowledged."""
    cluster.wait(
        lambda: not box.waiting() and not box.unacknowledged(),
        lambda: f"the queues are empty; {box.waiting()} messages wait, {box.unacknowledged()} are taken",
        seconds=seconds,
    )


def claims(cluster: Cluster) -> set[int]:
    """How often jobs were claimed."""
    return {job["claim"] for job in read_books(cluster.database_url).jobs}


def begun(cluster: Cluster) -> dict[str, float]:
    """When the first call about each job began, in seconds since 1970."""
    calls = sorted(cluster.gemini.ledger(), key=lambda call: call["time"], reverse=True)
    return {call["labels"]["job"]: datetime.fromisoformat(call["time"]).timestamp() for call in calls}


def test_f14_messages_that_come_three_times_late_and_out_of_order_run_each_job_once(
    server: Cluster, redis_url: str
) -> None:
    server.gemini.set_faults([late(0.1)])
    server.start(2)
    ids = server.submit(JOBS)
    with mailbox(redis_url) as box:
        for number, bundle in enumerate(shuffled_bundles(server, ids, times=3)):
            box.bundle(bundle)
            server.wait_until_done(number)  # they come while the jobs wait, while they run, and after their end
        server.wait_until_all_done()
        for bundle in shuffled_bundles(server, ids, times=3):
            box.bundle(bundle)
        wait_until_taken(server, box)
    assert server.audit().states == {"succeeded": JOBS}
    assert claims(server) == {1}


@pytest.mark.long
def test_f15_calls_longer_than_the_visibility_timeout_are_made_once(
    server: Cluster, redis_url: str, pictures: Sequence[Path]
) -> None:
    """A bundle is acknowledged when it comes and a producer's message when its job is stored, so nothing is handed out again.

    Where it is, as after a frozen worker, it meets the claim: a late copy of every bundle is sent here as Redis would.
    """
    server.settings["PYTHONPATH"] = str(ROOT)
    server.gemini.set_faults([late(3.0)])
    server.start(2, program=[sys.executable, "-m", "tests.faults.programs.impatient_broker"])
    ids = server.submit(CONCURRENCY)
    with mailbox(redis_url) as box:
        box.bundle(ids)
        server.wait_for_calls(len(ids))
        wait_until_taken(server, box, seconds=2.0)
        box.bundle(ids)
        produced(server, box, pictures[CONCURRENCY : 2 * CONCURRENCY])
        server.wait_until_all_done()
        wait_until_taken(server, box)
    assert server.audit().states == {"succeeded": 2 * CONCURRENCY}
    assert claims(server) == {1}


def test_f30_an_idle_worker_begins_the_call_as_soon_as_the_message_is_there(
    server: Cluster, redis_url: str, pictures: Sequence[Path]
) -> None:
    server.start(1)
    waits: dict[str, list[float]] = {"bundle": [], "producer": []}
    with mailbox(redis_url) as box:
        for number in range(10):
            (job_id,) = server.submit(1)
            sent = time.time()
            box.bundle([job_id])
            server.wait_until_all_done()
            waits["bundle"].append(begun(server)[job_id] - sent)
            sent = time.time()
            (job_id,) = produced(server, box, [pictures[100 + number]])
            waits["producer"].append(begun(server)[job_id] - sent)
    print({way: [round(wait, 3) for wait in found] for way, found in waits.items()})
    server.audit()
    assert all(statistics.median(found) < BEGIN_SECONDS for found in waits.values()), waits


@pytest.mark.long
def test_f30_a_burst_of_bundles_keeps_all_slots_busy(server: Cluster) -> None:
    server.gemini.set_faults([late(BURST_CALL_SECONDS)])
    server.start(1)
    sent = time.monotonic()
    server.submit(BURST)
    server.wait_until_all_done()
    took = time.monotonic() - sent
    print(f"{BURST} jobs in {took:.1f} s")
    server.audit()
    assert took < BURST_SECONDS


@pytest.mark.long
def test_f30_a_burst_of_producers_messages_keeps_all_slots_busy(
    server: Cluster, redis_url: str, pictures: Sequence[Path]
) -> None:
    server.gemini.set_faults([late(BURST_CALL_SECONDS)])
    server.start(1)
    sent = time.monotonic()
    with mailbox(redis_url) as box:
        produced(server, box, pictures[:BURST], seconds=45.0)
    took = time.monotonic() - sent
    print(f"{BURST} producers' jobs in {took:.1f} s")
    server.audit()
    assert took < BURST_SECONDS
