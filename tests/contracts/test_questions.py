"""Questions in flight: of all who ask the same one asks, the rest wait for it, and nobody waits for somebody who is gone."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from models.database import Database, open_database
from models.failures import FailureCode, failure
from models.moves import (
    ClaimedJob,
    Ending,
    Record,
    cancelled,
    failed,
    given_back,
    succeeded,
    succeeded_partly,
    waits,
    waits_for_twin,
)
from models.question import Question
from models.store import admin, leases, queries, questions
from models.store.answers import StoredResult
from models.store.questions import Asker, Asking
from models.store.record import record
from tests.contracts.jobs import PERMANENT, TRANSIENT, claim, claim_one, submit_jobs
from worker.sweep import sweep

HASH = "q" * 64
DONE = succeeded({"caption": "a cat"}, model_version="m-001")
THIS, TWIN = Asker.THIS_JOB, Asker.A_TWIN
LATER = waits(failure(FailureCode.GEMINI_QUOTA, "wait"), delay_seconds=3_600.0)


def ask(database: Database, *jobs: ClaimedJob, question_hash: str = HASH) -> list[StoredResult | Asker]:
    asking = [Asking(owner=j.owner, question_hash=question_hash, job_id=j.id, claim=j.claim) for j in jobs]
    return questions.ask(database, asking)


def end(database: Database, ending: Ending, *jobs: ClaimedJob, question_hash: str = HASH) -> None:
    """The attempts end in one group."""
    known = replace(ending, question_hash=question_hash)
    assert record(database, [Record(job=job, ending=known) for job in jobs]) == [True] * len(jobs)


def wait(database: Database, *twins: ClaimedJob) -> None:
    end(database, waits_for_twin(delay_seconds=3_600.0), *twins)


def claimed(database: Database, count: int) -> list[ClaimedJob]:
    return claim(database, submit_jobs(database, count).job_ids)


def states(database: Database, jobs: Sequence[ClaimedJob]) -> list[str]:
    found = queries.get_jobs(database, [job.id for job in jobs])
    return [str(found[job.id].state) for job in jobs]


def questions_left(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(Question)).scalar_one()


def test_of_a_group_that_asks_the_same_the_first_asks(database: Database) -> None:
    jobs = claimed(database, 3)
    assert ask(database, *jobs) == [THIS, TWIN, TWIN]
    assert ask(database, *jobs) == [THIS, TWIN, TWIN], "asking again after an answer that got lost is harmless"


def test_other_questions_and_other_owners_are_no_twins(database: Database) -> None:
    one, other = claimed(database, 2)
    stranger = replace(claim_one(database), owner="somebody else")
    assert ask(database, one) == [THIS]
    assert ask(database, other, question_hash="r" * 64) == [THIS]
    assert ask(database, stranger) == [THIS]


def test_of_many_askers_at_once_one_asks(database_url: str, database: Database) -> None:
    """Eight groups of all 20 questions in different orders, on eight connections; each round has questions of its own."""
    groups = [claimed(database, 20) for _ in range(8)]
    others = [open_database(database_url) for _ in groups]
    try:
        with ThreadPoolExecutor(len(groups)) as pool:
            for turn in range(5):
                asked = list(
                    pool.map(
                        lambda number, turn=turn: questions.ask(
                            others[number], _in_some_order(groups[number], number, turn)
                        ),
                        range(len(groups)),
                    )
                )
                assert sum(answer is THIS for answers in asked for answer in answers) == 20
                assert {answer for answers in asked for answer in answers} == {THIS, TWIN}
    finally:
        for other in others:
            other.close()


def _in_some_order(jobs: Sequence[ClaimedJob], number: int, turn: int) -> list[Asking]:
    asking = [
        Asking(owner=job.owner, question_hash=f"{turn}-{place}", job_id=job.id, claim=job.claim)
        for place, job in enumerate(jobs)
    ]
    return asking[number:] + asking[:number] if number % 2 else asking[::-1]


def test_twins_take_the_result_as_soon_as_it_is_stored(database: Database) -> None:
    first, *twins = claimed(database, 4)
    assert ask(database, first) == [THIS]
    assert ask(database, *twins) == [TWIN] * 3
    wait(database, *twins)
    assert states(database, twins) == ["waiting"] * 3
    assert {queries.get_jobs(database, [twin.id])[twin.id].attempts for twin in twins} == {0}
    end(database, DONE, first)
    assert states(database, twins) == ["queued"] * 3
    found = ask(database, *claim(database, [twin.id for twin in twins]))
    assert {result.job_id for result in found if isinstance(result, StoredResult)} == {first.id}
    assert questions_left(database) == 0


def test_a_stored_result_of_the_preferred_question_comes_first_and_the_other_question_stays_free(
    database: Database,
) -> None:
    first, other = claimed(database, 2)
    end(database, DONE, first, question_hash="r" * 64)
    wanted = Asking(owner=other.owner, question_hash=HASH, job_id=other.id, claim=other.claim, preferred_hash="r" * 64)
    (found,) = questions.ask(database, [wanted])
    assert isinstance(found, StoredResult)
    assert (found.job_id, found.question_hash, questions_left(database)) == (first.id, "r" * 64, 0)
    assert questions.ask(database, [replace(wanted, preferred_hash="s" * 64)]) == [THIS]


def test_one_group_may_end_a_question_and_bring_those_who_wait_for_it(database: Database) -> None:
    first, twin = claimed(database, 2)
    ask(database, first, twin)
    ended = [(first, DONE), (twin, waits_for_twin(delay_seconds=3_600.0))]
    record(database, [Record(job=job, ending=replace(ending, question_hash=HASH)) for job, ending in ended])
    assert states(database, [first, twin]) == ["succeeded", "queued"]


def test_who_begins_to_wait_too_late_goes_on_at_once(database: Database) -> None:
    first, twin = claimed(database, 2)
    ask(database, first, twin)
    end(database, DONE, first)
    wait(database, twin)
    assert states(database, [twin]) == ["queued"]


@pytest.mark.parametrize(
    "ending",
    [failed(PERMANENT), succeeded_partly({"text": "half"}, failure=PERMANENT, model_version=None), cancelled()],
    ids=lambda ending: ending.move,
)
def test_without_a_result_one_twin_asks_in_its_place_and_the_others_wait_for_that_one(
    database: Database, ending: Ending
) -> None:
    first, *twins = claimed(database, 4)
    ask(database, first, *twins)
    wait(database, *twins)
    end(database, ending, first)
    assert states(database, twins) == ["queued", "waiting", "waiting"]
    (second,) = claim(database, [twins[0].id])
    assert ask(database, second) == [THIS]
    end(database, DONE, second)
    assert states(database, twins) == ["succeeded", "queued", "queued"]


def test_without_a_result_one_twin_of_each_batch_goes_on_since_nobody_may_work_on_the_others(
    database: Database,
) -> None:
    first, *twins = claimed(database, 3)
    others = claimed(database, 2)
    ask(database, first, *twins, *others)
    wait(database, *twins, *others)
    end(database, failed(PERMANENT), first)
    assert states(database, [*twins, *others]) == ["queued", "waiting", "queued", "waiting"]
    assert ask(database, *claim(database, [twins[0].id, others[0].id])) == [THIS, TWIN]


def test_who_has_to_wait_for_quota_wakes_no_twin_and_may_be_overtaken(database: Database) -> None:
    first, *twins = claimed(database, 100)
    ask(database, first, *twins)
    wait(database, *twins)
    end(database, LATER, first)
    assert set(states(database, twins)) == {"waiting"}
    late = claim_one(database)
    assert ask(database, late) == [THIS]
    end(database, DONE, late)
    assert set(states(database, [first, *twins])) == {"queued"}, "the first takes the result, too"


def test_a_failure_does_not_hasten_a_job_that_waits_for_quota(database: Database) -> None:
    waiting, asker = claimed(database, 2)
    ask(database, waiting)
    end(database, LATER, waiting)
    ask(database, asker)
    end(database, failed(PERMANENT), asker)
    assert states(database, [waiting]) == ["waiting"]


def test_a_lost_worker_keeps_its_questions_until_its_jobs_are_taken_back_and_no_longer(database: Database) -> None:
    (first,) = claim(database, submit_jobs(database, 1).job_ids, lease_seconds=-1.0)
    twin, other, bystander = claimed(database, 3)
    ask(database, first)
    ask(database, bystander, question_hash="r" * 64)
    assert ask(database, twin) == [TWIN]
    leases.lapse(database)
    assert ask(database, twin, other) == [THIS, TWIN], "free without anybody having cleared up"
    (again,) = claim(database, [first.id])
    assert ask(database, again) == [TWIN]


def test_a_job_that_was_taken_back_asks_anew_and_its_old_claim_takes_nothing_from_it(database: Database) -> None:
    (first,) = claim(database, submit_jobs(database, 1).job_ids, lease_seconds=-1.0)
    ask(database, first)
    leases.lapse(database)
    (again,) = claim(database, [first.id])
    assert ask(database, again) == [THIS]
    assert ask(database, first) == [TWIN]
    late = record(database, [Record(job=first, ending=replace(DONE, question_hash=HASH))])
    assert (late, questions_left(database)) == ([False], 1)


def test_a_sweep_frees_what_nobody_asks_any_more_for_one_twin(database: Database) -> None:
    (first,) = claim(database, submit_jobs(database, 1).job_ids, lease_seconds=-1.0)
    twins = claimed(database, 2)
    ask(database, first)
    wait(database, *twins)
    sweep(database, lease_seconds=60.0)
    assert (states(database, [first, *twins]), questions_left(database)) == (["queued", "queued", "waiting"], 0)
    assert questions.free_abandoned(database) == 0


def test_a_sweep_leaves_what_is_being_asked(database: Database) -> None:
    ask(database, claim_one(database))
    assert (questions.free_abandoned(database), questions_left(database)) == (0, 1)


def test_only_running_jobs_have_a_question(database: Database) -> None:
    endings = [DONE, failed(PERMANENT), waits(TRANSIENT, delay_seconds=9.0), given_back(), cancelled()]
    jobs = claimed(database, len(endings))
    for number, (job, ending) in enumerate(zip(jobs, endings, strict=True)):
        assert ask(database, job, question_hash=f"{number}") == [THIS]
        end(database, ending, job, question_hash=f"{number}")
        assert questions_left(database) == 0


def test_a_twin_that_is_cancelled_stays_so(database: Database) -> None:
    first, twin = claimed(database, 2)
    ask(database, first, twin)
    wait(database, twin)
    admin.cancel(database, [twin.id])
    end(database, DONE, first)
    assert states(database, [twin]) == ["cancelled"]
