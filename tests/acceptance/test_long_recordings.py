"""Long recordings from the command line: every word once, at its time, however the recording had to be cut.

The speech is tones that stand for words, so that the simulator truly hears what it is sent: through MP3 at 48 kbit/s,
decoded, cut, encoded, sent, answered and joined, the words must be those that were spoken.
"""

import array
from pathlib import Path

import pytest

from simulator.speech import Item, speak
from simulator.words import WORDS
from tests.acceptance.people import person, read_jsonl
from tests.services.simulator import simulator
from tests.services.speech import record, record_random, word_errors, worst_time_error
from tests.unit.media.sounds import interleaved, write_sound

MOST_SECONDS_OFF = 0.3
MINUTE = 60.0


@pytest.mark.parametrize(
    ("minutes", "pauses", "clip_seconds"),
    [
        (4, True, 60),
        pytest.param(4, False, 60, marks=pytest.mark.long),
        pytest.param(180, True, 600, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
        pytest.param(60, False, 600, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
    ids=["pauses", "none", "three hours", "an hour without any"],
)
def test_every_word_comes_back_once_and_at_its_time(
    tmp_path: Path,
    minutes: int,
    pauses: bool,  # noqa: FBT001
    clip_seconds: int,
) -> None:
    speech = record_random(
        tmp_path / "talk.mp3", minutes * MINUTE, pauses=pauses, codec="libmp3lame", rate=44_100, bit_rate=48_000
    )
    with simulator() as gemini:
        somebody = person(tmp_path, gemini, clip_seconds=str(clip_seconds))
        ran = somebody.runs("run", "talk.mp3", "--out", "out.jsonl", "--sidecars", seconds=minutes * 5.0 + 60)
        assert ran.returncode == 0, ran.stderr
        calls = gemini.summary()["calls"]
    (job,) = read_jsonl(tmp_path / "out.jsonl")
    output = job["output"]
    assert word_errors(speech.text, output["text"].split()) == 0
    assert worst_time_error(speech, output["segments"]) <= MOST_SECONDS_OFF
    assert calls >= minutes * MINUTE / clip_seconds
    assert (job["state"], output["missing"], output["degraded"]) == ("succeeded", [], False)
    assert job["progress"]["seconds_done"] == job["progress"]["seconds_total"] == output["duration"]
    cues = (tmp_path / "talk.mp3.srt").read_text()
    assert [word for line in cues.splitlines() for word in line.split() if word.isalpha()] == speech.text


@pytest.mark.long
def test_voices_are_known_again_from_clip_to_clip(tmp_path: Path) -> None:
    """Two people take turns; each clip counts its speakers anew, in the order in which they speak there."""
    script: list[Item] = []
    for turn in range(60):
        script += [*((turn % 2, word) for word in WORDS[turn * 6 : turn * 6 + 6]), 0.4]
    speech = record(tmp_path / "talk.flac", script)
    with simulator() as gemini:
        somebody = person(tmp_path, gemini, clip_seconds="40")
        ran = somebody.runs("run", "talk.flac", "--out", "out.jsonl", "--speakers")
        assert ran.returncode == 0, ran.stderr
    (job,) = read_jsonl(tmp_path / "out.jsonl")
    assert job["output"]["text"].split() == speech.text
    assert job["usage"]["calls"] >= 4
    at = 0
    voices: dict[str, set[int]] = {}
    for segment in job["output"]["segments"]:
        voices.setdefault(segment["speaker"], set()).add(speech.words[at].voice)
        at += len(segment["text"].split())
    assert voices == {"Speaker 1": {0}, "Speaker 2": {1}}


def test_the_time_of_every_word_comes_from_a_model_made_for_transcription(tmp_path: Path) -> None:
    speech = record_random(tmp_path / "talk.flac", 45.0)
    with simulator() as gemini:
        somebody = person(tmp_path, gemini, clip_seconds="20")
        ran = somebody.runs("run", "talk.flac", "--out", "out.jsonl", "--words", "--model", "gemini-3.5-transcribe")
        assert ran.returncode == 0, ran.stderr
        refused = somebody.runs("run", "talk.flac", "--words")
        assert refused.returncode == 2
        assert "gemini-3.5-transcribe" in refused.stderr
    (job,) = read_jsonl(tmp_path / "out.jsonl")
    words = [word for segment in job["output"]["segments"] for word in segment["words"]]
    assert [word["word"] for word in words] == speech.text
    assert all(
        abs(told["start"] - said.start) <= 0.05 and abs(told["end"] - said.end) <= 0.05
        for told, said in zip(words, speech.words, strict=True)
    )


def test_terms_are_spelt_as_they_are_given(tmp_path: Path) -> None:
    speech = record(tmp_path / "talk.flac", [(0, "river"), (0, "stone"), 0.5, (0, "cloud")])
    with simulator() as gemini:
        somebody = person(tmp_path, gemini)
        ran = somebody.runs(
            "run", "talk.flac", "--out", "out.jsonl", "--model", "gemini-3.5-transcribe", "--vocabulary", "RiVer",
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
    (job,) = read_jsonl(tmp_path / "out.jsonl")
    assert job["output"]["text"].split() == ["RiVer", *speech.text[1:]]


def test_a_voice_on_each_channel_is_a_transcript_of_two_on_one_clock(tmp_path: Path) -> None:
    left = array.array("h", b"".join(speak([(0, "river"), (0, "stone"), 2.0, (0, "cloud"), 1.0])))
    right = array.array("h", b"".join(speak([1.2, (1, "garden"), (1, "window"), 1.5, (1, "forest")])))
    right.extend([0] * len(left))
    write_sound(tmp_path / "call.wav", interleaved(left, right[: len(left)]), layout="stereo")
    with simulator() as gemini:
        ran = person(tmp_path, gemini).runs("run", "call.wav", "--out", "out.jsonl", "--channels", "separate")
        assert ran.returncode == 0, ran.stderr
    (job,) = read_jsonl(tmp_path / "out.jsonl")
    assert [(line["speaker"], line["text"]) for line in job["output"]["segments"]] == [
        ("Channel 1", "river stone"), ("Channel 2", "garden window"), ("Channel 1", "cloud"), ("Channel 2", "forest"),
    ]  # fmt: skip
    assert job["output"]["channels"] == 2
