"""A whole worker and answers that cannot be believed: one bounded remedy each, and an honest end."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.failures import FailureCode
from models.store import lanes, reports
from models.store.queries import JobView
from tests.services.databases import migrated
from tests.services.embedded import Bench
from tests.services.simulator import Simulator
from tests.services.speech import Speech, record_random

MINUTES_2 = 120.0


@pytest.fixture(scope="module")
def shared_bench(tmp_path_factory: pytest.TempPathFactory, shared_gemini: Simulator) -> Iterator[Bench]:
    """A bench over SQLite (the store has no part in this), whose worker is at work for all tests of the module."""
    folder = tmp_path_factory.mktemp("bench")
    url = f"sqlite:///{folder}/jobs.db"
    database = migrated(url)
    settings = {"clip_seconds": 600.0}
    made = Bench(database=database, database_url=url, gemini=shared_gemini, folder=folder, settings=settings)
    with made.worker() as worker:
        yield replace(made, wake=worker.housekeeper.wake)
    database.close()


@pytest.fixture
def bench(shared_bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    """The same, with a folder of the test's own and without faults."""
    shared_bench.gemini.set_faults()
    yield replace(shared_bench, folder=tmp_path)
    shared_bench.gemini.set_faults()


def transcribed(bench: Bench, speech: Speech, *faults: dict[str, Any], **fields: Any) -> JobView:
    """The job in its final state."""
    bench.gemini.set_faults(list(faults))
    (job_id,) = bench.submit([speech.path], "transcribe", **{"reuse": False, **fields})
    bench.wake()
    (job,) = bench.wait_for([job_id], "succeeded", "failed", "partial")
    return job


def talk(bench: Bench, seconds: float = MINUTES_2, **how: Any) -> Speech:
    return record_random(bench.folder / "talk.flac", seconds, **how)


def text_of(job: JobView) -> list[str]:
    assert job.output is not None
    words: list[str] = job.output["text"].split()
    return words


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("truncate_over", FailureCode.GEMINI_TRUNCATED),
        ("loop_over", FailureCode.GEMINI_DEGENERATE),
        ("recitation_over", FailureCode.GEMINI_RECITATION),
    ],
)
def test_a_clip_that_is_too_much_for_gemini_is_cut_in_two_and_no_word_is_lost(
    bench: Bench, kind: str, code: FailureCode
) -> None:
    speech = talk(bench, pauses=kind != "loop_over")
    job = transcribed(bench, speech, {"fault": {"kind": kind, "seconds": 95.0}})
    assert (job.state, job.attempts, text_of(job)) == ("succeeded", 1, speech.text)
    asked_whole = 2 if kind == "recitation_over" else 1
    assert bench.calls_by_clip(job.id) == {"0": asked_whole, "0a": 1, "0b": 1}
    assert [call.code for call in reports.calls_of(bench.database, job.id)] == [*[code] * asked_whole, None, None]


def test_a_clip_that_stays_too_much_is_cut_no_further_than_twice_and_ends_as_a_failure_for_good(bench: Bench) -> None:
    speech = talk(bench, 260.0)
    job = transcribed(bench, speech, {"fault": {"kind": "truncate_over", "seconds": 10.0}})
    assert (job.state, job.error_code, job.error_retryable) == ("failed", FailureCode.GEMINI_TRUNCATED, False)
    assert job.calls <= 10
    assert job.attempts == 1


def test_half_of_a_clip_that_stays_bad_is_named_and_the_other_half_is_kept(bench: Bench) -> None:
    speech = talk(bench)
    refused_half = {"match": {"label": {"clip": "0b"}}, "fault": {"kind": "finish", "reason": "SAFETY"}}
    job = transcribed(bench, speech, refused_half, {"fault": {"kind": "truncate_over", "seconds": 95.0}})
    assert (job.state, job.error_code) == ("partial", FailureCode.GEMINI_BLOCKED)
    assert job.output is not None
    (missing,) = job.output["missing"]
    assert (missing["code"], missing["end"]) == ("gemini_blocked", pytest.approx(MINUTES_2, abs=1.5))
    words = text_of(job)
    assert words == speech.text[: len(words)]
    assert len(words) > len(speech.words) // 5


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("recitation_cold", FailureCode.GEMINI_RECITATION),
        ("empty_cold", FailureCode.GEMINI_EMPTY),
    ],
)
def test_where_a_hotter_question_helps_it_is_asked_once_more(bench: Bench, kind: str, code: FailureCode) -> None:
    speech = talk(bench, 30.0)
    job = transcribed(bench, speech, {"fault": {"kind": kind}})
    assert (job.state, job.calls, text_of(job)) == ("succeeded", 2, speech.text)
    assert reports.calls_of(bench.database, job.id)[0].code == code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("audio_not_heard", FailureCode.GEMINI_NOT_HEARD),
        ("half_tokens", FailureCode.GEMINI_NOT_HEARD),
        ("refusal", FailureCode.GEMINI_BLOCKED),
        ("refusal_json", FailureCode.GEMINI_BLOCKED),
        ("not_json", FailureCode.GEMINI_INVALID_OUTPUT),
        ("two_objects", FailureCode.GEMINI_INVALID_OUTPUT),
        ("clock_times", FailureCode.GEMINI_INVALID_OUTPUT),
        ("empty_stop", FailureCode.GEMINI_EMPTY),
        ("loop", FailureCode.GEMINI_DEGENERATE),
    ],
)
def test_each_answer_that_cannot_be_believed_is_asked_for_once_more_and_then_fails_under_its_own_name(
    bench: Bench, kind: str, code: FailureCode
) -> None:
    speech = talk(bench, 30.0)
    job = transcribed(bench, speech, {"fault": {"kind": kind}})
    assert (job.state, job.error_code, job.calls, job.output) == ("failed", code, 2, None)
    assert {call.code for call in reports.calls_of(bench.database, job.id)} == {code}
    again = transcribed(bench, speech, {"match": {"nth": [1]}, "fault": {"kind": kind}})
    assert (again.state, again.calls, text_of(again)) == ("succeeded", 2, speech.text)


def test_a_bad_answer_is_not_paid_for_again_and_again_where_quota_stops_its_remedy(bench: Bench) -> None:
    twice = replace(bench, settings={**bench.settings, "max_attempts": 2})
    full = {"match": {"every": 2}, "fault": {"kind": "429_minute", "retry_after_seconds": 0.05}}
    job = transcribed(twice, talk(bench, 30.0), full, {"fault": {"kind": "not_json"}})
    assert (job.state, job.attempts, job.error_code) == ("failed", 2, FailureCode.GEMINI_INVALID_OUTPUT)
    assert job.calls == 4


def test_text_where_there_is_hardly_any_sound_is_not_believed(bench: Bench) -> None:
    speech = record_random(bench.folder / "word.flac", 0.5)
    job = transcribed(bench, speech, {"fault": {"kind": "text_on_silence"}})
    assert (job.state, job.error_code) == ("failed", FailureCode.GEMINI_NOT_HEARD)


@pytest.mark.parametrize("kind", ["times_backward", "times_out_of_range", "bad_times"])
def test_times_that_cannot_be_are_replaced_by_the_clips_own_and_the_words_are_kept(bench: Bench, kind: str) -> None:
    speech = talk(bench, 60.0)
    job = transcribed(bench, speech, {"fault": {"kind": kind}})
    assert job.output is not None
    assert (job.state, job.calls) == ("succeeded", 1)
    assert {segment["timing"] for segment in job.output["segments"]} == {"clip"}
    assert all(0 <= segment["start"] <= segment["end"] <= 60.0 for segment in job.output["segments"])
    if kind != "bad_times":  # whose text is another
        assert text_of(job) == speech.text


def test_an_answer_in_doubt_stands_where_the_parts_of_the_clip_bring_less(bench: Bench) -> None:
    """Half of it was heard; cut in two, one part is refused for good: the half that was paid for is kept."""
    speech = talk(bench)
    job = transcribed(
        bench,
        speech,
        {"match": {"label": {"clip": "0a"}}, "fault": {"kind": "finish", "reason": "SAFETY"}},
        {"match": {"nth": [1]}, "fault": {"kind": "half_heard"}},
    )
    assert job.output is not None
    assert (job.state, job.output["missing"]) == ("succeeded", [])
    words = text_of(job)
    assert words == speech.text[: len(words)]
    assert len(words) > len(speech.words) // 3


def test_a_clip_that_is_cut_gives_back_as_many_places_as_it_took(bench: Bench) -> None:
    """Places among the calls in flight that are given back twice would let more calls begin than there may be."""
    speech = talk(bench)
    bench.gemini.set_faults([{"fault": {"kind": "truncate_over", "seconds": 95.0}}])
    database = migrated(f"sqlite:///{bench.folder}/alone.db")
    alone = replace(bench, database=database, database_url=f"sqlite:///{bench.folder}/alone.db")
    with alone.worker(concurrency=1) as worker:
        (job,) = alone.wait_for(alone.submit([speech.path], "transcribe"), "succeeded", "failed", "partial")
        assert (job.state, job.calls) == ("succeeded", 3)
        assert worker.runner.wait_until_idle(timeout_seconds=5.0)
        places = worker.runner._tools.calls_in_flight
        assert places._value == 1
        assert worker.runner._tools.shelf.used_bytes == 0
    database.close()


def test_a_transcript_that_stops_half_way_is_completed(bench: Bench) -> None:
    speech = talk(bench)
    job = transcribed(bench, speech, {"match": {"nth": [1]}, "fault": {"kind": "half_heard"}})
    assert (job.state, text_of(job)) == ("succeeded", speech.text)
    assert bench.calls_by_clip(job.id) == {"0": 1, "0a": 1, "0b": 1}


def test_a_transcript_in_another_language_than_was_said_is_asked_for_again_with_a_word_on_it(bench: Bench) -> None:
    speech = talk(bench, 20.0)
    job = transcribed(
        bench, speech, {"match": {"nth": [1]}, "fault": {"kind": "wrong_language"}}, options={"language": "en"}
    )
    assert (job.state, job.calls, text_of(job)) == ("succeeded", 2, speech.text)
    stubborn = transcribed(bench, speech, {"fault": {"kind": "wrong_language"}}, options={"language": "en-GB"})
    assert stubborn.output is not None
    assert (stubborn.state, stubborn.calls, stubborn.output["language"]) == ("succeeded", 2, "fr")


def test_quota_that_is_used_up_pauses_the_lane_though_the_clip_keeps_the_answer_that_it_had(bench: Bench) -> None:
    speech = talk(bench, 20.0)
    french = {"match": {"nth": [1]}, "fault": {"kind": "wrong_language"}}
    job = transcribed(bench, speech, french, {"fault": {"kind": "429_day"}}, options={"language": "en"})
    try:
        assert (job.state, job.calls) == ("succeeded", 2)
        assert [lane.name for lane in reports.paused_lanes(bench.database)] == ["gemini-3.8-flash"]
    finally:
        lanes.resume(bench.database, "gemini-3.8-flash")
