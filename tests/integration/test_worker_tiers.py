"""Service tiers at work: flex costs half, to the last digit of Gemini's bill, and a job that finds no room there ends."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import literal, update

from models.attempt import Attempt
from models.base import db_after
from models.job import Job
from models.store import lanes
from models.store.reports import attempts_of, calls_of
from models.store.submit import NewBatch, NewJob, submit
from models.store.usage import UsageBy, UsageFilter, usage_by
from tests.services.embedded import Bench, eventually

MODEL = "gemini-3.8-flash"
NO_ROOM_IN_FLEX: list[dict[str, Any]] = [{"match": {"tier": "flex"}, "fault": {"kind": "503"}}]


def billed(bench: Bench, ids: Sequence[str]) -> dict[str, Decimal]:
    """What Gemini's bill says of these jobs, by tier."""
    bill: dict[str, Decimal] = {}
    for call in bench.gemini.ledger():
        if call["labels"].get("job") in ids:
            bill[call["tier"]] = bill.get(call["tier"], Decimal(0)) + Decimal(call["cost_usd"])
    return bill


def test_a_batch_in_flex_costs_half_of_what_it_costs_else_and_exactly_what_is_billed(bench: Bench) -> None:
    pictures, recording = bench.pictures(4), bench.recording(25.0)
    with bench.worker():
        dear = bench.submit(pictures) + bench.submit([recording], "transcribe")
        bench.wait_for(dear, "succeeded")
        cheap = bench.submit(pictures, service_tier="flex", reuse=False)
        cheap += bench.submit([recording], "transcribe", service_tier="flex", reuse=False)
        jobs = bench.wait_for(cheap, "succeeded")

    spent = sum((job.cost_usd for job in jobs), Decimal(0))
    assert billed(bench, cheap) == {"flex": spent}
    assert billed(bench, dear) == {"standard": 2 * spent}
    by_lane = usage_by(bench.database, UsageBy.LANE, UsageFilter())
    assert {lane: used.cost_usd for lane, used in by_lane.items()} == {MODEL: 2 * spent, f"{MODEL}:flex": spent}


def test_an_answer_of_one_tier_is_the_answer_in_every_other(bench: Bench) -> None:
    with bench.worker():
        (first,) = bench.submit(bench.pictures(1), service_tier="flex")
        bench.wait_for([first], "succeeded")
        (second,) = bench.submit(bench.pictures(1))
        (job,) = bench.wait_for([second], "succeeded")

    assert (job.reused_from, job.calls) == (first, 0)


def test_a_job_that_finds_no_room_in_flex_is_asked_in_the_standard_tier_before_its_deadline(bench: Bench) -> None:
    bench.gemini.set_faults(NO_ROOM_IN_FLEX)
    (picture,) = bench.pictures(1)
    wanted = NewJob(
        kind="caption", source=str(picture), model=MODEL, lane=f"{MODEL}:flex", max_attempts=1, deadline_seconds=30.0
    )
    with bench.worker():
        (job_id,) = submit(bench.database, NewBatch(budget_usd=Decimal("0.01")), [wanted]).job_ids
        eventually(lambda: calls_of(bench.database, job_id), "the first no")
        with bench.database.write() as connection:  # as if it had been submitted longer ago
            connection.execute(update(Job).values(created_at=db_after(literal(-26.0))))
        (job,) = bench.wait_for([job_id], "succeeded", "failed")

    calls = calls_of(bench.database, job_id)
    refused, last = calls[:-1], calls[-1]
    assert job.state == "succeeded"
    assert refused
    assert {(call.lane, call.http_status, call.cost_usd) for call in refused} == {(f"{MODEL}:flex", 503, None)}
    assert (last.lane, last.code) == (MODEL, None)
    assert job.attempts == 1  # the only one there was
    assert {attempt.outcome for attempt in attempts_of(bench.database, job_id)} == {"wait", "succeed"}
    assert billed(bench, [job_id]) == {"flex": Decimal(0), "standard": job.cost_usd}
    assert usage_by(bench.database, UsageBy.LANE, UsageFilter())[MODEL].cost_usd == job.cost_usd > 0


def test_a_job_that_has_waited_long_enough_for_room_is_asked_in_the_standard_tier(bench: Bench) -> None:
    bench.gemini.set_faults(NO_ROOM_IN_FLEX)
    (job_id,) = bench.submit(bench.pictures(1), service_tier="flex")
    with bench.worker(flex_fallback_seconds=1.0):
        (job,) = bench.wait_for([job_id], "succeeded", "failed")

    lanes = [call.lane for call in calls_of(bench.database, job_id)]
    assert lanes == [*[f"{MODEL}:flex"] * (len(lanes) - 1), MODEL]
    assert len(lanes) > 1
    assert (job.state, job.attempts, job.lane) == ("succeeded", 1, f"{MODEL}:flex")


def test_a_job_that_would_leave_flex_asks_there_while_the_standard_lane_is_paused(bench: Bench) -> None:
    bench.gemini.set_faults(NO_ROOM_IN_FLEX)
    (job_id,) = bench.submit(bench.pictures(1), service_tier="flex")
    lanes.pause_by_hand(bench.database, MODEL, reason="the bill is looked at", seconds=None)
    with bench.worker(flex_fallback_seconds=1.0):
        eventually(lambda: bench.job(job_id).calls, "the first no")
        with bench.database.write() as connection:  # as if that had been longer ago
            connection.execute(update(Attempt).values(ended_at=db_after(literal(-60.0))))
        refused = bench.job(job_id).calls + 2
        eventually(lambda: bench.job(job_id).calls >= refused, "two more")
        attempts = attempts_of(bench.database, job_id)
        bench.gemini.set_faults()
        (job,) = bench.wait_for([job_id], "succeeded")

    assert {attempt.outcome for attempt in attempts} <= {"wait", None}  # none met the pause and came back at once
    assert {call.lane for call in calls_of(bench.database, job_id)} == {f"{MODEL}:flex"}
    assert job.attempts == 1
