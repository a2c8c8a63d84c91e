"""The limiter at work: a whole worker keeps to the lane's quota."""

import itertools
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from models.store import admin, lanes, reports
from models.store.budgets import BudgetView, list_budgets
from models.store.submit import NewBatch
from models.store.usage import UsageBy, UsageFilter, usage, usage_by
from tests.services.embedded import Bench, eventually
from tests.services.simulator import simulator
from worker.admission import LOOK_AGAIN_SECONDS
from worker.bootstrap import Worker
from worker.quota.gate import LEAST_AHEAD
from worker.quota.today import Today
from worker.submit import Item, accept


def test_a_worker_sends_no_more_requests_than_its_lane_may(bench: Bench) -> None:
    ids = bench.submit(bench.pictures(12))
    with bench.worker(rpm=240):
        bench.wait_for(ids, "succeeded")

    calls = [call for call in bench.gemini.ledger() if call["labels"]["job"] in ids]
    times = sorted(datetime.fromisoformat(call["time"]).timestamp() for call in calls)
    steps = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) == 12
    assert sum(steps) >= 0.75 * 11 * 61 / 240  # the first ones connect, and arrive late on a busy machine


def test_a_picture_that_can_never_pass_is_refused_at_once_and_says_what_to_do(bench: Bench) -> None:
    (job_id,) = bench.submit(bench.pictures(1))
    with bench.worker(tpm=100):
        (job,) = bench.wait_for([job_id], "failed")

    assert job.error_code == "gemini_quota"
    assert not job.error_retryable
    assert "it can never pass" in (job.error_message or "")
    assert not bench.calls_by_clip(job_id)


def test_jobs_beyond_today_s_requests_wait_until_midnight_in_california_and_spend_no_attempt(bench: Bench) -> None:
    ids = bench.submit(bench.pictures(5))
    with bench.worker(rpd=3):
        eventually(
            lambda: sorted(job.state for job in bench.jobs(ids)) == ["succeeded"] * 3 + ["waiting"] * 2, "3 of 5"
        )

    assert sum(bench.calls_by_clip(job_id).total() for job_id in ids) == 3
    waiting = [job for job in bench.jobs(ids) if job.state == "waiting"]
    assert {job.error_code for job in waiting} == {"gemini_quota"}
    assert all("midnight in California" in (job.error_message or "") for job in waiting)
    assert all(job.attempts == 0 for job in waiting)
    soon = datetime.now(UTC) + timedelta(seconds=1.1 * LOOK_AGAIN_SECONDS)  # for the limit may be raised
    assert all(job.next_attempt_at is not None and job.next_attempt_at <= soon for job in waiting)


def test_a_limited_lane_leaves_the_others_all_slots(bench: Bench) -> None:
    pictures = bench.pictures(14)
    lanes.set_limits(bench.database, "gemini-2.5-pro", {"requests_per_minute": 2})
    limited = bench.submit(pictures[:2], model="gemini-2.5-pro")
    with bench.worker():
        eventually(lambda: sorted(job.state for job in bench.jobs(limited)) == ["running", "succeeded"], "one in line")
        ids = bench.submit(pictures[2:])
        together = Counter(job.started_at for job in bench.wait_for(ids, "succeeded"))

    assert max(together.values()) > 2 * LEAST_AHEAD  # taken in one go


def test_a_budget_is_nearly_used_up_and_never_overrun_and_the_rest_goes_on_with_a_higher_one(bench: Bench) -> None:
    items = [Item(kind="caption", source=str(path)) for path in bench.pictures(60)]
    batch = NewBatch(name="dear", idempotency_key="dear", budget_usd=Decimal("0.03"))
    settings = bench.loaded().settings
    ids = list(accept(bench.database, settings, batch, items).job_ids)

    with bench.worker():
        eventually(
            lambda: (
                not any(job.state == "running" for job in bench.jobs(ids)) and _spent(bench, ids) > Decimal("0.028")
            ),
            "spent",
        )
        done = [job for job in bench.jobs(ids) if job.state == "succeeded"]
        assert Decimal("0.028") < _spent(bench, ids) <= Decimal("0.03")
        assert 0 < len(done) < 60
        accept(bench.database, settings, NewBatch(name="dear", idempotency_key="dear", budget_usd=Decimal(1)), [])
        jobs = bench.wait_for(ids, "succeeded")

    assert {job.attempts for job in jobs} == {1}


def test_a_call_that_was_broken_off_is_presumed_to_be_spent(bench: Bench) -> None:
    items = [Item(kind="caption", source=str(path)) for path in bench.pictures(1)]
    (job_id,) = accept(bench.database, bench.loaded().settings, NewBatch(budget_usd=Decimal(1)), items).job_ids
    bench.gemini.set_faults([{"fault": {"kind": "hang"}}])

    with bench.worker():
        eventually(lambda: bench.job(job_id).state == "running" and _budget(bench).held_usd, "money is held")
        bench.wait_for_calls_in_flight(1)
        admin.cancel(bench.database, [job_id])
        bench.wait_for([job_id], "cancelled")
        eventually(lambda: not _budget(bench).held_usd, "the hold ends")

    assert _budget(bench).spent_usd == usage(bench.database, UsageFilter()).presumed_usd > 0


def test_a_day_s_requests_are_counted_from_what_is_stored_though_the_jobs_are_purged(bench: Bench) -> None:
    ids = bench.submit(bench.pictures(3))
    with bench.worker():
        bench.wait_for(ids, "succeeded")
    assert admin.purge(bench.database, older_than_seconds=0.0) == 3

    today = Today(bench.database, is_needed=lambda: True)
    today.refresh()

    assert (today.of("gemini-3.8-flash").requests, today.of("another").requests) == (3, 0)


def test_a_wrong_key_that_is_corrected_during_the_run_costs_no_job_anything(bench: Bench) -> None:
    with simulator(api_key="right") as strict:
        locked = replace(bench, gemini=strict)
        ids = locked.submit(locked.pictures(8))
        with locked.worker(key="wrong", concurrency=2) as worker:
            refused = _stopped(locked, worker)
            _try_now(locked)  # still wrong: one call, and the lane stays shut
            eventually(lambda: len(strict.ledger()) > refused, "a probe")
            assert _stopped(locked, worker) == refused + 1
            assert {job.attempts for job in locked.jobs(ids)} == {0}
            strict.set_key("wrong")
            _try_now(locked)  # five minutes later
            jobs = locked.wait_for(ids, "succeeded")
        assert {job.attempts for job in jobs} == {1}
        assert strict.summary()["paid"] == 8
        assert reports.paused_lanes(bench.database) == []


@pytest.mark.long
def test_of_a_recording_that_tries_a_stopped_lane_one_clip_is_asked_about(bench: Bench) -> None:
    bench.gemini.set_faults([{"fault": {"kind": "429_credits"}}])
    (job_id,) = bench.submit([bench.recording(45.0)], kind="transcribe")
    with bench.worker() as worker:
        _stopped(bench, worker)
        before = bench.calls_by_clip(job_id).total()
        bench.wait_for([job_id], "queued")
        _try_now(bench)
        eventually(lambda: bench.calls_by_clip(job_id).total() > before, "a probe")
        _stopped(bench, worker)
        assert bench.calls_by_clip(job_id).total() == before + 1
        bench.gemini.set_faults()
        bench.wait_for([job_id], "queued")
        _try_now(bench)
        (job,) = bench.wait_for([job_id], "succeeded")
    assert job.attempts == 1


def test_a_lane_that_is_stopped_leaves_another_at_full_speed_and_holds_no_slot(bench: Bench) -> None:
    bench.gemini.set_faults([{"match": {"model": "gemini-3.5-flash"}, "fault": {"kind": "404_retired"}}])
    paths = bench.pictures(40)
    gone = bench.submit(paths[:20], model="gemini-3.5-flash")
    with bench.worker(concurrency=4) as worker:
        _stopped(bench, worker)
        others = bench.submit(paths[20:])
        before = time.monotonic()
        bench.wait_for(others, "succeeded")
        assert time.monotonic() - before < 5.0
        assert worker.runner.wait_until_idle(timeout_seconds=5.0)
    assert {job.attempts for job in bench.jobs(gone)} == {0}
    assert {job.state for job in bench.jobs(gone)} <= {"queued", "waiting"}
    (lane,) = reports.paused_lanes(bench.database)
    assert (lane.name, lane.code, lane.paused_until) == ("gemini-3.5-flash", "gemini_model_not_found", None)


def test_a_lane_that_a_person_pauses_begins_no_further_call_and_goes_on_when_resumed(bench: Bench) -> None:
    photos = bench.pictures(3)
    ids = bench.submit(photos)
    with bench.worker() as worker:
        lanes.pause_by_hand(bench.database, "gemini-3.8-flash", reason="paused by hand", seconds=None)
        more = bench.submit(photos, reuse=False)
        eventually(lambda: worker.runner.wait_until_idle(timeout_seconds=0), "nothing in hand")
        assert {job.state for job in bench.jobs(more)} == {"queued"}
        assert lanes.resume(bench.database, "gemini-3.8-flash")
        jobs = bench.wait_for([*ids, *more], "succeeded")
    assert {job.attempts for job in jobs} == {1}


def test_a_retired_model_s_jobs_are_asked_with_its_fallback_and_the_result_says_who_answered(bench: Bench) -> None:
    old, new = "gemini-3.5-flash", "gemini-3.8-flash"
    known, fresh = bench.pictures(2)
    with bench.worker():
        bench.wait_for(bench.submit([known], model=old), "succeeded")
        bench.gemini.set_faults([{"match": {"model": old}, "fault": {"kind": "404_retired"}}])
        lanes.set_fallback(bench.database, old, new)
        (asked,) = bench.wait_for(bench.submit([fresh], model=old), "succeeded")
        (reused,) = bench.wait_for(bench.submit([known], model=old), "succeeded")
        (own,) = bench.wait_for(bench.submit([fresh], model=new), "succeeded")
    assert (reused.model, reused.model_version, reused.calls) == (old, old, 0)
    assert (asked.model, asked.model_version, asked.attempts) == (old, new, 1)
    assert own.reused_from == asked.id  # it is that model's answer to the question
    assert {lane: used.calls for lane, used in usage_by(bench.database, UsageBy.LANE, UsageFilter()).items()} == {
        old: asked.calls, new: 1,
    }  # fmt: skip


def test_limits_that_are_set_while_a_worker_runs_hold_within_seconds(bench: Bench) -> None:
    with bench.worker() as worker:
        lanes.set_limits(bench.database, "gemini-3.8-flash", {"requests_per_day": 2})
        eventually(lambda: worker.lanes.limits_of("gemini-3.8-flash").requests_per_day == 2, "the limit", seconds=6.0)
        ids = bench.submit(bench.pictures(4))
        eventually(
            lambda: sorted(job.state for job in bench.jobs(ids)) == ["succeeded"] * 2 + ["waiting"] * 2, "2 of 4"
        )
        lanes.set_limits(bench.database, "gemini-3.8-flash", {"requests_per_day": None})
        eventually(lambda: worker.lanes.limits_of("gemini-3.8-flash").requests_per_day is None, "no limit", seconds=6.0)


def _try_now(bench: Bench) -> None:
    """As if five minutes had passed: the stopped lane may be tried."""
    lanes.probe_in(bench.database, None, seconds=0.0)


def _stopped(bench: Bench, worker: Worker) -> int:
    """Wait until the lane is stopped and no job is in hand; how many calls were made by then."""
    eventually(lambda: [lane.paused_until for lane in reports.paused_lanes(bench.database)] == [None], "a stopped lane")
    eventually(lambda: worker.runner.wait_until_idle(timeout_seconds=0), "nothing in hand")
    return len(bench.gemini.ledger())


def _budget(bench: Bench) -> BudgetView:
    (view,) = list_budgets(bench.database)
    return view


def _spent(bench: Bench, ids: list[str]) -> Decimal:
    return sum((job.cost_usd for job in bench.jobs(ids)), Decimal(0))
