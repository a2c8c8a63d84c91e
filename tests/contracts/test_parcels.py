"""Parcels in SQL: what is sent is known before, is waited for, counted once, and never held up by a lost worker."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

from models.database import Database
from models.failures import FailureCode, failure
from models.moves import ClaimedJob, Record, cancelled, succeeded, waits
from models.parcel import ParcelledState, ParcelState
from models.store import admin, holds, leases, parcels, queries
from models.store.budgets import list_budgets
from models.store.parcelled import answers_in_vain, book, find_calls, open_calls, put_answers, store_parcel
from models.store.parcels import NewParcel, new_parcel_id
from models.store.record import record
from models.store.reports import calls_of
from models.store.usage import UsageFilter, usage
from tests.contracts.budgets import want
from tests.contracts.jobs import new_call
from tests.contracts.parcels import LANE, jobs_in_hand, packed, sent, stored

PENDING = failure(FailureCode.GEMINI_PENDING, "In a batch.")


def wait_for_batch(database: Database, jobs: Sequence[ClaimedJob]) -> None:
    endings = [Record(job=job, ending=waits(PENDING, delay_seconds=3_600.0)) for job in jobs]
    assert record(database, endings) == [True] * len(jobs)


def states(database: Database, jobs: Sequence[ClaimedJob]) -> list[str]:
    found = queries.get_jobs(database, [job.id for job in jobs])
    return [str(found[job.id].state) for job in jobs]


def test_only_calls_of_jobs_that_are_the_workers_and_wanted_leave(database: Database, worker_id: str) -> None:
    mine, stopped, given_away, over = jobs_in_hand(database, 4, worker_id, budget_usd=Decimal(1))
    calls = [packed(job) for job in (mine, stopped, over)] + [packed(replace(given_away, claim=7))]
    jobs = (mine, stopped, over, given_away)
    assert (
        holds.reserve(database, [want(j, "0.01", call_id=c.id) for j, c in zip(jobs, calls, strict=True)]) == [None] * 4
    )
    admin.cancel(database, [stopped.id])
    record(database, [Record(job=over, ending=cancelled())])
    parcel = NewParcel(id=new_parcel_id(), lane=LANE, model="m", worker_id=worker_id, deadline_seconds=60.0)
    for _ in range(2):  # twice is as good as once
        assert store_parcel(database, parcel, calls) == {calls[0].id}
    (budget,) = list_budgets(database)
    assert budget.held_usd == Decimal("0.01")
    none = replace(parcel, id=new_parcel_id())
    assert store_parcel(database, none, calls[1:]) == set()
    assert parcels.get_parcel(database, none.id) is None


def test_what_is_held_for_a_call_in_a_parcel_outlives_its_worker_until_it_is_booked(
    database: Database, worker_id: str
) -> None:
    first, second = jobs_in_hand(database, 2, worker_id, budget_usd=Decimal(1))
    call = packed(first)
    holds.reserve(database, [want(first, "0.25", call_id=call.id), want(second, "0.5")])
    parcel_id = sent(database, worker_id, [call])
    holds.presume_lost(database, silent_seconds=-60.0)
    leases.leave(database, worker_id)
    (budget,) = list_budgets(database)
    assert (budget.held_usd, budget.spent_usd) == (Decimal("0.25"), Decimal("0.5"))
    paid = replace(new_call(lane=LANE, cost="0.1"), id=call.id)
    assert [book(database, parcel_id, [paid]) for _ in range(2)] == [1, 0]
    (budget,) = list_budgets(database)
    assert (budget.held_usd, budget.spent_usd) == (Decimal(0), Decimal("0.6"))


def test_a_call_of_which_nobody_knows_what_it_cost_is_presumed_to_be_paid(database: Database, worker_id: str) -> None:
    (job,) = jobs_in_hand(database, 1, worker_id, budget_usd=Decimal(1))
    call = packed(job)
    holds.reserve(database, [want(job, "0.25", call_id=call.id)])
    parcel_id = sent(database, worker_id, [call])
    missing = replace(new_call(lane=LANE, cost=None, failed=PENDING), id=call.id, http_status=None, input_tokens=0)
    book(database, parcel_id, [missing])
    (budget,) = list_budgets(database)
    assert (budget.held_usd, budget.spent_usd) == (Decimal(0), Decimal("0.25"))


def test_a_parcel_that_came_to_no_batch_is_dropped_and_its_jobs_are_queued(database: Database, worker_id: str) -> None:
    jobs = jobs_in_hand(database, 2, worker_id, budget_usd=Decimal(1))
    calls = [packed(job) for job in jobs]
    holds.reserve(database, [want(job, "0.1", call_id=call.id) for job, call in zip(jobs, calls, strict=True)])
    parcel_id = stored(database, worker_id, calls)
    wait_for_batch(database, jobs)
    assert parcels.drop(database, parcel_id, state=ParcelState.UPLOADED) == 0
    assert parcels.drop(database, parcel_id, state=ParcelState.SENDING) == 2
    assert states(database, jobs) == ["queued"] * 2
    assert list_budgets(database)[0].held_usd == 0
    assert parcels.get_parcel(database, parcel_id) is None


def test_a_job_that_comes_to_wait_for_a_batch_that_is_gone_by_then_is_queued(
    database: Database, worker_id: str
) -> None:
    dropped, answered, still = jobs_in_hand(database, 3, worker_id)
    lost, over = stored(database, worker_id, [packed(dropped)]), packed(answered)
    parcels.drop(database, lost, state=ParcelState.SENDING)
    put_answers(database, sent(database, worker_id, [over]), {over.id: "{}"})
    sent(database, worker_id, [packed(still)])
    wait_for_batch(database, [dropped, answered, still])
    assert states(database, [dropped, answered, still]) == ["queued", "queued", "waiting"]


def test_none_waits_for_a_batch_that_is_dropped_in_the_same_moment(database: Database, worker_id: str) -> None:
    jobs = jobs_in_hand(database, 60, worker_id)
    lost = [stored(database, worker_id, [packed(job)]) for job in jobs]
    together = threading.Barrier(2)

    def drop(parcel_id: str) -> None:
        together.wait()
        parcels.drop(database, parcel_id, state=ParcelState.SENDING)

    with ThreadPoolExecutor(1) as thread:
        for job, parcel_id in zip(jobs, lost, strict=True):
            dropping = thread.submit(drop, parcel_id)
            together.wait()
            wait_for_batch(database, [job])
            dropping.result()
    assert states(database, jobs) == ["queued"] * len(jobs)


def test_answers_are_kept_once_and_wake_jobs_of_which_no_call_is_under_way(database: Database, worker_id: str) -> None:
    picture, recording = jobs_in_hand(database, 2, worker_id)
    calls = [packed(picture), packed(recording), packed(recording, clip=1)]
    parcel_id, other = sent(database, worker_id, calls[:2]), sent(database, worker_id, calls[2:])
    wait_for_batch(database, [picture, recording])
    lines = {call.id: "{}" for call in calls}
    assert [put_answers(database, parcel_id, lines) for _ in range(2)] == [2, 0]
    assert states(database, [picture, recording]) == ["queued", "waiting"]
    assert list(open_calls(database, other)) == [calls[2].id]
    assert put_answers(database, other, lines) == 1
    assert states(database, [recording]) == ["queued"]
    found, none = find_calls(database, [recording.id, new_call().id.replace("cal", "job")])
    assert [(call.id, call.state, call.is_booked) for call in found] == [
        (call.id, ParcelledState.ANSWERED, False) for call in calls[1:]
    ]
    assert none == []


def test_a_job_that_waits_for_something_else_is_not_woken(database: Database, worker_id: str) -> None:
    (job,) = jobs_in_hand(database, 1, worker_id)
    call = packed(job)
    parcel_id = sent(database, worker_id, [call])
    quota = failure(FailureCode.GEMINI_QUOTA, "Later.")
    record(database, [Record(job=job, ending=waits(quota, delay_seconds=3_600.0))])
    put_answers(database, parcel_id, {call.id: "{}"})
    assert states(database, [job]) == ["waiting"]


def test_what_nobody_uses_is_counted_once_also_of_jobs_that_are_purged(database: Database, worker_id: str) -> None:
    ended, gone, live = jobs_in_hand(database, 3, worker_id)
    calls = [packed(job) for job in (ended, gone, live)]
    parcel_id = sent(database, worker_id, calls)
    put_answers(database, parcel_id, {call.id: "{}" for call in calls})
    record(database, [Record(job=gone, ending=cancelled())])
    admin.purge(database, older_than_seconds=-60.0)
    record(database, [Record(job=ended, ending=cancelled())])
    in_vain = answers_in_vain(database, parcel_id)
    assert {call.id for call in in_vain} == {calls[0].id, calls[1].id}
    paid = [replace(new_call(lane=LANE, cost="0.1"), id=call.id) for call in in_vain]
    assert [book(database, parcel_id, paid) for _ in range(2)] == [2, 0]
    assert usage(database, UsageFilter()).cost_usd == Decimal("0.2")
    assert [call.id for call in calls_of(database, ended.id)] == [calls[0].id]
    assert queries.get_jobs(database, [ended.id])[ended.id].cost_usd == Decimal("0.1")


def test_a_parcel_goes_when_its_jobs_are_done_and_nothing_is_left_at_gemini(database: Database, worker_id: str) -> None:
    (job,) = jobs_in_hand(database, 1, worker_id)
    call = packed(job)
    parcel_id = sent(database, worker_id, [call])
    put_answers(database, parcel_id, {call.id: "{}"})
    assert parcels.note_over(database, parcel_id, output_file="files/out")
    assert parcels.tidy(database, parcel_id) == 1  # the job may need the answer yet
    paid = replace(new_call(lane=LANE), id=call.id)
    record(database, [Record(job=job, calls=(paid,))])
    assert parcels.tidy(database, parcel_id) == 1  # each attempt begins with it
    (found,) = find_calls(database, [job.id])[0]
    assert found.is_booked
    done = succeeded({"caption": "A cat."}, question_hash=None, model_version=None)
    record(database, [Record(job=job, ending=done)])
    assert parcels.tidy(database, parcel_id) == 0
    assert parcels.get_parcel(database, parcel_id) is not None  # its files are there yet
    assert parcels.note_deleted(database, parcel_id)
    parcels.tidy(database, parcel_id)
    assert parcels.get_parcel(database, parcel_id) is None


def test_a_job_that_missed_its_waking_is_woken_when_the_parcel_is_tidied(database: Database, worker_id: str) -> None:
    (job,) = jobs_in_hand(database, 1, worker_id)
    call = packed(job)
    parcel_id = sent(database, worker_id, [call])
    put_answers(database, parcel_id, {call.id: "{}"})  # before the job's wait is recorded
    parcels.note_over(database, parcel_id, output_file=None)
    wait_for_batch(database, [job])
    parcels.tidy(database, parcel_id)
    assert states(database, [job]) == ["queued"]


def test_one_worker_at_a_time_looks_after_a_parcel(database: Database, worker_id: str) -> None:
    (job,) = jobs_in_hand(database, 1, worker_id)
    parcel_id = sent(database, worker_id, [packed(job)])
    assert parcels.take_due(database, lease_seconds=60.0, silent_seconds=60.0) is None
    parcels.postpone(database, parcel_id, seconds=-1.0)
    taken = parcels.take_due(database, lease_seconds=60.0, silent_seconds=60.0)
    assert taken is not None
    assert (taken.id, taken.state, taken.batch_name) == (parcel_id, ParcelState.SENT, "batches/b")
    assert parcels.take_due(database, lease_seconds=60.0, silent_seconds=60.0) is None


def test_a_parcel_that_is_being_sent_is_anothers_matter_only_when_its_worker_is_silent(
    database: Database, worker_id: str
) -> None:
    (job,) = jobs_in_hand(database, 1, worker_id)
    parcel_id = stored(database, worker_id, [packed(job)])
    assert parcels.take_due(database, lease_seconds=0.0, silent_seconds=60.0) is None
    leases.leave(database, worker_id)
    taken = parcels.take_due(database, lease_seconds=0.0, silent_seconds=60.0)
    assert taken is not None
    assert taken.id == parcel_id
