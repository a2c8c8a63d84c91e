"""The economy tier at work: half of the price to the last digit of the bill, and every way in which batches go wrong."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gemini.files import Files
from models.store import admin, parcels
from models.store.budgets import list_budgets
from models.store.queries import JobView
from models.store.reports import calls_of
from models.store.submit import NewBatch
from models.store.usage import UsageBy, UsageFilter, usage_by
from simulator.bill import bill
from tests.integration.door import rest_of, rule
from tests.services.databases import migrated
from tests.services.embedded import Bench, eventually
from tests.services.simulator import Simulator, simulator
from worker.submit import Item, accept

MODEL = "gemini-3.8-flash"
ECONOMY, FLEX = f"{MODEL}:economy", f"{MODEL}:flex"
QUICK: dict[str, Any] = {"economy_pack_seconds": 0.2, "economy_poll_seconds": 0.1}


@pytest.fixture(scope="module")
def shared_gemini() -> Iterator[Simulator]:
    """A simulator whose batches take a moment."""
    with simulator(batch_seconds=0.2) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, shared_gemini: Simulator) -> Iterator[Bench]:
    """As ever, but with quick parcels and an empty ledger."""
    url: str = (
        f"sqlite:///{tmp_path}/jobs.db"
        if request.param == "sqlite"
        else request.getfixturevalue("migrated_postgres_url")
    )
    yield from _bench(url, tmp_path, shared_gemini)


@pytest.fixture
def small_bench(tmp_path: Path, shared_gemini: Simulator) -> Iterator[Bench]:
    """The same over SQLite alone, with a ledger of its own all the same."""
    yield from _bench(f"sqlite:///{tmp_path}/jobs.db", tmp_path, shared_gemini)


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory, shared_gemini: Simulator) -> Iterator[Bench]:
    """A worker that is at work for all tests of a module."""
    folder = tmp_path_factory.mktemp("at_work")
    for bench in _bench(f"sqlite:///{folder}/jobs.db", folder, shared_gemini):
        with bench.worker():
            yield bench


def _bench(url: str, folder: Path, gemini: Simulator) -> Iterator[Bench]:
    database = migrated(url)
    gemini.set_faults()
    gemini.reset()
    yield Bench(database=database, database_url=url, gemini=gemini, folder=folder, settings=QUICK)
    gemini.set_faults()
    database.close()


def billed(bench: Bench, jobs: Sequence[JobView]) -> dict[str, Decimal]:
    """What Gemini's bill says of these jobs, by tier."""
    ids = {job.id for job in jobs}
    return {
        item.tier: item.cost_usd
        for item in bill(call for call in bench.gemini.ledger() if call["labels"]["job"] in ids)
    }


def lanes_of(bench: Bench, jobs: Sequence[JobView]) -> list[list[str]]:
    """In which lanes each job was asked, first to last."""
    return [[call.lane for call in calls_of(bench.database, job.id)] for job in jobs]


def files_left(bench: Bench) -> list[str]:
    rest = rest_of(bench.gemini.url)
    try:
        return [file.display_name for file in Files(rest).ours("")]
    finally:
        rest.close()


def is_tidy(bench: Bench) -> bool:
    """Is there no parcel any more?"""
    return parcels.take_due(bench.database, lease_seconds=0.0, silent_seconds=0.0) is None and not files_left(bench)


def economy(bench: Bench, count: int = 4) -> list[JobView]:
    """So many pictures in the economy tier, when they are done; a worker is at work."""
    ids = bench.submit(bench.pictures(count), service_tier="economy", reuse=False)
    return bench.wait_for(ids, "succeeded", "failed")


def test_pictures_and_a_recording_cost_half_and_leave_nothing_at_gemini(bench: Bench) -> None:
    ids = bench.submit(bench.pictures(40), service_tier="economy")
    ids += bench.submit([bench.recording(25.0)], "transcribe", service_tier="economy")
    with bench.worker():
        jobs = bench.wait_for(ids, "succeeded", "failed", "partial")
        eventually(lambda: is_tidy(bench), "nothing is left")

    assert {(job.state, job.attempts) for job in jobs} == {("succeeded", 1)}
    assert [call["tier"] for call in bench.gemini.ledger()] == ["batch"] * (40 + 3)
    by_lane = usage_by(bench.database, UsageBy.LANE, UsageFilter())
    spent = {lane: used.cost_usd for lane, used in by_lane.items()}
    assert spent == {ECONOMY: billed(bench, jobs)["batch"]} == {ECONOMY: sum(job.cost_usd for job in jobs)}


@pytest.mark.parametrize(
    ("fault", "unanswered", "is_told_what_it_cost"),
    [
        ("batch_failed", 4, True),
        ("batch_expired", 4, True),
        ("batch_expired_half", 2, True),
        ("rows_failed", 2, True),
        ("rows_missing", 2, False),
        ("rows_shuffled", 0, True),
        ("rows_without_key", 4, False),
    ],
)
def test_what_a_batch_leaves_open_is_asked_in_flex_and_spends_no_attempt(
    at_work: Bench, fault: str, unanswered: int, *, is_told_what_it_cost: bool
) -> None:
    at_work.gemini.set_faults([rule("batch_create", fault)])
    jobs = economy(at_work)

    assert {(job.state, job.attempts) for job in jobs} == {("succeeded", 1)}
    lanes = lanes_of(at_work, jobs)
    assert lanes.count([ECONOMY, FLEX]) == unanswered
    assert lanes.count([ECONOMY]) == 4 - unanswered
    if is_told_what_it_cost:
        assert sum(job.cost_usd for job in jobs) == sum(billed(at_work, jobs).values())


def test_answers_under_the_wrong_key_are_paid_for_thrown_away_and_asked_anew(at_work: Bench) -> None:
    at_work.gemini.set_faults([rule("batch_create", "rows_swapped")])
    jobs = economy(at_work)
    right = at_work.wait_for(at_work.submit(at_work.pictures(4), reuse=False), "succeeded")

    assert lanes_of(at_work, jobs) == [[ECONOMY, FLEX]] * 4
    assert [job.output for job in jobs] == [job.output for job in right]
    assert sum(job.cost_usd for job in jobs) == sum(billed(at_work, jobs).values())


@pytest.mark.parametrize("kind", ["500_created", "reset", "429_minute", "503"])
def test_a_creation_that_is_answered_badly_is_paid_once(at_work: Bench, kind: str) -> None:
    at_work.gemini.set_faults([rule("batch_create", kind, 1, retry_after_seconds=0.5)])
    jobs = economy(at_work)

    assert {(job.state, job.attempts) for job in jobs} == {("succeeded", 1)}
    assert lanes_of(at_work, jobs) == [[ECONOMY]] * 4
    asked = [
        call["labels"]["job"] for call in at_work.gemini.ledger() if call["labels"]["job"] in {job.id for job in jobs}
    ]
    assert len(asked) == 4


def test_an_answer_that_cannot_be_believed_is_counted_once_and_asked_again_in_flex(at_work: Bench) -> None:
    bad = {"match": {"tier": "batch"}, "fault": {"kind": "refusal_json"}}
    no_room = {"match": {"tier": "flex"}, "fault": {"kind": "503"}, "times": 6}
    at_work.gemini.set_faults([bad, no_room])
    jobs = economy(at_work, 1)

    assert lanes_of(at_work, jobs) == [[ECONOMY, *[FLEX] * 7]]
    assert [(job.state, job.attempts) for job in jobs] == [("succeeded", 2)]  # of four
    assert sum(job.cost_usd for job in jobs) == sum(billed(at_work, jobs).values())


def test_an_upload_that_is_refused_pauses_the_lane_and_is_packed_anew(at_work: Bench) -> None:
    at_work.gemini.set_faults([rule("file_start", "429_minute", 1, retry_after_seconds=0.5)])
    jobs = economy(at_work)

    assert {(job.state, job.attempts) for job in jobs} == {("succeeded", 1)}
    assert lanes_of(at_work, jobs) == [[ECONOMY]] * 4


@pytest.mark.parametrize(("reason", "in_time"), [("PENDING", 0), ("RUNNING", 2)])
def test_a_batch_that_is_stuck_is_stopped_at_its_deadline_and_the_rest_is_asked_online(
    small_bench: Bench, reason: str, in_time: int
) -> None:
    no_room = {"match": {"tier": "flex"}, "fault": {"kind": "503"}}
    small_bench.gemini.set_faults([rule("batch_create", "batch_stuck", reason=reason), no_room])
    with small_bench.worker(economy_deadline_seconds=1.0, flex_fallback_seconds=1.0):
        jobs = economy(small_bench)

    assert {(job.state, job.attempts) for job in jobs} == {("succeeded", 1)}
    lanes = lanes_of(small_bench, jobs)
    assert lanes.count([ECONOMY]) == in_time
    assert [each[-1] for each in lanes].count(MODEL) == 4 - in_time  # flex had no room
    assert sum(job.cost_usd for job in jobs) == sum(billed(small_bench, jobs).values())


def test_what_was_paid_for_a_job_that_was_cancelled_meanwhile_is_counted(at_work: Bench) -> None:
    at_work.gemini.set_faults([rule("batch_get", "503")])
    ids = at_work.submit(at_work.pictures(2), service_tier="economy", reuse=False)
    jobs = at_work.wait_for(ids, "waiting")
    assert {job.error_code for job in jobs} == {"gemini_pending"}
    assert parcels.at_gemini(at_work.database).calls == 2
    admin.cancel(at_work.database, ids[:1])
    at_work.gemini.set_faults()
    at_work.wait_for(ids, "succeeded", "cancelled")
    eventually(lambda: at_work.job(ids[0]).cost_usd > 0, "the call is counted")

    jobs = at_work.jobs(ids)
    assert [job.state for job in jobs] == ["cancelled", "succeeded"]
    assert {"batch": sum(job.cost_usd for job in jobs)} == billed(at_work, jobs)
    assert lanes_of(at_work, jobs) == [[ECONOMY]] * 2
    eventually(lambda: is_tidy(at_work), "nothing is left")


def test_a_budget_is_held_until_the_batch_is_over_and_not_overrun(at_work: Bench) -> None:
    limit = Decimal("0.0030")
    items = [
        Item(kind="caption", source=str(path), service_tier="economy", reuse=False) for path in at_work.pictures(12)
    ]
    at_work.gemini.set_faults([rule("batch_get", "503")])
    submission = accept(at_work.database, at_work.loaded().settings, NewBatch(budget_usd=limit), items)
    ids = submission.job_ids
    at_work.wait_for(ids, "waiting")
    (budget,) = list_budgets(at_work.database, name=submission.batch_id)
    assert budget.spent_usd == 0
    assert 0 < (budget.held_usd or 0) <= limit
    held = [job for job in at_work.jobs(ids) if job.error_code == "budget_exceeded"]
    assert held
    at_work.gemini.set_faults()
    eventually(
        lambda: (
            {job.error_code for job in at_work.jobs(ids)} == {None, "budget_exceeded"}
            and parcels.at_gemini(at_work.database).calls == 0
        ),
        "all that the budget lets through",
    )

    (budget,) = list_budgets(at_work.database, name=submission.batch_id)
    assert budget.held_usd == 0
    assert budget.spent_usd == sum(billed(at_work, at_work.jobs(ids)).values()) <= limit


def test_a_worker_that_leaves_gives_back_what_was_not_sent_and_what_was_sent_is_waited_for(small_bench: Bench) -> None:
    small_bench.gemini.set_faults([rule("batch_get", "503")])
    items = [Item(kind="caption", source=str(path), service_tier="economy") for path in small_bench.pictures(3)]
    (sent,) = accept(small_bench.database, small_bench.loaded().settings, NewBatch(), items[:1]).job_ids
    with small_bench.worker():
        small_bench.wait_for([sent], "waiting")
    submission = accept(small_bench.database, small_bench.loaded().settings, NewBatch(budget_usd=Decimal(1)), items[1:])
    with small_bench.worker(economy_pack_seconds=600.0):
        eventually(lambda: list_budgets(small_bench.database)[0].held_usd, "money is held")
    (budget,) = list_budgets(small_bench.database)
    assert not budget.held_usd
    assert not budget.spent_usd
    assert {(job.state, job.attempts) for job in small_bench.jobs(submission.job_ids)} == {("queued", 0)}

    small_bench.gemini.set_faults()
    with small_bench.worker():
        jobs = small_bench.wait_for([sent, *submission.job_ids], "succeeded")
    assert lanes_of(small_bench, jobs) == [[ECONOMY]] * 3
    assert len(small_bench.gemini.ledger()) == 3


def test_jobs_whose_questions_are_packed_hold_no_slot(small_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.parcels.spool.MOST_CALLS", 10)
    ids = small_bench.submit(small_bench.pictures(10), service_tier="economy")
    with small_bench.worker(concurrency=1, economy_pack_seconds=600.0) as worker:
        assert worker.runner.slots == 2
        jobs = small_bench.wait_for(ids, "succeeded")
        eventually(lambda: worker.runner.free == 2, "both slots are free")

    assert lanes_of(small_bench, jobs) == [[ECONOMY]] * 10
