"""Budgets that are lifted: what waited for them goes on at once."""

from decimal import Decimal

from models.budget import Period, Scope
from models.database import Database
from models.failures import FailureCode
from models.store import dispatch, lanes, reports
from models.store.budgets import remove_budget, set_budget
from models.store.submit import NewBatch
from tests.contracts.budgets import reserve_one
from tests.contracts.jobs import claim, submit_jobs


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
