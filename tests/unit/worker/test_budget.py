"""Holding money before calls: what it costs jobs without a budget, and what denials say."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import event

from models.budget import Period, Scope
from models.database import Database
from models.failures import FailureCode, Nature
from models.ids import new_id
from models.store.budgets import list_budgets, remove_budget, set_budget
from models.store.holds import Denial
from models.store.submit import NewBatch
from tests.contracts.jobs import claim_one
from tests.services.databases import migrated
from worker.budget import KNOWN_SECONDS, Budgets, why_denied

ONE = Decimal(1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = migrated(f"sqlite:///{tmp_path}/jobs.db")
    yield opened
    opened.close()


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def statements_of(database: Database) -> list[str]:
    """What is executed from now on."""
    seen: list[str] = []
    for engine in (database.reader, database.writer):
        event.listen(engine, "before_cursor_execute", lambda _c, _cur, statement, *_: seen.append(statement))
    return seen


def test_jobs_without_a_budget_cost_a_statement_a_second_at_most(database: Database, executor: Executor) -> None:
    job, clock = claim_one(database), Clock()

    async def run() -> None:
        budgets = Budgets(database, executor, threading.Event(), clock=clock)
        assert await budgets.hold(job, new_id("cal"), lambda: ONE, lane="m") is None
        seen = statements_of(database)
        for _ in range(50):
            assert await budgets.hold(job, new_id("cal"), lambda: ONE, lane="m") is None
        assert seen == []
        set_budget(database, Scope.BATCH, job.batch_id, limit_usd=ONE)
        clock.now += KNOWN_SECONDS
        assert await budgets.hold(job, new_id("cal"), lambda: Decimal(2), lane="m") is not None

    asyncio.run(run())


def test_what_is_asked_at_once_is_held_together_up_to_the_limit(database: Database, executor: Executor) -> None:
    job = claim_one(database, batch=NewBatch(budget_usd=ONE))

    async def run() -> None:
        budgets = Budgets(database, executor, threading.Event())
        ids = [new_id("cal") for _ in range(20)]
        why = await asyncio.gather(*(budgets.hold(job, call_id, lambda: Decimal("0.1"), lane="m") for call_id in ids))
        assert [each is None for each in why] == [True] * 10 + [False] * 10
        assert {each.retry_after_seconds for each in why if each} == {1.0}
        await asyncio.gather(*(budgets.give_back(call_id, was_sent=False) for call_id in ids))

    asyncio.run(run())
    assert [view.held_usd for view in list_budgets(database)] == [Decimal(0)]


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_hold_ends_though_its_budget_was_lifted_meanwhile(
    database: Database, executor: Executor, *, was_sent: bool
) -> None:
    job, clock, call_id = claim_one(database, batch=NewBatch(budget_usd=ONE)), Clock(), new_id("cal")

    async def run() -> None:
        budgets = Budgets(database, executor, threading.Event(), clock=clock)
        assert await budgets.hold(job, call_id, lambda: Decimal("0.1"), lane="m") is None
        remove_budget(database, Scope.BATCH, job.batch_id, period=Period.TOTAL)
        clock.now += KNOWN_SECONDS
        await budgets.give_back(call_id, was_sent=was_sent)

    asyncio.run(run())
    set_budget(database, Scope.BATCH, job.batch_id, limit_usd=ONE)
    (view,) = list_budgets(database)
    assert (view.held_usd, view.spent_usd) == (Decimal(0), Decimal("0.1") if was_sent else Decimal(0))


def denial(**changes: object) -> Denial:
    fields: dict[str, object] = {
        "scope": Scope.BATCH, "name": "bat_1", "period": Period.TOTAL, "limit_usd": ONE, "spent_usd": Decimal("0.9987"),
        "held_usd": Decimal(0), "amount_usd": Decimal("0.002"), "is_spent": True, "ends_in_seconds": None,
    }  # fmt: skip
    return Denial(**{**fields, **changes})  # type: ignore[arg-type]  # a row of a table


@pytest.mark.parametrize(
    ("of", "words", "seconds", "pauses"),
    [
        (denial(), r"the budget of \$1\.00 of the batch is spent \(\$0\.9987;.*raise it to go on", 1.0, False),
        (denial(is_spent=False), "held for calls in flight", 1.0, False),
        (denial(scope=Scope.OWNER, name="ada", period=Period.DAY, ends_in_seconds=9.0), r"a day of owner ada", 1.0, False),
        (denial(scope=Scope.LANE, name="m", period=Period.DAY, ends_in_seconds=9.0), "lane m.*the next day", 9.0, True),
        (denial(scope=Scope.LANE, name="m", is_spent=False), "held for calls in flight", 1.0, False),
        (denial(scope=Scope.LANE, name="m"), "of lane m is spent", None, True),
    ],
)  # fmt: skip
def test_a_denial_says_whose_budget_it_is_and_costs_no_attempt(
    of: Denial, words: str, seconds: float | None, *, pauses: bool
) -> None:
    why = why_denied(of)
    assert (why.code, why.nature) == (FailureCode.BUDGET_EXCEEDED, Nature.THROTTLED)
    assert (why.retry_after_seconds, why.pauses_lane) == (seconds, pauses)
    with pytest.raises(ValueError, match=words):
        raise ValueError(why.message)
