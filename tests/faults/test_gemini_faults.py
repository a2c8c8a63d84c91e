"""Gemini at its worst: it sends everybody away, hangs, answers too late, hangs up, talks nonsense, or is gone.

Whatever it does, the books agree with its ledger, a slot that was taken is free again, and each job ends as it should.
"""

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

import pytest

from tests.faults.audit import Call
from tests.faults.books import query, read_books
from tests.faults.cluster import Cluster
from tests.faults.conftest import Deployment
from tests.services.proxy import proxy

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}
PAUSE_SECONDS = 2.0
TIMEOUT_SECONDS = 10.0
"""The least that Gemini lets us wait, and so the least that the setting takes."""


def largest_share(moments: Sequence[float], *, seconds: float) -> float:
    """The largest part of the moments that lies within so many seconds."""
    in_order = sorted(moments)
    within = (bisect_left(in_order, moment + seconds) - place for place, moment in enumerate(in_order))
    return max(within) / len(in_order)


def begun_at(cluster: Cluster, *statuses: int | None) -> list[float]:
    """When the calls with one of these answers began."""
    ledger = cluster.gemini.ledger()
    return [datetime.fromisoformat(call["time"]).timestamp() for call in ledger if call["status"] in statuses]


def test_f24_a_crowd_that_is_told_to_come_back_comes_back_spread_out_and_no_try_is_spent(
    deployment: Deployment,
) -> None:
    """300 jobs in hand meet one wall; what was sent away together must not storm in together.

    The moments at which jobs may run again are spread over a second; the calls themselves begin in the groups in which
    jobs are claimed.
    """
    with deployment(concurrency=300, lease_seconds=10) as cluster:
        wall = {"kind": "429_minute", "retry_after_seconds": PAUSE_SECONDS}
        cluster.gemini.set_faults([{"match": {}, "fault": wall}])
        cluster.start(1)
        cluster.submit(300)
        cluster.wait(lambda: cluster.states() == {"waiting": 300}, lambda: f"{cluster.states()}", seconds=10.0)
        cluster.gemini.set_faults([SLOW])
        waiting = [job["due_at"] for job in read_books(cluster.database_url).jobs if job["state"] == "waiting"]
        assert len(waiting) == 300
        cluster.wait_until_all_done()
        refused, answered = begun_at(cluster, 429), begun_at(cluster, 200)
        print(
            f"refused {len(refused)}; largest share of due times in 50 ms {largest_share(waiting, seconds=0.05):.0%},"
        )
        print(f"of calls begun in 50 ms {largest_share(answered, seconds=0.05):.0%}")
        assert min(answered) >= min(refused) + PAUSE_SECONDS
        assert largest_share(waiting, seconds=0.05) <= 0.15
        assert largest_share(answered, seconds=0.1) <= 0.5
        assert {job["attempts"] for job in read_books(cluster.database_url).jobs} == {1}
        assert cluster.audit().states == {"succeeded": 300}


@pytest.mark.long
def test_f25_calls_that_hang_or_trickle_give_their_slots_back_and_the_worker_does_not_shrink(
    deployment: Deployment,
) -> None:
    with deployment(concurrency=8, call_timeout_seconds=TIMEOUT_SECONDS) as cluster:
        hang = {"match": {"nth": [1, 2, 3, 4]}, "fault": {"kind": "hang"}}
        trickle = {"match": {"nth": [1, 2, 3, 4]}, "fault": {"kind": "trickle", "seconds": 60.0}}
        cluster.gemini.set_faults([hang, trickle, {"match": {}, "fault": {"kind": "late", "seconds": 0.5}}])
        cluster.start(1)
        cluster.submit(40)
        cluster.wait_for_calls(8)
        assert cluster.done() == 0
        cluster.wait(lambda: len(stuck(cluster)) == 8, lambda: "all stuck calls given up", seconds=TIMEOUT_SECONDS + 4)
        cluster.wait_for_calls(8, seconds=3.0)  # every slot is in use again
        cluster.wait_until_all_done(seconds=20.0)
        # A call begins before the server has all of it: on a busy machine by some tenths of a second.
        lasted = sorted(call["seconds"] for call in stuck(cluster))
        assert [seconds for seconds in lasted if not TIMEOUT_SECONDS - 1 <= seconds <= TIMEOUT_SECONDS + 2] == []
        tried = {job["id"]: job["attempts"] for job in read_books(cluster.database_url).jobs}
        again = {call["labels"]["job"] for call in stuck(cluster)}
        assert {job_id for job_id, attempts in tried.items() if attempts == 2} == again
        # Whether the real Gemini bills an answer that nobody waited for is its affair: these were asked again.
        cluster.allowance = replace(cluster.allowance, paid_again=4)
        assert cluster.audit().states == {"succeeded": 40}


def stuck(cluster: Cluster) -> list[Call]:
    """Calls that were given up."""
    return [call for call in cluster.gemini.ledger() if call["fault"] in {"hang", "trickle"} and not call["delivered"]]


@pytest.mark.long
def test_an_answer_that_comes_after_its_time_is_not_written_but_the_next_one_is(deployment: Deployment) -> None:
    """The late answers arrive while the next attempts, which are slow too, are under way."""
    with deployment(concurrency=8, call_timeout_seconds=TIMEOUT_SECONDS) as cluster:
        late = {"match": {"nth": list(range(1, 9))}, "fault": {"kind": "late", "seconds": TIMEOUT_SECONDS + 1}}
        cluster.gemini.set_faults([late, {"match": {}, "fault": {"kind": "late", "seconds": 2.0}}])
        cluster.start(1)
        ids = cluster.submit(8)
        cluster.wait_until_all_done()
        books, ledger = read_books(cluster.database_url), cluster.gemini.ledger()
        delivered = {call["labels"]["job"]: call["sequence"] for call in ledger if call["delivered"]}
        stored = {call["job_id"]: call["response_id"] for call in books.calls if call["response_id"]}
        assert {job_id: int(name.rpartition("-")[2]) for job_id, name in stored.items()} == delivered
        assert set(delivered) == set(ids)
        codes = [row["code"] for row in query(cluster.database_url, "SELECT code FROM call WHERE code IS NOT NULL")]
        assert codes == ["gemini_timeout"] * 8
        assert {(job["attempts"], job["calls"]) for job in books.jobs} == {(2, 2)}
        cluster.allowance = replace(cluster.allowance, paid_again=8)
        assert cluster.audit().states == {"succeeded": 8}


def test_connections_that_break_and_answers_that_are_none_are_tried_again_until_the_attempts_are_spent(
    deployment: Deployment,
) -> None:
    kinds = ("reset", "reset_mid_body", "html_200", "empty_body")
    # With one call in five spoilt and two attempts, about six of 150 jobs fail.
    spoilt = [{"match": {"probability": 0.055}, "fault": {"kind": kind, "paid": False}} for kind in kinds]
    with deployment(max_attempts=2) as cluster:
        cluster.gemini.set_faults(spoilt)
        cluster.start(1)
        ids = cluster.submit(150)
        cluster.wait_until_all_done()
        ledger, books = cluster.gemini.ledger(), read_books(cluster.database_url)
        assert {call["fault"] for call in ledger} == {None, *kinds}
        faults = {job_id: [call["fault"] for call in ledger if call["labels"]["job"] == job_id] for job_id in ids}
        for job in books.jobs:
            met = faults[job["id"]]
            spoilt_first = sum(fault is not None for fault in met)
            assert job["state"] == ("failed" if spoilt_first == 2 else "succeeded"), met
            assert job["attempts"] == job["calls"] == len(met) == min(2, spoilt_first + 1)
            assert job["error_code"] == ("gemini_unavailable" if spoilt_first == 2 else None)
        found = cluster.audit()
        assert found.paid == found.states["succeeded"]


@pytest.mark.long
def test_a_gemini_that_is_gone_for_less_than_the_retries_last_fails_no_job(deployment: Deployment) -> None:
    assert attempts_after_outage(deployment, seconds=0.6, retry_base_seconds=2.0, retry_max_seconds=2.0)["failed"] == 0


@pytest.mark.long
def test_a_gemini_that_is_gone_for_longer_than_the_retries_last_fails_no_job(deployment: Deployment) -> None:
    """Nobody can be reached: that is no fault of any item, and waiting is not failing."""
    assert attempts_after_outage(deployment, seconds=4.0)["failed"] == 0


def attempts_after_outage(deployment: Deployment, *, seconds: float, **settings: object) -> dict[str, int]:
    """How many of 80 jobs failed or needed how many attempts, when Gemini's address refused everybody for a while."""
    with deployment(**settings) as cluster, proxy(urlsplit(cluster.gemini.url).port or 0) as way:
        cluster.settings["GOOGLE_GEMINI_BASE_URL"] = way.url(cluster.gemini.url)
        cluster.gemini.set_faults([SLOW])
        cluster.start(1)
        cluster.submit(80)
        cluster.wait_until_done(16)
        way.refuse()
        cluster.may_lose(8)  # answers that were on their way
        threading.Event().wait(seconds)
        way.heal()
        cluster.wait_until_all_done()
        jobs = read_books(cluster.database_url).jobs
        spent = {"failed": sum(job["state"] == "failed" for job in jobs)}
        spent |= {f"{tries} attempts": sum(job["attempts"] == tries for job in jobs) for tries in range(1, 5)}
        print(f"out of reach for {seconds} s: {spent}")
        cluster.audit()
        return spent
