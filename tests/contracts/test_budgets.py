"""Budgets: what is spent and held never exceeds a limit, whoever asks at once; a spent one holds its jobs back and loses none."""

import threading
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from decimal import Decimal
from multiprocessing import get_context

import pytest
from sqlalchemy import update

from models.budget import Budget, Period, Scope
from models.database import Database
from models.failures import FailureCode, FailureError
from models.ids import new_id
from models.moves import ClaimedJob
from models.pacific import end_of_day, pacific_day
from models.state import JobState
from models.store import admin, claims, dispatch, lanes, leases, reports
from models.store.budgets import BudgetView, Target, list_budgets, set_budget, under_budget
from models.store.holds import presume_lost, release, reserve
from models.store.outlook import look
from models.store.queries import JobFilter
from models.store.spending import database_time
from models.store.submit import NewBatch
from models.store.usage import UsageFilter, usage
from tests.contracts.budgets import pay, reserve_one, spend_all, target_of, want
from tests.contracts.jobs import claim, new_worker, submit_jobs

NOTHING, ONE = Decimal(0), Decimal(1)


def job_of(database: Database, budget: str | None = None, *, owner: str = "ada", lane: str = "m") -> ClaimedJob:
    """A claimed job of a new batch."""
    batch = NewBatch(owner=owner, budget_usd=None if budget is None else Decimal(budget))
    (job,) = claim(database, submit_jobs(database, 1, batch=batch, lane=lane).job_ids, worker_id=new_worker(database))
    return job


def only(database: Database) -> BudgetView:
    (view,) = list_budgets(database)
    return view


def announced(database: Database) -> list[str]:
    ids = dispatch.announce(database, limit=100)
    dispatch.unannounce(database, ids)
    return ids


def test_a_call_without_a_budget_holds_nothing(database: Database) -> None:
    job = job_of(database)
    assert reserve_one(database, job, "1000000") is None
    set_budget(database, Scope.BATCH, job.batch_id, limit_usd=ONE)
    assert only(database).held_usd == NOTHING


def test_what_fits_is_held_and_what_does_not_is_denied_with_the_budget_s_standing(database: Database) -> None:
    job = job_of(database, "1")
    pay(database, job, "0.2")
    wants = [want(job, "0.5"), want(job, "0.4"), want(job, "0.3")]
    first, second, third = reserve(database, wants)
    assert (first, third) == (None, None)
    assert second is not None
    assert (second.scope, second.name, second.period) == (Scope.BATCH, job.batch_id, Period.TOTAL)
    assert (second.limit_usd, second.spent_usd, second.held_usd) == (ONE, Decimal("0.2"), Decimal("0.5"))
    assert (second.is_spent, second.ends_in_seconds) == (False, None)
    view = only(database)
    assert (view.spent_usd, view.held_usd, view.is_spent) == (Decimal("0.2"), Decimal("0.8"), False)


def test_reserving_again_for_the_same_calls_holds_once(database: Database) -> None:
    job = job_of(database, "1")
    same = [want(job, "0.6")]
    assert [reserve(database, same), reserve(database, same)] == [[None], [None]]
    assert only(database).held_usd == Decimal("0.6")


def test_a_hold_ends_when_its_call_is_recorded(database: Database) -> None:
    job, held = job_of(database, "1"), new_id("cal")
    reserve(database, [want(job, "0.9", call_id=held)])
    pay(database, job, "0.1", call_id=held)
    view = only(database)
    assert (view.spent_usd, view.held_usd) == (Decimal("0.1"), NOTHING)


def test_a_hold_that_was_not_needed_is_given_back(database: Database) -> None:
    job, held = job_of(database, "1"), new_id("cal")
    reserve(database, [want(job, "0.9", call_id=held)])
    release(database, [held, new_id("cal")])
    assert reserve_one(database, job, "1") is None


def test_a_budget_is_spent_when_no_hold_could_make_room(database: Database) -> None:
    job = job_of(database, "1")
    pay(database, job, "0.95")
    denial = reserve_one(database, job, "0.06")
    assert denial is not None
    assert (denial.is_spent, only(database).is_spent) == (True, True)


def test_jobs_of_a_spent_budget_are_held_back_and_others_go_on(database: Database) -> None:
    job = job_of(database, "1")
    left = submit_jobs(database, 2, batch=NewBatch(owner="ada", idempotency_key="x", budget_usd=ONE))
    other = submit_jobs(database, 1, batch=NewBatch(owner="ada")).job_ids
    (rich,) = claim(database, left.job_ids[:1])
    pay(database, rich, "1")
    assert reserve_one(database, rich, "0.1")
    assert announced(database) == list(other)
    assert claim(database, left.job_ids) == []
    worker = {"worker_id": new_worker(database), "lease_seconds": 60.0}
    assert claims.claim_next(database, limit=9, batch_id=left.batch_id, **worker) == []  # type: ignore[arg-type]
    assert [taken.id for taken in claims.claim_next(database, limit=9, **worker)] == list(other)  # type: ignore[arg-type]
    assert not look(database, alive_seconds=60).is_free
    assert job.batch_id != left.batch_id
    states = reports.count_states(database, JobFilter(batch_id=left.batch_id))
    assert states[JobState.QUEUED] == 1


@pytest.mark.parametrize(("limit", "opens"), [("1.5", True), ("1", False), ("0.5", False)])
def test_a_higher_limit_lets_a_spent_batch_go_on(database: Database, limit: str, *, opens: bool) -> None:
    batch = NewBatch(owner="ada", idempotency_key="x", budget_usd=ONE)
    ids = submit_jobs(database, 2, batch=batch).job_ids
    (job,) = claim(database, ids[:1])
    pay(database, job, "1")
    assert reserve_one(database, job, "0.1")
    submit_jobs(database, 0, batch=NewBatch(owner="ada", idempotency_key="x"))  # says nothing of a budget
    assert announced(database) == []
    submit_jobs(database, 0, batch=NewBatch(owner="ada", idempotency_key="x", budget_usd=Decimal(limit)))
    assert announced(database) == (list(ids[1:]) if opens else [])
    assert (reserve_one(database, job, "0.1") is None) == opens


def test_the_batches_of_an_owner_share_the_owner_s_budget(database: Database) -> None:
    set_budget(database, Scope.OWNER, "ada", limit_usd=ONE)
    first, second, other = job_of(database), job_of(database), job_of(database, owner="bob")
    waiting = submit_jobs(database, 1, batch=NewBatch(owner="ada")).job_ids
    assert reserve_one(database, first, "0.6") is None
    assert reserve_one(database, other, "0.6") is None
    denial = reserve_one(database, second, "0.6")
    assert denial is not None
    assert not denial.is_spent
    assert announced(database) == list(waiting)
    pay(database, first, "0.6")
    assert reserve_one(database, second, "0.6")
    assert announced(database) == []


def test_a_call_has_to_fit_under_every_budget_and_holds_under_none_where_it_does_not(database: Database) -> None:
    set_budget(database, Scope.OWNER, "ada", limit_usd=Decimal(5))
    set_budget(database, Scope.LANE, "m", limit_usd=Decimal(2), period=Period.DAY)
    job = job_of(database, "1")
    denial = reserve_one(database, job, "1.5")
    assert denial is not None
    assert denial.scope is Scope.BATCH
    assert {view.held_usd for view in list_budgets(database)} == {NOTHING}
    assert reserve_one(database, job, "0.5") is None
    assert {view.held_usd for view in list_budgets(database)} == {Decimal("0.5")}


def test_each_lane_has_the_budget_of_every_lane_to_itself_unless_it_has_its_own(database: Database) -> None:
    set_budget(database, Scope.LANE, "*", limit_usd=ONE, period=Period.DAY)
    set_budget(database, Scope.LANE, "big", limit_usd=Decimal(3), period=Period.DAY)
    small, other, big = (job_of(database, lane=lane) for lane in ("small", "other", "big"))
    assert reserve(database, [want(small, "0.8"), want(other, "0.8"), want(big, "2.8")]) == [None, None, None]
    denials = reserve(database, [want(small, "0.8"), want(other, "0.8"), want(big, "2.8")])
    assert [(d.name, d.limit_usd) for d in denials if d] == [("small", ONE), ("other", ONE), ("big", Decimal(3))]


def test_a_budget_of_a_day_says_when_the_day_ends_and_opens_then(database: Database) -> None:
    set_budget(database, Scope.OWNER, "ada", limit_usd=ONE, period=Period.DAY)
    job = job_of(database)
    waiting = submit_jobs(database, 1, batch=NewBatch(owner="ada")).job_ids
    pay(database, job, "1")
    denial = reserve_one(database, job, "0.1")
    with database.read() as connection:
        now = database_time(connection)
    end = end_of_day(pacific_day(now))
    assert denial is not None
    assert denial.ends_in_seconds == pytest.approx((end - now).total_seconds(), abs=60)
    assert only(database).opens_at == end
    assert announced(database) == []
    with database.write() as connection:  # as it stands after midnight
        connection.execute(update(Budget).values(opens_at=now - timedelta(seconds=1)))
    assert announced(database) == list(waiting)


def test_what_was_spent_on_other_days_does_not_count_against_a_day(database: Database) -> None:
    job = job_of(database)
    pay(database, job, "1")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE spending SET day = '2020-01-01'")
    set_budget(database, Scope.OWNER, "ada", limit_usd=ONE, period=Period.DAY)
    assert reserve_one(database, job, "1") is None
    set_budget(database, Scope.OWNER, "ada", limit_usd=ONE)
    assert reserve_one(database, job, "0.1") is not None


def test_what_a_lost_worker_held_is_presumed_to_be_spent(database: Database) -> None:
    gone, dead, alive = (job_of(database, owner="ada") for _ in range(3))
    set_budget(database, Scope.OWNER, "ada", limit_usd=ONE)
    for job, amount in ((gone, "0.3"), (dead, "0.2"), (alive, "0.1")):
        assert reserve_one(database, job, amount) is None
    leases.leave(database, gone.worker_id)
    assert presume_lost(database, silent_seconds=60.0) == 0
    view = only(database)
    assert (view.spent_usd, view.held_usd) == (Decimal("0.3"), Decimal("0.3"))
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE worker SET beat_at = '2020-01-01 00:00:00.000'")
    leases.beat(database, alive.worker_id, {}, lease_seconds=60.0, draining=False)
    assert presume_lost(database, silent_seconds=60.0) == 1
    view = only(database)
    assert (view.spent_usd, view.held_usd) == (Decimal("0.5"), Decimal("0.1"))
    spent = usage(database, UsageFilter())
    assert (spent.calls, spent.cost_usd, spent.presumed_usd) == (0, NOTHING, Decimal("0.5"))


def test_only_what_has_a_budget_is_told_to_have_one(database: Database) -> None:
    poor, rich = job_of(database, "1"), job_of(database, owner="bob", lane="fast")
    targets = [target_of(poor), target_of(rich), Target(batch_id=new_id("bat"), owner="x", lane="m")]
    assert under_budget(database, targets) == [True, False, False]
    set_budget(database, Scope.OWNER, "bob", limit_usd=ONE)
    set_budget(database, Scope.LANE, "m", limit_usd=ONE)
    assert under_budget(database, targets) == [True, True, True]
    assert under_budget(database, [Target(batch_id=new_id("bat"), owner="x", lane="y")]) == [False]
    set_budget(database, Scope.LANE, "*", limit_usd=ONE)
    assert under_budget(database, [Target(batch_id=new_id("bat"), owner="x", lane="y")]) == [True]


def test_a_higher_budget_opens_the_lane_that_was_paused_for_it(database: Database) -> None:
    for name in ("a", "b"):
        lanes.pause(database, name, code=FailureCode.BUDGET_EXCEEDED, reason="spent", seconds=None)
    lanes.pause(database, "c", code=FailureCode.GEMINI_AUTH, reason="wrong key", seconds=None)
    set_budget(database, Scope.LANE, "a", limit_usd=ONE, period=Period.DAY)
    assert [lane.name for lane in reports.paused_lanes(database)] == ["b", "c"]
    set_budget(database, Scope.LANE, "*", limit_usd=ONE, period=Period.DAY)
    assert [lane.name for lane in reports.paused_lanes(database)] == ["c"]


@pytest.mark.parametrize("limit", ["0", "-1", "NaN", "Infinity", "0.0000001", "1e12"])
def test_a_limit_that_can_be_none_is_refused_by_its_field_and_nothing_is_accepted(
    database: Database, limit: str
) -> None:
    with pytest.raises(FailureError, match="limit_usd"):
        set_budget(database, Scope.OWNER, "ada", limit_usd=Decimal(limit))
    with pytest.raises(FailureError, match="budget_usd"):
        submit_jobs(database, 1, batch=NewBatch(budget_usd=Decimal(limit)))
    assert list_budgets(database) == []
    assert reports.totals(database, JobFilter()).total == 0


def test_a_batch_s_budget_is_purged_with_it(database: Database) -> None:
    submit_jobs(database, 0, batch=NewBatch(budget_usd=ONE))
    admin.purge(database, older_than_seconds=-1)
    assert list_budgets(database) == []


def check_spent(database: Database, calls: int, *, most: str) -> None:
    """All of the limit was used but for what one call may cost, nothing beyond it, and every call is in the sums."""
    view = only(database)
    assert view.spent_usd is not None
    assert view.limit_usd - Decimal(most) < view.spent_usd <= view.limit_usd
    assert (view.held_usd, view.is_spent) == (NOTHING, True)
    assert usage(database, UsageFilter()).calls == calls


def test_threads_that_spend_at_once_overrun_nothing(database: Database, database_url: str) -> None:
    jobs = claim(database, submit_jobs(database, 5, batch=NewBatch(budget_usd=Decimal("0.2"))).job_ids)
    calls: list[int] = []
    threads = [
        threading.Thread(target=lambda seed=seed: calls.append(spend_all(database_url, jobs, seed, "0.003")))
        for seed in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == len(threads)
    check_spent(database, sum(calls), most="0.003")


def test_processes_that_spend_at_once_overrun_nothing(database: Database, database_url: str) -> None:
    jobs = claim(database, submit_jobs(database, 5, batch=NewBatch(budget_usd=Decimal("0.2"))).job_ids)
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        spending = [pool.submit(spend_all, database_url, jobs, seed, "0.003") for seed in range(4)]
        calls = [process.result(timeout=120) for process in spending]
    check_spent(database, sum(calls), most="0.003")
