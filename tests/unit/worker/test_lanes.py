"""Lanes: one wall is met once, told to everybody, and forgotten when somebody opens it."""

from models.database import Database, open_database
from models.failures import FailureCode, Nature, failure
from models.moves import ClaimedJob
from models.store import lanes as stored
from models.store import reports
from tests.contracts.jobs import claim_one
from tests.unit.worker.lane_clock import DEFAULTS, KEY, Clock, look, meet, quota
from worker.lane_actions import MANY_REFUSALS
from worker.lanes import LOOK_AGAIN_SECONDS, LOOK_SECONDS, Lanes
from worker.quota.terms import Limits


def test_a_closed_lane_says_why_and_leaves_others_open(lanes: Lanes, database: Database, job: ClaimedJob) -> None:
    meet(lanes, job, KEY)
    blocking = lanes.blocking(job.lane, job.id)
    assert blocking is not None
    assert (blocking.code, blocking.message, blocking.nature) == (KEY.code, KEY.message, Nature.THROTTLED)
    assert lanes.blocking("n", claim_one(database, lane="n").id) is None
    assert lanes.paused_here() == ["m"]


def test_a_pause_lasts_as_long_as_was_asked_for(lanes: Lanes, clock: Clock, job: ClaimedJob) -> None:
    lanes.note(job.lane, job.id, quota(7.0))
    clock.now += 6.9
    assert lanes.blocking(job.lane, job.id) is not None
    clock.now += 0.2
    assert lanes.blocking(job.lane, job.id) is None
    lanes.note(job.lane, job.id, KEY)
    clock.now += 10.0**9
    assert lanes.blocking(job.lane, job.id) is not None


def test_a_job_that_meets_a_closed_lane_looks_again_soon_but_not_before_it_can_open(
    lanes: Lanes, clock: Clock, job: ClaimedJob
) -> None:
    lanes.note(job.lane, job.id, quota(30.0))
    waits = []
    for _ in range(2):
        blocking = lanes.blocking(job.lane, job.id)
        assert blocking is not None
        waits.append(blocking.retry_after_seconds)
        clock.now += 28.0
    assert waits == [LOOK_AGAIN_SECONDS, 2.0]


def test_those_in_flight_that_meet_the_same_wall_do_not_announce_it_again(
    lanes: Lanes, clock: Clock, job: ClaimedJob
) -> None:
    assert lanes.note(job.lane, job.id, quota(30.0)) is not None
    clock.now += 0.5
    assert lanes.note(job.lane, job.id, quota(30.0)) is None
    assert lanes.note(job.lane, job.id, quota(1.0)) is None
    assert lanes.note(job.lane, job.id, quota(60.0)) is not None
    clock.now += 61.0
    assert lanes.note(job.lane, job.id, quota(30.0)) is not None


def test_what_was_published_is_seen_by_everybody(
    lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob
) -> None:
    meet(lanes, job, KEY)
    (lane,) = reports.paused_lanes(database)
    assert (lane.name, lane.code, lane.reason, lane.paused_until) == ("m", "gemini_auth", "the key is wrong", None)
    neighbour = Lanes(database, limits=DEFAULTS, clock=clock)
    look(neighbour, clock)
    blocking = neighbour.blocking(job.lane, job.id)
    assert blocking is not None
    assert (blocking.code, blocking.message) == (KEY.code, KEY.message)


def test_a_pause_that_somebody_ended_is_forgotten_and_others_stay(
    lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob
) -> None:
    another = claim_one(database, lane="n")
    meet(lanes, job, KEY)
    meet(lanes, another, quota(60.0))
    stored.resume(database, "m")
    look(lanes, clock)
    assert lanes.blocking(job.lane, job.id) is None
    assert lanes.blocking(another.lane, another.id) is not None


def test_a_person_s_pause_sends_what_is_in_hand_back_to_the_line(
    lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob
) -> None:
    stored.pause_by_hand(database, "m", reason="the bill is looked at", seconds=None)
    look(lanes, clock)
    blocking = lanes.blocking(job.lane, job.id)
    assert blocking is not None
    assert blocking.nature is Nature.INTERRUPTED
    assert "the bill is looked at" in blocking.message


def test_of_a_lane_with_a_fallback_jobs_are_taken_and_its_own_model_is_not_asked(
    lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob
) -> None:
    stored.set_fallback(database, "m", "f")
    meet(lanes, job, quota(3_600.0, "day"))
    look(lanes, clock)
    assert lanes.paused_here() == []
    assert lanes.blocking(job.lane, job.id) is not None
    meet(lanes, job, KEY)
    look(lanes, clock)
    assert lanes.paused_here() == ["m"]


def test_sql_is_looked_at_every_other_second(lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob) -> None:
    look(lanes, clock)
    stored.pause_by_hand(database, "m", reason="paused by hand", seconds=None)
    clock.now += LOOK_SECONDS - 0.1
    lanes.refresh()
    assert lanes.blocking(job.lane, job.id) is None
    clock.now += 0.1
    lanes.refresh()
    assert lanes.blocking(job.lane, job.id) is not None


def test_what_could_not_be_told_while_the_database_was_away_is_told_later(
    database: Database, clock: Clock, job: ClaimedJob
) -> None:
    away = open_database("postgresql://nobody@127.0.0.1:1/none")
    lanes = Lanes(away, limits=DEFAULTS, clock=clock)
    meet(lanes, job, KEY)
    assert lanes.blocking(job.lane, job.id) is not None
    away.close()
    lanes._database = database  # it is back
    look(lanes, clock)
    assert lanes.blocking(job.lane, job.id) is not None
    assert [lane.name for lane in reports.paused_lanes(database)] == ["m"]


def test_what_may_be_this_machine_s_own_trouble_pauses_the_lane_for_this_machine_alone(
    lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob
) -> None:
    unreachable = failure(
        FailureCode.GEMINI_UNAVAILABLE, "Nobody is reached.", nature=Nature.THROTTLED, retry_after_seconds=5.0
    )
    meet(lanes, job, unreachable)
    assert lanes.blocking(job.lane, job.id) is not None
    look(lanes, clock)
    assert lanes.blocking(job.lane, job.id) is not None
    assert reports.paused_lanes(database) == []
    stored.pause(database, "m", code=KEY.code, reason=KEY.message, seconds=None)
    clock.now += 5.0
    look(lanes, clock)  # what others found counts as soon as the own trouble is over
    assert lanes.blocking(job.lane, job.id) is not None


def test_many_refusals_without_a_reason_are_taken_for_a_spend_limit(
    lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob
) -> None:
    bare = quota(30.0, "unnamed")
    for _ in range(MANY_REFUSALS):
        stored.pause(database, "m", code=bare.code, reason="over", seconds=-1.0, is_probe=True)  # the wait is over
        clock.now += 31.0
        meet(lanes, job, bare)
    (lane,) = reports.paused_lanes(database)
    assert lane.reason is not None
    assert "spend limits" in lane.reason
    clock.now += 100.0
    blocking = lanes.blocking(job.lane, job.id)
    assert blocking is not None
    assert blocking.detail["quota_scope"] == "spend"


def test_a_lane_s_own_limits_stand_in_place_of_the_settings(lanes: Lanes, database: Database, clock: Clock) -> None:
    assert lanes.limits_of("m") == DEFAULTS
    assert not lanes.has_daily_limit()
    stored.set_limits(database, "m", {"requests_per_minute": 7, "requests_per_day": 50})
    look(lanes, clock)
    assert lanes.limits_of("m") == Limits(requests_per_minute=7, input_tokens_per_minute=1_000, requests_per_day=50)
    assert lanes.limits_of("n") == DEFAULTS
    assert lanes.has_daily_limit()
    stored.set_limits(database, "m", {"requests_per_minute": None, "requests_per_day": None})
    look(lanes, clock)
    assert lanes.limits_of("m") == DEFAULTS
