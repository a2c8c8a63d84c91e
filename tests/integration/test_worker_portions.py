"""A whole worker and recordings in portions: prepared while their clips are asked about, on little disk, as one transcript."""

import os

import pytest

from models.failures import FailureCode
from models.store import reports
from tests.services.embedded import Bench
from tests.services.speech import record_random

pytestmark = pytest.mark.parametrize("bench", ["sqlite"], indirect=True)
"""The store has no part in this; the contracts hold it over both databases."""


@pytest.mark.long
def test_words_that_a_cut_tears_apart_are_told_once_and_whole(bench: Bench) -> None:
    """Half a word at the edge of each clip, as models tell it: the other clip heard it whole."""
    speech = record_random(bench.folder / "talk.flac", 100.0, pauses=False)
    (job_id,) = bench.submit([speech.path], "transcribe")
    bench.gemini.set_faults([{"fault": {"kind": "fragments"}}])
    with bench.worker(clip_seconds=30.0):
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert job.calls >= 4
    assert job.output is not None
    assert job.output["text"].split() == speech.text


def test_a_recording_in_portions_is_the_same_transcript(bench: Bench) -> None:
    speech = record_random(bench.folder / "talk.flac", 60.0)
    (job_id,) = bench.submit([speech.path], "transcribe")
    with bench.worker(portion_bytes=1):
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert job.output is not None
    assert (job.output["text"].split(), job.calls >= 6) == (speech.text, True)
    assert job.progress_seconds_done == job.progress_seconds_total == job.output["duration"]


def test_a_recording_that_changes_between_two_portions_is_begun_anew(bench: Bench) -> None:
    speech = record_random(bench.folder / "talk.flac", 30.0)
    (job_id,) = bench.submit([speech.path], "transcribe")
    bench.gemini.set_faults([{"match": {"nth": [1]}, "fault": {"kind": "late", "seconds": 1.5}}])
    with bench.worker(portion_bytes=1):
        bench.wait_for_calls_in_flight(1)
        os.utime(speech.path, ns=(1, 1))
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert job.output is not None
    assert (job.state, job.attempts, job.output["text"].split()) == ("succeeded", 2, speech.text)
    assert set(bench.calls_by_clip(job_id).values()) == {1}
    assert reports.attempts_of(bench.database, job_id)[0].code == FailureCode.SOURCE_CHANGED


@pytest.mark.long
def test_what_of_a_recording_cannot_be_prepared_is_missing_from_the_end_of_the_last_clip_on(bench: Bench) -> None:
    """Only when it was decoded it shows that it is too long; by then the clips before were asked about."""
    speech = record_random(
        bench.folder / "talk.mp3", 100.0, codec="libmp3lame", bit_rate=48_000, options={"write_xing": "0"}
    )
    (job_id,) = bench.submit([speech.path], "transcribe")
    with bench.worker(portion_bytes=1, max_recording_seconds=70.0):
        (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    assert (job.state, job.error_code) == ("partial", FailureCode.MEDIA_TOO_LONG)
    assert job.output is not None
    (missing,) = job.output["missing"]
    words = job.output["text"].split()
    assert words == speech.text[: len(words)]
    assert missing["start"] <= 70.0
    last = job.output["segments"][-1]
    assert 0.0 <= missing["start"] - last["end"] < 2.0
    assert missing["end"] == pytest.approx(100.0, abs=1.5)


@pytest.mark.long
def test_many_short_recordings_are_asked_about_at_once_though_each_may_take_a_portion_of_the_disk(bench: Bench) -> None:
    paths = [record_random(bench.folder / f"{number}.flac", 2.0, seed=number).path for number in range(8)]
    ids = bench.submit(paths, "transcribe")
    bench.gemini.set_faults([{"fault": {"kind": "late", "seconds": 3.0}}])
    with bench.worker(scratch_bytes=200 * 2**20):
        bench.wait_for_calls_in_flight(8)
        bench.wait_for(ids, "succeeded")
