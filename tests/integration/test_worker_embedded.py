"""A whole worker on pictures: submitted, decoded, asked about, retried, cancelled, handed over.

Nothing has a stand-in but Gemini itself: the simulator, a process of its own that is spoken to over HTTP.
"""

import time
from collections import Counter
from pathlib import Path

from models.failures import FailureCode
from models.ids import new_id
from models.moves import Record, given_back
from models.store import admin, claims, lanes, leases, reports
from models.store.record import record
from tests.services.databases import migrated
from tests.services.embedded import Bench, eventually
from tests.services.postgres import PostgresServer
from tests.services.simulator import simulator

MODEL = "gemini-3.8-flash"


def calls_by_job(bench: Bench, ids: list[str]) -> Counter[str]:
    """How many calls the simulator was asked for each of the jobs."""
    return Counter(call["labels"]["job"] for call in bench.gemini.ledger() if call["labels"].get("job") in ids)


def test_a_batch_of_pictures_succeeds_with_one_call_each(bench: Bench) -> None:
    ids = bench.submit(bench.pictures(20))
    with bench.worker():
        jobs = bench.wait_for(ids, "succeeded")
    assert calls_by_job(bench, ids) == dict.fromkeys(ids, 1)
    for number, job in enumerate(jobs):
        assert job.output is not None
        assert (job.output["width"], job.output["height"]) == (64 + number, 48)
        assert f"{64 + number} x 48 pixels" in job.output["caption"]
        assert (job.calls, job.attempts, job.error_code, job.progress_done) == (1, 1, None, 1)
        assert job.input_tokens > 0
        assert job.model_version == MODEL


def test_what_passes_by_itself_is_tried_again_and_each_try_counts(bench: Bench) -> None:
    (job_id,) = bench.submit(bench.pictures(1))
    bench.gemini.set_faults([{"match": {"nth": [1, 2]}, "fault": {"kind": "503"}}])
    with bench.worker():
        (job,) = bench.wait_for([job_id], "succeeded", "failed")
    assert (job.state, job.attempts, job.calls) == ("succeeded", 3, 3)
    outcomes = [(attempt.number, attempt.outcome) for attempt in reports.attempts_of(bench.database, job_id)]
    assert outcomes == [(1, "wait"), (2, "wait"), (3, "succeed")]


def test_what_does_not_pass_fails_when_its_attempts_are_spent(bench: Bench) -> None:
    (job_id,) = bench.submit(bench.pictures(1))
    bench.gemini.set_faults([{"fault": {"kind": "503"}}])
    with bench.worker():
        (job,) = bench.wait_for([job_id], "succeeded", "failed")
    assert (job.state, job.error_code, job.error_retryable) == ("failed", FailureCode.GEMINI_UNAVAILABLE, True)
    assert job.attempts == job.calls == bench.loaded().settings.max_attempts


def test_waiting_for_quota_spends_no_attempt(bench: Bench) -> None:
    (job_id,) = bench.submit(bench.pictures(1))
    bench.gemini.set_faults(
        [{"match": {"nth": [1]}, "fault": {"kind": "429_minute", "retry_after_seconds": 1.2}, "times": 1}]
    )
    before = time.monotonic()
    with bench.worker():
        (job,) = bench.wait_for([job_id], "succeeded", "failed")
    assert (job.state, job.attempts, job.calls) == ("succeeded", 1, 2)
    assert time.monotonic() - before >= 1.2


def test_a_refused_key_pauses_the_lane_and_fails_nothing_until_a_worker_has_the_right_one(
    bench: Bench, tmp_path: Path
) -> None:
    with simulator(api_key="right") as strict:
        locked = Bench(
            database=bench.database, database_url=bench.database_url, gemini=strict, folder=tmp_path,
            settings={"concurrency": 2},
        )  # fmt: skip
        ids = locked.submit(locked.pictures(6))
        with locked.worker(key="wrong") as worker:
            eventually(lambda: reports.paused_lanes(bench.database), "a paused lane")
            eventually(lambda: worker.runner.wait_until_idle(timeout_seconds=0), "nothing in hand")
            (lane,) = reports.paused_lanes(bench.database)
            assert (lane.name, lane.code) == (MODEL, FailureCode.GEMINI_AUTH)
            assert {job.state for job in locked.jobs(ids)} <= {"queued", "waiting"}
            assert {job.attempts for job in locked.jobs(ids)} == {0}
            assert strict.summary()["calls"] <= 2
        with locked.worker(key="right"):
            assert {job.attempts for job in locked.wait_for(ids, "succeeded")} == {1}
        assert strict.summary()["paid"] == 6


def test_a_lane_that_somebody_resumes_goes_on_at_once(bench: Bench) -> None:
    (job_id,) = bench.submit(bench.pictures(1))
    bench.gemini.set_faults([{"match": {"nth": [1]}, "fault": {"kind": "403"}}])
    with bench.worker():
        eventually(lambda: reports.paused_lanes(bench.database), "a paused lane")
        bench.wait_for([job_id], "waiting", "queued")
        assert lanes.resume(bench.database, MODEL)
        (job,) = bench.wait_for([job_id], "succeeded", seconds=15.0)
    assert (job.attempts, job.calls) == (1, 2)


def test_a_blocked_picture_and_a_damaged_one_fail_alone(bench: Bench) -> None:
    paths = bench.pictures(8)
    paths[5].write_bytes(paths[5].read_bytes()[:-200])
    ids = bench.submit(paths)
    blocked, damaged = ids[2], ids[5]
    bench.gemini.set_faults([{"match": {"label": {"job": blocked}}, "fault": {"kind": "blocked"}}])
    with bench.worker():
        jobs = {job.id: job for job in bench.wait_for(ids, "succeeded", "failed")}
    assert {job_id for job_id, job in jobs.items() if job.state == "failed"} == {blocked, damaged}
    assert (jobs[blocked].error_code, jobs[blocked].calls) == (FailureCode.GEMINI_BLOCKED, 1)
    assert (jobs[damaged].error_code, jobs[damaged].calls) == (FailureCode.MEDIA_CORRUPT, 0)
    assert jobs[damaged].attempts == jobs[blocked].attempts == 1
    assert damaged not in calls_by_job(bench, ids)


def test_a_source_that_is_not_there_and_one_of_another_kind_fail_and_name_it(bench: Bench) -> None:
    sound = bench.recording(1.0)
    ids = bench.submit([bench.folder / "gone.jpg", sound])
    with bench.worker():
        gone, wrong = bench.wait_for(ids, "failed")
    assert (gone.error_code, wrong.error_code) == (FailureCode.SOURCE_NOT_FOUND, FailureCode.MEDIA_UNSUPPORTED)
    assert "gone.jpg" in str(gone.error_message)
    assert sound.name in str(wrong.error_message)


def test_a_running_job_is_cancelled_within_a_beat_and_its_slot_is_free_again(bench: Bench) -> None:
    first, second = bench.submit(bench.pictures(2))
    bench.gemini.set_faults([{"match": {"label": {"job": first}}, "fault": {"kind": "hang"}}])
    with bench.worker(lease_seconds=18.0, concurrency=1):
        bench.wait_for_calls_in_flight(1)
        before = time.monotonic()
        assert admin.cancel(bench.database, [first]) == [first]
        bench.wait_for([first], "cancelled")
        assert time.monotonic() - before < 15.0  # a beat is three seconds; the lease would take eighteen
        bench.wait_for([second], "succeeded")
    assert bench.job(first).calls == 0


def test_a_worker_that_leaves_gives_back_what_is_in_flight_and_no_try_is_spent(bench: Bench) -> None:
    ids = bench.submit(bench.pictures(3))
    bench.gemini.set_faults([{"fault": {"kind": "hang"}}])
    with bench.worker() as worker:
        bench.wait_for_calls_in_flight(3)
        assert worker.close(grace_seconds=0.1)
    assert {(job.state, job.attempts) for job in bench.jobs(ids)} == {("queued", 0)}
    assert {a.outcome for job_id in ids for a in reports.attempts_of(bench.database, job_id)} == {"give_back"}
    bench.gemini.set_faults()
    with bench.worker():
        assert {job.attempts for job in bench.wait_for(ids, "succeeded")} == {1}


def test_a_worker_that_leaves_lets_calls_in_flight_finish(bench: Bench) -> None:
    ids = bench.submit(bench.pictures(3))
    bench.gemini.set_faults([{"fault": {"kind": "late", "seconds": 1.0}}])
    with bench.worker() as worker:
        bench.wait_for_calls_in_flight(3)
        assert worker.close(grace_seconds=20.0)
    assert {job.state for job in bench.jobs(ids)} == {"succeeded"}


def test_a_job_that_belongs_to_another_worker_now_is_dropped(bench: Bench) -> None:
    (job_id,) = bench.submit(bench.pictures(1))
    bench.gemini.set_faults([{"fault": {"kind": "hang"}}])
    with bench.worker(lease_seconds=1.5) as worker:
        bench.wait_for_calls_in_flight(1)
        worker.drain()  # it must not take the job back itself
        assert leases.lapse(bench.database, worker_id=worker.id) == 1
        (other,) = claims.claim(bench.database, [job_id], worker_id=new_id("wrk"), lease_seconds=60)
        assert worker.runner.wait_until_idle(timeout_seconds=5.0)
        worker.close(grace_seconds=1.0)
    job = bench.job(job_id)
    assert (job.state, other.claim) == ("running", 2)


def test_a_paid_answer_that_came_too_late_is_kept_for_the_next_owner(bench: Bench) -> None:
    (job_id,) = bench.submit(bench.pictures(1))
    bench.gemini.set_faults([{"fault": {"kind": "late", "seconds": 1.0}}])
    with bench.worker(lease_seconds=60.0) as worker:
        bench.wait_for_calls_in_flight(1)
        worker.drain()
        assert leases.lapse(bench.database, worker_id=worker.id) == 1
        (other,) = claims.claim(bench.database, [job_id], worker_id=new_id("wrk"), lease_seconds=60)
        assert worker.close(grace_seconds=20.0)
    assert (bench.job(job_id).state, bench.job(job_id).calls) == ("running", 1)
    record(bench.database, [Record(job=other, ending=given_back())])
    with bench.worker():
        (job,) = bench.wait_for([job_id], "succeeded")
    assert (job.calls, calls_by_job(bench, [job_id])[job_id]) == (1, 1)


def test_the_same_bytes_with_the_same_question_are_paid_for_once(bench: Bench) -> None:
    (path,) = bench.pictures(1)
    copy = bench.folder / "copy.jpg"
    copy.write_bytes(path.read_bytes())
    with bench.worker() as worker:
        (first,) = bench.wait_for(bench.submit([path]), "succeeded")
        same, other, anew = (
            *bench.submit([copy]), *bench.submit([path], options={"language": "de"}), *bench.submit([path], reuse=False),
        )  # fmt: skip
        worker.housekeeper.wake()
        reused, german, again = bench.wait_for([same, other, anew], "succeeded")
    assert (reused.reused_from, reused.calls, reused.output) == (first.id, 0, first.output)
    assert (german.reused_from, german.calls) == (None, 1)
    assert (again.reused_from, again.calls) == (None, 1)


def test_a_database_that_is_away_for_a_moment_loses_nothing_and_pays_nothing_twice(
    postgres: PostgresServer, migrated_postgres_url: str, tmp_path: Path
) -> None:
    database = migrated(migrated_postgres_url)
    with simulator(latency="0.3-0.9") as gemini:
        bench = Bench(database=database, database_url=migrated_postgres_url, gemini=gemini, folder=tmp_path)
        ids = bench.submit(bench.pictures(24))
        with bench.worker(lease_seconds=15.0, concurrency=6):
            eventually(lambda: gemini.summary()["delivered"] >= 4, "some answers")
            postgres.kill()
            # What is in flight is answered while the database is away.
            eventually(lambda: gemini.summary()["in_flight"] == 0, "no call in flight")
            postgres.start()
            jobs = bench.wait_for(ids, "succeeded", "failed", seconds=60.0)
        assert {job.state for job in jobs} == {"succeeded"}
        assert (gemini.summary()["paid"], gemini.summary()["paid_again"]) == (24, 0)
        assert {job.calls for job in jobs} == {1}
    database.close()
