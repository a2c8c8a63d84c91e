"""One look tells all that workers have to look after, by one statement, and no more than there is."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import literal, update

from models.base import db_after
from models.batch import Batch
from models.budget import Scope
from models.bulk_action import BulkVerb
from models.database import Database
from models.ids import new_id
from models.job import LOSSES_IN_COMPANY
from models.moves import ClaimedJob
from models.store import admin, bulk_actions, leases, parcels, questions
from models.store.budgets import set_budget
from models.store.outlook import Chore, look
from models.store.queries import JobFilter
from models.store.submit import NewBatch
from tests.contracts.budgets import reserve_one
from tests.contracts.jobs import claim, claim_one, new_worker, submit_jobs
from tests.contracts.parcels import jobs_in_hand, packed, sent
from tests.contracts.webhooks.telling import endpoint
from tests.services.statements import statements
from worker.sweep import sweep

EVERYTHING = frozenset(Chore)
BRACKET = {"postgresql": [], "sqlite": ["BEGIN"]}
"""What costs SQLite no way to a server."""


def found(database: Database) -> frozenset[Chore]:
    """What there is of everything."""
    return look(database, alive_seconds=60.0, chores=EVERYTHING).chores


def hold(database: Database, job: ClaimedJob) -> None:
    """Money for a call of the job."""
    set_budget(database, Scope.OWNER, job.owner, limit_usd=Decimal(1))
    assert reserve_one(database, job, "0.1") is None


def ask(database: Database, job: ClaimedJob) -> None:
    """Take a question of the job's own."""
    asking = questions.Asking(owner=job.owner, question_hash=job.id[4:] * 2, job_id=job.id, claim=job.claim)
    questions.ask(database, [asking])


def open_bulk_action(database: Database) -> None:
    submit_jobs(database, 1)
    new = bulk_actions.NewBulkAction(action=BulkVerb.CANCEL, wanted=JobFilter(owner="default"))
    bulk_actions.create_bulk_action(database, new)


def owe_a_webhook(database: Database) -> None:
    endpoint(database)
    admin.cancel(database, submit_jobs(database, 1).job_ids)


def leave_a_parcel(database: Database) -> None:
    worker_id = new_worker(database)
    (job,) = jobs_in_hand(database, 1, worker_id)
    parcels.postpone(database, sent(database, worker_id, [packed(job)]), seconds=-1.0)


def lose_a_job(database: Database) -> None:
    claim(database, submit_jobs(database, 1).job_ids, lease_seconds=-1.0)


def miss_a_deadline(database: Database) -> None:
    submit_jobs(database, 1, deadline_seconds=-1.0)


def abandon_a_question(database: Database) -> None:
    job = claim_one(database)
    ask(database, job)
    leases.lapse(database, worker_id=job.worker_id)


def abandon_a_batch(database: Database) -> None:
    made = submit_jobs(database, 1, batch=NewBatch(idempotency_key=new_id("bat"), open_seconds=60.0))
    with database.write() as connection:
        connection.execute(update(Batch).where(Batch.id == made.batch_id).values(open_until=db_after(literal(-1.0))))


def leave_with_money(database: Database) -> None:
    hold(database, claim_one(database))  # whose worker was never registered


def lose_a_job_in_company(database: Database) -> None:
    job_ids = submit_jobs(database, 1).job_ids
    for _ in range(LOSSES_IN_COMPANY):
        claim(database, job_ids, lease_seconds=-1.0)
        leases.lapse(database)


MAKERS: dict[Chore, Callable[[Database], None]] = {
    Chore.BULK_ACTION: open_bulk_action,
    Chore.WEBHOOK: owe_a_webhook,
    Chore.PARCEL: leave_a_parcel,
    Chore.LAPSED: lose_a_job,
    Chore.OVERDUE: miss_a_deadline,
    Chore.QUESTION: abandon_a_question,
    Chore.BATCH: abandon_a_batch,
    Chore.HOLD: leave_with_money,
    Chore.ALONE: lose_a_job_in_company,
}


@pytest.mark.parametrize("chore", Chore)
def test_a_look_tells_what_there_is_to_look_after_and_nothing_else(database: Database, chore: Chore) -> None:
    (job,) = claim(database, submit_jobs(database, 1).job_ids, worker_id=new_worker(database))
    ask(database, job)
    hold(database, job)
    assert found(database) == frozenset(), "work goes on as it should"
    MAKERS[chore](database)
    assert found(database) == {chore}
    assert look(database, alive_seconds=60.0, chores=EVERYTHING - {chore}).chores == frozenset()


@pytest.mark.parametrize("chore", [Chore.LAPSED, Chore.OVERDUE, Chore.QUESTION, Chore.BATCH, Chore.HOLD])
def test_what_was_swept_is_not_there_any_more(database: Database, chore: Chore) -> None:
    MAKERS[chore](database)
    sweep(database, found(database), lease_seconds=60.0)
    assert found(database) == frozenset()


def test_a_look_at_everything_is_one_statement(database: Database) -> None:
    """Without BEGIN on PostgreSQL, and with no setting to be set before: an idle worker sends little else."""
    with statements(database) as seen:
        found(database)
    assert [statement.split()[0] for statement in seen] == [*BRACKET[database.dialect], "SELECT"]
