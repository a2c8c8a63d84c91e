"""A whole worker on recordings: each clip's answer is paid for once, and what cannot be had is named."""

import pytest

from models.failures import FailureCode
from models.store import admin, reports
from tests.services.embedded import Bench, eventually
from tests.services.speech import record_random

pytestmark = pytest.mark.parametrize("bench", ["sqlite"], indirect=True)
"""The store has no part in this; the contracts hold it over both databases."""

SECONDS = 24.0
"""Three clips of at most ten seconds with an overlap, for there is no pause to cut in."""


def test_a_recording_of_several_clips_is_one_transcript_on_its_own_clock(bench: Bench) -> None:
    (job_id,) = bench.submit([bench.recording(SECONDS)], "transcribe")
    with bench.worker():
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert bench.calls_by_clip(job_id) == {"0": 1, "1": 1, "2": 1}
    assert (job.state, job.calls, job.attempts, job.progress_done, job.progress_total) == ("succeeded", 3, 1, 3, 3)
    assert job.output is not None
    assert (job.output["duration"], job.output["missing"], job.output["no_speech"]) == (SECONDS, [], False)
    starts = [segment["start"] for segment in job.output["segments"]]
    assert starts == sorted(starts)
    assert starts[0] < 1.0
    assert SECONDS - 1.0 < job.output["segments"][-1]["end"] <= SECONDS


def test_a_clip_that_failed_for_a_moment_is_asked_about_again_and_the_others_are_not(bench: Bench) -> None:
    (job_id,) = bench.submit([bench.recording(SECONDS)], "transcribe")
    bench.gemini.set_faults([{"match": {"label": {"clip": "1"}}, "times": 2, "fault": {"kind": "503"}}])
    with bench.worker():
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert (job.state, job.attempts, job.calls) == ("succeeded", 3, 5)
    assert bench.calls_by_clip(job_id) == {"0": 1, "1": 3, "2": 1}


def test_clips_answered_before_a_worker_leaves_are_not_paid_for_again(bench: Bench) -> None:
    (job_id,) = bench.submit([bench.recording(SECONDS)], "transcribe")
    bench.gemini.set_faults([{"match": {"label": {"clip": "2"}}, "fault": {"kind": "hang"}}])
    with bench.worker() as worker:
        bench.wait_for_calls_in_flight(1)
        # The answers of the others are stored while the third is awaited.
        bench.wait_for_progress(job_id, 2)
        assert worker.close(grace_seconds=0.1)
    assert (bench.job(job_id).state, bench.job(job_id).attempts) == ("queued", 0)
    bench.gemini.set_faults()
    with bench.worker():
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert (job.state, job.attempts) == ("succeeded", 1)
    assert {clip: count for clip, count in bench.calls_by_clip(job_id).items() if clip != "2"} == {"0": 1, "1": 1}


def test_a_recording_with_a_clip_that_is_refused_for_good_is_partial_and_a_retry_asks_for_that_clip_alone(
    bench: Bench,
) -> None:
    (job_id,) = bench.submit([bench.recording(SECONDS)], "transcribe")
    bench.gemini.set_faults([{"match": {"label": {"clip": "1"}}, "fault": {"kind": "finish", "reason": "SAFETY"}}])
    with bench.worker() as worker:
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
        assert (job.state, job.error_code, job.attempts) == ("partial", FailureCode.GEMINI_BLOCKED, 1)
        assert job.output is not None
        (missing,) = job.output["missing"]
        assert missing["code"] == "gemini_blocked"
        assert 0.0 < missing["start"] < missing["end"] < SECONDS
        assert job.output["segments"]
        bench.gemini.set_faults()
        assert admin.retry(bench.database, [job_id]) == [job_id]
        worker.housekeeper.wake()
        (whole,) = bench.wait_for([job_id], "succeeded", "failed")
    assert whole.output is not None
    assert (whole.state, whole.output["missing"], whole.error_code) == ("succeeded", [], None)
    assert bench.calls_by_clip(job_id) == {"0": 1, "1": 2, "2": 1}


def test_a_clip_that_stays_out_of_reach_leaves_the_rest_when_the_attempts_are_spent(bench: Bench) -> None:
    (job_id,) = bench.submit([bench.recording(SECONDS)], "transcribe")
    bench.gemini.set_faults([{"match": {"label": {"clip": "0"}}, "fault": {"kind": "500"}}])
    with bench.worker(max_attempts=4):
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert (job.state, job.attempts, job.error_code) == ("partial", 4, FailureCode.GEMINI_UNAVAILABLE)
    assert bench.calls_by_clip(job_id) == {"0": 4, "1": 1, "2": 1}
    outcomes = [attempt.outcome for attempt in reports.attempts_of(bench.database, job_id)]
    assert outcomes == ["wait", "wait", "wait", "succeed_partly"]


def test_a_forced_recording_does_not_pay_again_for_clips_of_its_own_earlier_attempt(bench: Bench) -> None:
    (job_id,) = bench.submit([bench.recording(SECONDS)], "transcribe", reuse=False)
    bench.gemini.set_faults([{"match": {"label": {"clip": "1"}}, "times": 1, "fault": {"kind": "503"}}])
    with bench.worker():
        bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert bench.calls_by_clip(job_id) == {"0": 1, "1": 2, "2": 1}


def test_a_recording_without_sound_makes_no_call(bench: Bench) -> None:
    (job_id,) = bench.submit([bench.recording(12.0, silent=True)], "transcribe")
    with bench.worker():
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert job.output is not None
    assert (job.state, job.calls, job.output["no_speech"], job.output["text"]) == ("succeeded", 0, True, "")
    assert not bench.calls_by_clip(job_id)


def test_a_worker_that_leaves_after_a_clip_was_cut_asks_only_for_the_part_that_is_missing(bench: Bench) -> None:
    speech = record_random(bench.folder / "talk.flac", 120.0)
    (job_id,) = bench.submit([speech.path], "transcribe")
    bench.gemini.set_faults(
        [
            {"match": {"label": {"clip": "0b"}}, "fault": {"kind": "hang"}},
            {"fault": {"kind": "truncate_over", "seconds": 95.0}},
        ]
    )
    with bench.worker(clip_seconds=600.0) as worker:
        bench.wait_for_progress(job_id, 1)
        assert worker.close(grace_seconds=0.1)
    bench.gemini.set_faults()
    with bench.worker(clip_seconds=600.0):
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert job.output is not None
    assert (job.state, job.output["text"].split()) == ("succeeded", speech.text)
    assert bench.calls_by_clip(job_id) == {"0": 1, "0a": 1, "0b": 2}


def test_an_answer_in_doubt_outlives_the_worker_that_paid_for_it(bench: Bench) -> None:
    """It is in another language than was said; what was to be better hangs, and then is refused for good."""
    speech = record_random(bench.folder / "talk.flac", 20.0)
    (job_id,) = bench.submit([speech.path], "transcribe", options={"language": "en"})
    french = {"match": {"nth": [1]}, "fault": {"kind": "wrong_language"}}
    bench.gemini.set_faults([french, {"fault": {"kind": "hang"}}])
    with bench.worker(clip_seconds=600.0) as worker:
        eventually(lambda: len(reports.calls_of(bench.database, job_id)) == 1, "the first answer")
        assert worker.close(grace_seconds=0.1)
    bench.gemini.set_faults([{"fault": {"kind": "finish", "reason": "SAFETY"}}])
    with bench.worker(clip_seconds=600.0):
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert job.output is not None
    assert (job.state, job.output["language"]) == ("succeeded", "fr")
