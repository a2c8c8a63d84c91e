"""Budgets that are lifted: what waited for them goes on at once."""

from decimal import Decimal

import pytest

from models.budget import EVERY_LANE, Period, Scope
from models.database import Database
from models.failures import FailureCode
from models.store import dispatch, lanes, reports
from models.store.budgets import remove_budget, set_budget
from models.store.submit import NewBatch
from tests.contracts.budgets import reserve_one
from tests.contracts.jobs import claim, submit_jobs
from worker.budget import why_denied
from worker.lanes import Lanes
from worker.quota.terms import Limits


def test_what_waits_for_a_budget_goes_on_when_it_is_lifted(database: Database) -> None:
    (job,) = claim(database, submit_jobs(database, 1, batch=NewBatch(owner="ada")).job_ids)
    lane, owner = (Scope.LANE, job.lane, Period.DAY), (Scope.OWNER, job.owner, Period.TOTAL)
    waiting = submit_jobs(database, 1, batch=NewBatch(owner="ada")).job_ids
    for scope, name, period in (lane, owner):
        set_budget(database, scope, name, limit_usd=Decimal("0.1"), period=period)
    assert reserve_one(database, job, "1")
    lanes.pause(database, job.lane, code=FailureCode.BUDGET_EXCEEDED, reason="spent", seconds=3_600)
    assert dispatch.announce(database, limit=9) == []
    for scope, name, period in (lane, owner):
        assert remove_budget(database, scope, name, period=period)
        assert not remove_budget(database, scope, name, period=period)
    assert reports.paused_lanes(database) == []
    assert dispatch.announce(database, limit=9) == list(waiting)


@pytest.mark.parametrize("name", ["m", EVERY_LANE])
def test_a_lane_whose_budget_was_raised_after_a_denial_is_not_paused_for_it(database: Database, name: str) -> None:
    (job,) = claim(database, submit_jobs(database, 1, lane="m").job_ids)
    set_budget(database, Scope.LANE, name, limit_usd=Decimal("0.1"), period=Period.DAY)
    denial = reserve_one(database, job, "1")
    assert denial is not None
    why, seen = why_denied(denial), Lanes(database, limits=Limits())
    action = seen.note("m", job.id, why)
    assert action is not None
    for limit, paused in (("0.05", ["m"]), ("100", [])):
        set_budget(database, Scope.LANE, name, limit_usd=Decimal(limit), period=Period.DAY)
        seen.publish("m", job.id, why, action)
        assert [lane.name for lane in reports.paused_lanes(database)] == paused
        assert seen.paused_here() == paused
    remove_budget(database, Scope.LANE, name, period=Period.DAY)
    seen.publish("m", job.id, why, action)
    assert reports.paused_lanes(database) == []
