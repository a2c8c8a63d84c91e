"""`--budget`: what is refused, and that waiting ends when the money does."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from cli.budget import budget_of
from cli.exits import CommandError, Exit
from cli.progress import Standing
from cli.signals import Stop
from cli.status import status_lines, status_shape
from cli.waiting import Ended, Watch, wait_for
from models.budget import Scope
from models.database import Database
from models.failures import FailureCode
from models.moves import ClaimedJob, Record, waits
from models.store import lanes, reports
from models.store.budgets import set_budget
from models.store.queries import JobFilter
from models.store.record import record
from models.store.submit import NewBatch
from tests.contracts.budgets import pay, reserve_one
from tests.contracts.jobs import TRANSIENT, claim, submit_jobs
from tests.services.databases import migrated
from worker.environment import load_settings

BATCH = NewBatch(owner="ada", idempotency_key="run", budget_usd=Decimal(1))


class Silent:
    def show(self, standing: Standing) -> None:
        """Nothing is shown."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = migrated(f"sqlite:///{tmp_path}/jobs.db")
    yield opened
    opened.close()


def waited(database: Database, job: ClaimedJob) -> Ended:
    """How waiting stands after one look."""
    watch = Watch(
        batch_id=job.batch_id, owner=job.owner, lane=job.lane, has_recordings=False,
        baseline=reports.totals(database, JobFilter(batch_id=job.batch_id)),
    )  # fmt: skip
    return wait_for(database, watch, stop=Stop(), shown=Silent(), timeout_seconds=0.0)


def some_jobs(database: Database) -> tuple[ClaimedJob, Sequence[ClaimedJob]]:
    ids = submit_jobs(database, 4, batch=BATCH).job_ids
    first, *others = claim(database, ids[:2])
    return first, others


def go_back(database: Database, *jobs: ClaimedJob) -> None:
    """As jobs do that got no money: they wait."""
    record(
        database, [Record(job=job, ending=waits(TRANSIENT, delay_seconds=1.0, counts_attempt=False)) for job in jobs]
    )


def test_waiting_ends_when_the_budget_is_spent_and_nothing_is_in_flight(database: Database) -> None:
    first, others = some_jobs(database)
    pay(database, first, "0.9987")
    assert waited(database, first).code is Exit.TIMED_OUT
    assert reserve_one(database, first, "0.01")
    go_back(database, first)
    assert waited(database, first).code is Exit.TIMED_OUT  # another call is in flight
    go_back(database, *others)
    assert waited(database, first) == Ended(
        code=Exit.SOME_FAILED,
        words="the budget of $1.00 is spent ($0.9987): 4 jobs wait; run the same command again with a higher --budget to go on",
    )


def test_a_higher_budget_goes_on_waiting(database: Database) -> None:
    first, others = some_jobs(database)
    pay(database, first, "1")
    assert reserve_one(database, first, "0.01")
    go_back(database, first, *others)
    set_budget(database, Scope.BATCH, first.batch_id, limit_usd=Decimal(2))
    assert waited(database, first).code is Exit.TIMED_OUT


def test_an_owner_without_money_ends_the_waiting_too(database: Database) -> None:
    first, others = some_jobs(database)
    set_budget(database, Scope.OWNER, "ada", limit_usd=Decimal("0.5"))
    pay(database, first, "0.5")
    assert reserve_one(database, first, "0.01")
    go_back(database, first, *others)
    assert waited(database, first).words.startswith(
        "the budget of $0.5000 of owner ada is spent ($0.5000): 4 jobs wait"
    )


@pytest.mark.parametrize(("seconds", "code"), [(None, Exit.SOME_FAILED), (600.0, Exit.TIMED_OUT)])
def test_a_lane_without_money_ends_the_waiting_unless_its_day_ends(
    database: Database, seconds: float | None, code: Exit
) -> None:
    first, others = some_jobs(database)
    reason = "the budget of $1.00 of lane m is spent ($0.9990): raise it to go on"
    lanes.pause(database, first.lane, code=FailureCode.BUDGET_EXCEEDED, reason=reason, seconds=seconds)
    assert waited(database, first).code is Exit.TIMED_OUT  # calls are in flight
    go_back(database, first, *others)
    ended = waited(database, first)
    assert (ended.code, ended.words) == (code, reason if seconds is None else "")


def test_status_shows_how_the_budget_stands(database: Database) -> None:
    first, _ = some_jobs(database)
    pay(database, first, "0.25")
    assert reserve_one(database, first, "0.5") is None
    batch = reports.find_batch(database, first.batch_id)
    (line,) = [
        line
        for line in status_lines(status_shape(database, load_settings().settings, batch))
        if line.startswith("budget")
    ]
    assert line == "budget   $0.250000 of $1.000000 spent, $0.500000 held for calls in flight"
    assert reserve_one(database, first, "0.8")
    (line,) = [
        line
        for line in status_lines(status_shape(database, load_settings().settings, batch))
        if line.startswith("budget")
    ]
    assert line.endswith("; what is left waits until it is raised")


@pytest.mark.parametrize(("text", "amount"), [("1", "1"), ("$2.50", "2.50"), (" 0.01 ", "0.01")])
def test_a_budget_is_an_amount_of_dollars(text: str, amount: str) -> None:
    assert budget_of(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["0", "-1", "ten", "", "nan", "inf", "1e30"])
def test_what_can_be_no_budget_is_refused_by_the_option_s_name(text: str) -> None:
    with pytest.raises(CommandError, match="--budget") as refused:
        budget_of(text)
    assert refused.value.code is Exit.USAGE
