"""A question that is in a batch is held by its job until that has ended, whatever became of the worker that sent it."""

from dataclasses import replace

import pytest

from models.database import Database
from models.failures import FailureCode, failure
from models.moves import Ending, Record, cancelled, given_back, succeeded, waits
from models.store import leases, queries, questions
from models.store.parcelled import put_answers
from models.store.questions import Asker, Asking
from models.store.record import record
from tests.contracts.jobs import claim, new_worker, submit_jobs
from tests.contracts.parcels import jobs_in_hand, packed, stored
from worker.sweep import sweep

HASH = "q" * 64
PENDING = waits(failure(FailureCode.GEMINI_PENDING, "In a batch."), delay_seconds=3_600.0)


@pytest.mark.parametrize("ending", [PENDING, given_back(), None], ids=["waits", "given back", "lost"])
def test_a_twin_waits_for_a_question_that_is_in_a_batch(database: Database, ending: Ending | None) -> None:
    (holder,) = jobs_in_hand(database, 1, new_worker(database))
    mine = Asking(owner=holder.owner, question_hash=HASH, job_id=holder.id, claim=holder.claim)
    assert questions.ask(database, [mine]) == [Asker.THIS_JOB]
    call = packed(holder)
    parcel_id = stored(database, holder.worker_id, [call])
    if ending is None:
        leases.lapse(database, worker_id=holder.worker_id)
    else:
        record(database, [Record(job=holder, ending=replace(ending, question_hash=HASH))])
    sweep(database, lease_seconds=60.0)

    (twin,) = claim(database, submit_jobs(database, 1, lane=holder.lane).job_ids)
    theirs = replace(mine, job_id=twin.id, claim=twin.claim)
    assert questions.ask(database, [theirs]) == [Asker.A_TWIN]
    put_answers(database, parcel_id, {call.id: "{}"})
    assert questions.ask(database, [theirs]) == [Asker.A_TWIN], "its answer is there for its job"

    (again,) = claim(database, [holder.id])
    assert questions.ask(database, [replace(mine, claim=again.claim)]) == [Asker.THIS_JOB]
    done = replace(succeeded({"caption": "a cat"}, model_version="m"), question_hash=HASH)
    record(database, [Record(job=again, ending=done)])
    (found,) = questions.ask(database, [theirs])
    assert not isinstance(found, Asker)


def test_the_question_of_a_job_that_was_cancelled_while_it_was_in_a_batch_is_free(database: Database) -> None:
    (holder,) = jobs_in_hand(database, 1, new_worker(database))
    mine = Asking(owner=holder.owner, question_hash=HASH, job_id=holder.id, claim=holder.claim)
    questions.ask(database, [mine])
    stored(database, holder.worker_id, [packed(holder)])
    record(database, [Record(job=holder, ending=replace(cancelled(), question_hash=HASH))])
    assert queries.get_jobs(database, [holder.id])[holder.id].state == "cancelled"
    (twin,) = claim(database, submit_jobs(database, 1, lane=holder.lane).job_ids)
    assert questions.ask(database, [replace(mine, job_id=twin.id, claim=twin.claim)]) == [Asker.THIS_JOB]
