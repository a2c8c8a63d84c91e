"""What people see of the lanes: every one that anything names, what it has to do, and what it spent."""

from decimal import Decimal

from models.budget import EVERY_LANE, Period, Scope
from models.database import Database
from models.failures import FailureCode
from models.moves import Record, waits
from models.store import budgets, lane_views, lanes
from models.store.record import record
from tests.contracts.budgets import pay
from tests.contracts.jobs import TRANSIENT, claim, submit_jobs


def test_every_lane_that_anything_names_is_listed_once(database: Database) -> None:
    submit_jobs(database, 3, lane="b")
    submit_jobs(database, 2, lane="d")
    lanes.set_limits(database, "a", {"requests_per_minute": 60})
    lanes.pause_by_hand(database, "c", reason="paused by hand", seconds=None)
    budgets.set_budget(database, Scope.LANE, "e", limit_usd=Decimal(2), period=Period.DAY)
    found = lane_views.list_lanes(database, also=["b", "f"])
    assert [(lane.name, lane.queued) for lane in found] == [("a", 0), ("b", 3), ("c", 0), ("d", 2), ("e", 0), ("f", 0)]
    assert [lane.is_paused for lane in found] == [False, False, True, False, False, False]
    assert (found[0].requests_per_minute, found[4].budget_usd_per_day) == (60, Decimal(2))


def test_jobs_are_counted_by_state_and_spending_is_today_s(database: Database) -> None:
    ids = submit_jobs(database, 4).job_ids
    first, second = claim(database, ids[:2])
    pay(database, first, "0.25")
    record(database, [Record(job=second, ending=waits(TRANSIENT, delay_seconds=60.0))])
    budgets.set_budget(database, Scope.LANE, EVERY_LANE, limit_usd=Decimal(9), period=Period.DAY)
    (lane,) = lane_views.list_lanes(database)
    assert (lane.name, lane.queued, lane.waiting, lane.running) == ("m", 2, 1, 1)
    assert (lane.calls_today, lane.spent_today_usd, lane.budget_usd_per_day) == (1, Decimal("0.25"), Decimal(9))


def test_why_a_lane_was_paused_is_past_when_it_is_open(database: Database) -> None:
    lanes.pause(database, "m", code=FailureCode.GEMINI_AUTH, reason="the key is wrong", seconds=None)
    (stopped,) = lane_views.list_lanes(database)
    assert (stopped.code, stopped.reason, stopped.probe_at is None) == ("gemini_auth", "the key is wrong", False)
    lanes.resume(database, "m")
    (opened,) = lane_views.list_lanes(database)
    assert (opened.is_paused, opened.code, opened.reason, opened.probe_at) == (False, None, None, None)


def test_a_lane_s_budget_that_is_taken_away_opens_what_it_paused(database: Database) -> None:
    budgets.set_budget(database, Scope.LANE, "m", limit_usd=Decimal(1), period=Period.DAY)
    lanes.pause(database, "m", code=FailureCode.BUDGET_EXCEEDED, reason="spent", seconds=3_600.0)
    assert budgets.remove_budget(database, Scope.LANE, "m", period=Period.DAY)
    assert not budgets.remove_budget(database, Scope.LANE, "m", period=Period.DAY)
    (lane,) = lane_views.list_lanes(database)
    assert (lane.is_paused, lane.budget_usd_per_day) == (False, None)
