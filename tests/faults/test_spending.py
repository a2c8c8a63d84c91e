"""Money under faults: what lost workers cost is little, and our books are the bill, to the cent."""

import random
from decimal import Decimal

import pytest

from simulator.bill import bill
from tests.faults.books import query
from tests.faults.cluster import Cluster

SHORT = {"match": {}, "fault": {"kind": "late", "seconds": 0.1}}
KINDS = ("blocked", "empty_stop", "fenced", "not_json", "loop", "cached", "503")


def billed(server: Cluster) -> Decimal:
    return sum((item.cost_usd for item in bill(server.gemini.ledger())), Decimal(0))


def booked(server: Cluster) -> Decimal:
    (row,) = query(server.database_url, "SELECT sum(cost_usd) AS usd FROM spending")
    return Decimal(int(row["usd"])) / 10**9


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_batch_of_5000_of_which_half_the_workers_die_at_half_costs_no_more_than_one_pass(server: Cluster) -> None:
    """At most what was in flight at the kills is paid again: one percent. Those answers are on the bill and in no book."""
    server.gemini.set_faults([SHORT])
    workers = server.start(4)
    server.submit(5_000, reuse=False)
    server.wait_until_done(2_500, seconds=240)
    for worker in workers[:2]:
        server.kill(worker)
    server.wait_until_all_done(seconds=240)
    assert server.audit().states == {"succeeded": 5_000}
    once = booked(server)
    print(f"one pass ${once}, billed ${billed(server)}")
    assert once <= billed(server) <= once * Decimal("1.01")


def test_our_books_are_the_bill_to_the_cent_whatever_gemini_answers(server: Cluster) -> None:
    chance = random.Random(5)
    rules = [{"match": {"nth": [n]}, "fault": {"kind": chance.choice(KINDS)}} for n in chance.sample(range(1, 120), 40)]
    server.gemini.set_faults(rules)
    server.start(2)
    server.submit(120, reuse=False)
    server.wait_until_all_done(seconds=60)
    assert booked(server) == billed(server) > 0
