"""Recording: one result a job, written by the claim that owns it, and every call accounted for whoever owns it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from models.database import Database
from models.failures import FailureCode, failure
from models.moves import (
    AnswerRecord,
    Ending,
    Progress,
    Record,
    cancelled,
    failed,
    given_back,
    succeeded,
    succeeded_partly,
    waits,
)
from models.state import JobState
from models.store import admin, answers, causes, leases, queries, reports
from models.store.answers import WantedAnswer
from models.store.queries import JobFilter, JobView
from models.store.record import record
from tests.contracts.jobs import PERMANENT, TRANSIENT, claim, claim_one, new_call, new_worker, submit_jobs

DONE = succeeded({"caption": "A cat — \u732b"}, question_hash="q" * 64, model_version="m-001")


def view(database: Database, job_id: str) -> JobView:
    return queries.get_jobs(database, [job_id])[job_id]


@pytest.mark.parametrize(
    ("ending", "state", "attempts"),
    [
        (DONE, "succeeded", 1),
        (succeeded_partly({"text": "half"}, failure=PERMANENT, model_version="m-001"), "partial", 1),
        (failed(PERMANENT), "failed", 1),
        (waits(TRANSIENT, delay_seconds=9.0), "waiting", 1),
        (waits(failure(FailureCode.GEMINI_QUOTA, "wait"), delay_seconds=9.0), "waiting", 0),
        (given_back(), "queued", 0),
        (cancelled(), "cancelled", 1),
    ],
    ids=lambda value: value.move if isinstance(value, Ending) else None,
)
def test_each_ending_sets_all_that_it_means(database: Database, ending: Ending, state: str, attempts: int) -> None:
    job = claim_one(database)
    assert record(database, [Record(job=job, calls=(new_call(),), ending=ending)]) == [True]
    after = view(database, job.id)
    assert (after.state, after.attempts, after.calls) == (state, attempts, 1)
    assert (after.input_tokens, after.output_tokens, after.thinking_tokens) == (264, 31, 7)
    assert after.cost_usd == Decimal("0.000412")
    assert after.output == ending.output
    assert (after.finished_at is not None) == (state in {"succeeded", "partial", "failed", "cancelled"})
    assert (after.next_attempt_at is not None) == (state == "waiting")
    assert after.error_code == (ending.failure.code if ending.failure else None)
    (attempt,) = reports.attempts_of(database, job.id)
    assert (attempt.claim, attempt.number, attempt.outcome, attempt.worker_id) == (1, 1, ending.move, job.worker_id)


def test_a_claim_that_was_taken_over_changes_nothing_but_its_calls_count(database: Database) -> None:
    job = claim_one(database)
    assert leases.lapse(database, worker_id=job.worker_id) == 1
    (again,) = claim(database, [job.id])
    assert record(database, [Record(job=job, calls=(new_call(),), ending=DONE)]) == [False]
    after = view(database, job.id)
    assert (after.state, after.output, after.calls) == ("running", None, 1)
    assert record(database, [Record(job=again, calls=(new_call(),), ending=DONE)]) == [True]
    assert view(database, job.id).calls == 2


def test_a_paid_answer_of_a_lost_claim_is_kept_for_the_next(database: Database) -> None:
    job = claim_one(database)
    leases.lapse(database, worker_id=job.worker_id)
    paid = AnswerRecord(clip_hash="c" * 64, model_version="m-001", answer={"caption": "paid"})
    record(database, [Record(job=job, calls=(new_call(),), answers=(paid,), ending=DONE)])
    (found, other) = answers.find_answers(
        database, [WantedAnswer(owner=owner, clip_hash="c" * 64) for owner in ("default", "somebody else")]
    )
    assert found is not None
    assert found.answer == {"caption": "paid"}
    assert other is None


def test_recording_twice_is_recording_once(database: Database) -> None:
    job, clip = claim_one(database), claim_one(database)
    answer = AnswerRecord(clip_hash="c" * 64, model_version=None, answer={})
    records = [
        Record(job=job, calls=(new_call(),), ending=DONE),
        Record(
            job=clip,
            calls=(new_call(), new_call()),
            answers=(answer,),
            progress=Progress(done=1, total=3, seconds_done=2.5, seconds_total=9.0),
        ),
    ]
    first, second = record(database, records), record(database, records)
    assert first == [True, True]
    assert second == [False, True]
    assert view(database, job.id).calls == 1
    assert view(database, clip.id).calls == 2
    assert len(reports.calls_of(database, clip.id)) == 2
    assert len(reports.attempts_of(database, job.id)) == 1


def test_clips_of_one_job_in_one_group_add_up(database: Database) -> None:
    job = claim_one(database)
    record(database, [Record(job=job, calls=(new_call(),), progress=Progress(done=n, total=5)) for n in (1, 2, 3)])
    after = view(database, job.id)
    assert (after.calls, after.progress_done, after.progress_total) == (3, 3, 5)


def test_a_recording_tells_how_far_it_is_in_its_own_seconds_and_is_whole_at_the_end(database: Database) -> None:
    job = claim_one(database)
    record(database, [Record(job=job, progress=Progress(done=1, total=3, seconds_done=600.0, seconds_total=1_800.5))])
    after = view(database, job.id)
    assert (after.progress_seconds_done, after.progress_seconds_total) == (600.0, 1_800.5)
    record(database, [Record(job=job, ending=DONE)])
    assert view(database, job.id).progress_seconds_done == 1_800.5


def test_a_job_with_an_unknown_price_keeps_its_known_cost(database: Database) -> None:
    job = claim_one(database)
    record(database, [Record(job=job, calls=(new_call(cost=None), new_call()), ending=DONE)])
    assert view(database, job.id).cost_usd == Decimal("0.000412")
    assert {call.cost_usd for call in reports.calls_of(database, job.id)} == {None, Decimal("0.000412")}


def test_a_job_that_goes_back_to_the_line_after_a_cancel_ends_instead(database: Database) -> None:
    job = claim_one(database)
    assert admin.cancel(database, [job.id]) == [job.id]
    assert record(database, [Record(job=job, ending=waits(TRANSIENT, delay_seconds=5.0))]) == [True]
    assert (view(database, job.id).state, view(database, job.id).error_code) == ("cancelled", None)
    assert reports.attempts_of(database, job.id)[0].outcome == "cancel"


def test_a_success_beats_a_cancel_that_came_too_late(database: Database) -> None:
    job = claim_one(database)
    admin.cancel(database, [job.id])
    record(database, [Record(job=job, ending=DONE)])
    assert view(database, job.id).state == "succeeded"


def test_a_retried_job_starts_anew_and_replaces_its_partial_result(database: Database) -> None:
    job = claim_one(database)
    record(
        database, [Record(job=job, ending=succeeded_partly({"text": "half"}, failure=PERMANENT, model_version=None))]
    )
    assert admin.retry(database, [job.id]) == [job.id]
    waiting = view(database, job.id)
    assert (waiting.state, waiting.attempts, waiting.output, waiting.error_code) == ("queued", 0, None, None)
    (again,) = claim(database, [job.id])
    assert again.claim == 2
    record(database, [Record(job=again, ending=DONE)])
    assert view(database, job.id).output == DONE.output


def test_only_jobs_that_did_not_succeed_are_retried(database: Database) -> None:
    job = claim_one(database)
    record(database, [Record(job=job, ending=DONE)])
    assert admin.retry(database, [job.id]) == []


def test_a_stored_result_is_found_by_its_owner_alone(database: Database) -> None:
    job = claim_one(database)
    record(database, [Record(job=job, ending=DONE)])
    found = answers.find_results(database, [("default", "q" * 64), ("other", "q" * 64), ("default", "r" * 64)])
    assert {key: (result.job_id, result.output) for key, result in found.items()} == {
        ("default", "q" * 64): (job.id, DONE.output)
    }


def test_a_part_of_a_result_is_not_found_as_an_answer_to_the_whole_question(database: Database) -> None:
    half = succeeded_partly({"text": "half"}, failure=PERMANENT, model_version="m-001")
    record(database, [Record(job=claim_one(database), ending=replace(half, question_hash="q" * 64))])
    assert answers.find_results(database, [("default", "q" * 64)]) == {}


def test_failures_are_grouped_by_cause_whatever_the_source(database: Database) -> None:
    for job in claim(database, submit_jobs(database, 3).job_ids):
        why = failure(FailureCode.MEDIA_CORRUPT, f"{job.source} ends in the middle")
        record(database, [Record(job=job, ending=failed(why))])
    (group,) = causes.failure_groups(database, JobFilter())
    assert (group.code, group.message, group.count) == ("media_corrupt", "… ends in the middle", 3)


def test_purging_removes_ended_jobs_with_all_that_is_theirs(database: Database) -> None:
    done, live = claim_one(database), claim_one(database)
    record(database, [Record(job=done, calls=(new_call(),), ending=DONE)])
    assert admin.count_purgeable(database, older_than_seconds=3_600) == 0
    assert admin.purge(database, older_than_seconds=-1) == 1
    assert set(queries.get_jobs(database, [done.id, live.id])) == {live.id}
    assert reports.calls_of(database, done.id) == []


def test_totals_add_up(database: Database) -> None:
    new_worker(database)
    first, *_ = claim(database, submit_jobs(database, 4).job_ids[:2])
    record(database, [Record(job=first, calls=(new_call(),), ending=DONE)])
    totals = reports.totals(database, JobFilter())
    assert (totals.total, totals.done, totals.by_state[JobState.QUEUED], totals.by_state[JobState.RUNNING]) == (
        4,
        1,
        2,
        1,
    )
    assert totals.cost_usd == Decimal("0.000412")
    assert totals.oldest_queued_seconds is not None
