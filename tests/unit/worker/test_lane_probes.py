"""A stopped lane is tried with one call of one job, and what comes of it holds for everybody."""

from models.database import Database
from models.moves import ClaimedJob
from models.store import claims, reports
from models.store import lanes as stored
from tests.contracts.jobs import submit_jobs
from tests.unit.worker.lane_clock import KEY, Clock, look, meet, quota
from worker.lanes import NO_JOB_SECONDS, Lanes


def begin_probe(lanes: Lanes, database: Database, clock: Clock) -> ClaimedJob:
    """The job that tries the stopped lane."""
    stored.probe_in(database, "m", seconds=0.0)
    look(lanes, clock)
    assert lanes.due_for_probe() == ["m"]
    submit_jobs(database, 1)
    return lanes.begin_probe("m", claims.claim_probe(database, "m", worker_id="wrk_" + "0" * 32, lease_seconds=60.0))[0]


def test_the_probe_alone_may_make_one_call(lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob) -> None:
    meet(lanes, job, KEY)
    assert lanes.due_for_probe() == []
    probe = begin_probe(lanes, database, clock)
    assert lanes.due_for_probe() == []
    assert lanes.blocking(job.lane, job.id) is not None
    assert lanes.blocking(probe.lane, probe.id) is None
    assert lanes.begin_call(probe.lane, probe.id) is None
    assert lanes.begin_call(probe.lane, probe.id) is not None
    assert lanes.blocking(probe.lane, probe.id) is not None


def test_an_answer_to_the_probe_opens_the_lane(lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob) -> None:
    meet(lanes, job, KEY)
    probe = begin_probe(lanes, database, clock)
    lanes.open(probe.lane)
    assert lanes.blocking(job.lane, job.id) is None
    assert reports.paused_lanes(database) == []


def test_a_probe_that_meets_another_wall_tells_the_news(
    lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob
) -> None:
    meet(lanes, job, KEY)
    probe = begin_probe(lanes, database, clock)
    meet(lanes, probe, quota(30.0))
    (lane,) = reports.paused_lanes(database)
    assert (lane.code, lane.reason) == ("gemini_quota", "wait")
    clock.now += 30.1
    assert lanes.blocking(job.lane, job.id) is None


def test_a_probe_that_comes_to_no_call_leaves_it_to_another_job(
    lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob
) -> None:
    meet(lanes, job, KEY)
    probe = begin_probe(lanes, database, clock)
    lanes.end_probe(job.id)  # another job's end changes nothing
    assert lanes.blocking(probe.lane, probe.id) is None
    lanes.end_probe(probe.id)
    assert lanes.blocking(probe.lane, probe.id) is not None
    look(lanes, clock)
    with database.read() as connection:
        wait = connection.exec_driver_sql(
            "SELECT (julianday(probe_at) - julianday('now')) * 86400 FROM lane"
        ).scalar_one()
    assert 5.0 < wait < 10.1


def test_a_worker_without_a_job_for_the_probe_does_not_ask_all_the_time(
    lanes: Lanes, database: Database, clock: Clock, job: ClaimedJob
) -> None:
    meet(lanes, job, KEY)
    stored.probe_in(database, "m", seconds=0.0)
    look(lanes, clock)
    assert lanes.begin_probe("m", []) == []
    assert lanes.due_for_probe() == []
    clock.now += NO_JOB_SECONDS
    assert lanes.due_for_probe() == ["m"]
