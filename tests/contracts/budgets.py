"""Spending under budgets, for tests of the store."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random

from models.database import Database, DatabaseConflictError, open_database
from models.ids import new_id
from models.moves import ClaimedJob, Record
from models.store.budgets import Target
from models.store.holds import Denial, Want, reserve
from models.store.record import record
from tests.contracts.jobs import new_call


def target_of(job: ClaimedJob) -> Target:
    """What the job's calls are booked under."""
    return Target(batch_id=job.batch_id, owner=job.owner, lane=job.lane)


def want(job: ClaimedJob, amount: str, *, call_id: str | None = None) -> Want:
    """A call of the job that costs so much at most."""
    return Want(
        call_id=call_id or new_id("cal"), job_id=job.id, worker_id=job.worker_id, target=target_of(job),
        amount_usd=Decimal(amount),
    )  # fmt: skip


def reserve_one(database: Database, job: ClaimedJob, amount: str) -> Denial | None:
    """Hold so much for a call of the job."""
    return reserve(database, [want(job, amount)])[0]


def pay(database: Database, job: ClaimedJob, cost: str, *, call_id: str | None = None) -> None:
    """Record a call of the job that did cost so much."""
    call = replace(new_call(lane=job.lane, cost=cost), id=call_id or new_id("cal"))
    record(database, [Record(job=job, calls=(call,))])


def spend_all(url: str, jobs: Sequence[ClaimedJob], seed: int, most: str) -> int:
    """As a process does: hold, call, record, until the budget is spent; how many calls it made."""
    database, chance, calls = open_database(url, pool_size=2), Random(seed), 0
    try:
        while True:
            wants = [want(chance.choice(jobs), most) for _ in range(chance.randint(1, 4))]
            denials = _patiently(database, wants)
            for each, denial in zip(wants, denials, strict=True):
                if denial is None:
                    (job,) = (job for job in jobs if job.id == each.job_id)
                    cost = Decimal(most) * chance.randint(10, 100) / 100
                    pay(database, job, str(cost), call_id=each.call_id)
                    calls += 1
            if any(denial is not None and denial.is_spent for denial in denials):
                return calls
    finally:
        database.close()


def _patiently(database: Database, wants: Sequence[Want]) -> Sequence[Denial | None]:
    while True:
        try:
            return reserve(database, wants)
        except DatabaseConflictError:
            continue
