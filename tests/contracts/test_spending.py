"""Spending: every stored call is summed once, by the day of Google's bills, and stays when its job is purged."""

import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from models.database import Database
from models.moves import ClaimedJob, Record, succeeded
from models.pacific import end_of_day, pacific_day
from models.store import admin
from models.store.record import record
from models.store.spending import database_time, today
from models.store.submit import NewBatch
from models.store.usage import Usage, UsageBy, UsageFilter, usage, usage_by
from tests.contracts.jobs import claim, claim_one, new_call, submit_jobs

DONE = succeeded({"caption": "A cat"}, question_hash=None, model_version=None)
COST = Decimal("0.000412")


def claim_of(database: Database, owner: str, *, lane: str = "m", name: str = "b") -> ClaimedJob:
    batch = NewBatch(owner=owner, name=name, idempotency_key=name)
    (job,) = claim(database, submit_jobs(database, 1, batch=batch, lane=lane).job_ids)
    return job


def test_what_a_call_used_and_cost_is_summed(database: Database) -> None:
    record(database, [Record(job=claim_one(database), calls=(new_call(), new_call()), ending=DONE)])
    assert usage(database, UsageFilter()) == Usage(
        calls=2, input_tokens=528, output_tokens=62, thinking_tokens=14, cost_usd=2 * COST
    )


def test_a_call_that_is_stored_twice_is_summed_once(database: Database) -> None:
    job, call = claim_one(database), new_call()
    record(database, [Record(job=job, calls=(call,))])
    record(database, [Record(job=job, calls=(call, new_call()))])
    assert usage(database, UsageFilter()).calls == 2


def test_a_call_without_a_price_is_counted_as_one(database: Database) -> None:
    record(database, [Record(job=claim_one(database), calls=(new_call(cost=None), new_call()))])
    spent = usage(database, UsageFilter())
    assert (spent.calls, spent.unpriced_calls, spent.cost_usd) == (2, 1, COST)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (UsageBy.OWNER, {"ada": 2, "bob": 1}),
        (UsageBy.LANE, {"fast": 1, "slow": 2}),
    ],
)
def test_sums_are_told_apart(database: Database, by: UsageBy, expected: dict[str, int]) -> None:
    for owner, lane in (("ada", "fast"), ("ada", "slow"), ("bob", "slow")):
        record(database, [Record(job=claim_of(database, owner, lane=lane), calls=(new_call(lane=lane),))])
    assert {key: row.calls for key, row in usage_by(database, by, UsageFilter()).items()} == expected


def test_filters_leave_out_what_is_not_asked_for(database: Database) -> None:
    ada, bob = claim_of(database, "ada", lane="fast"), claim_of(database, "bob", lane="slow")
    record(database, [Record(job=job, calls=(new_call(lane=job.lane),)) for job in (ada, bob)])
    with database.read() as connection:
        day = today(connection)
    for wanted in (
        UsageFilter(owner="ada"), UsageFilter(lane="fast"), UsageFilter(batch_id=ada.batch_id, since=day, until=day),
    ):  # fmt: skip
        assert list(usage_by(database, UsageBy.BATCH, wanted)) == [ada.batch_id]
    assert usage_by(database, UsageBy.DAY, UsageFilter(since=date(2999, 1, 1))) == {}
    assert usage_by(database, UsageBy.DAY, UsageFilter(until=date(2000, 1, 1))) == {}


def test_the_day_is_the_pacific_one_of_the_database(database: Database) -> None:
    with database.read() as connection:
        before = pacific_day(database_time(connection))
    record(database, [Record(job=claim_one(database), calls=(new_call(),))])
    with database.read() as connection:
        after = pacific_day(database_time(connection))
    (day,) = usage_by(database, UsageBy.DAY, UsageFilter())
    assert day in {before.isoformat(), after.isoformat()}


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 7, 2, 6, 59, tzinfo=UTC), date(2026, 7, 1)),
        (datetime(2026, 7, 2, 7, 0, tzinfo=UTC), date(2026, 7, 2)),
        (datetime(2026, 12, 2, 7, 59, tzinfo=UTC), date(2026, 12, 1)),
        (datetime(2026, 12, 2, 8, 0, tzinfo=UTC), date(2026, 12, 2)),
    ],
)
def test_a_pacific_day_ends_at_midnight_there_in_summer_and_winter(moment: datetime, day: date) -> None:
    assert pacific_day(moment) == day
    assert (end_of_day(day) > moment) == (pacific_day(moment) == day)


def test_a_day_ends_when_the_next_begins() -> None:
    assert end_of_day(date(2026, 7, 1)) == datetime(2026, 7, 2, 7, 0, tzinfo=UTC)
    assert end_of_day(date(2026, 12, 1)) == datetime(2026, 12, 2, 8, 0, tzinfo=UTC)


def test_spending_outlives_the_purge(database: Database) -> None:
    record(database, [Record(job=claim_one(database), calls=(new_call(),), ending=DONE)])
    assert admin.purge(database, older_than_seconds=-1) == 1
    assert usage(database, UsageFilter()).cost_usd == COST


def test_workers_that_record_at_once_in_any_order_lose_nothing_and_none_has_to_give(database: Database) -> None:
    jobs = [claim_of(database, owner, lane=lane, name=owner) for owner in "abcd" for lane in ("x", "y")]
    errors: list[Exception] = []

    def work(turn: int) -> None:
        try:
            for _ in range(10):
                rotated = [*jobs[turn:], *jobs[:turn]]
                record(database, [Record(job=job, calls=(new_call(lane=job.lane),)) for job in rotated])
        except Exception as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    spent = usage(database, UsageFilter())
    assert (spent.calls, spent.cost_usd) == (480, 480 * COST)
