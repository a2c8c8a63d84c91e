"""What a general model answers to stand-in speech: the words that were said, and faults of hearing them."""

import base64
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from simulator.speech import Item, Spoken, random_script
from tests.unit.simulator.recordings import encoded, said

Make = Callable[..., Any]

NUMBER, STRING = {"type": "number"}, {"type": "string"}
SEGMENT = {"type": "object", "properties": {"start": NUMBER, "end": NUMBER, "speaker": STRING, "text": STRING}}
TRANSCRIPT = {
    "type": "object",
    "properties": {
        "language": STRING,
        "no_speech": {"type": "boolean"},
        "segments": {"type": "array", "items": SEGMENT},
    },
}
TALK: list[Item] = [*random_script(12, 3, pauses=False, voices=(5,)), 0.4, *random_script(5, 4, voices=(6,))]


def ask(simulator: Any, script: Any, text: str = "Transcribe.", container: str = "flac", **config: Any) -> Any:
    pcm, _ = said(script)
    codec, mime_type = {"flac": ("flac", "audio/flac"), "mp3": ("libmp3lame", "audio/mp3")}[container]
    data = base64.b64encode(encoded(pcm, container, codec, bit_rate=48_000 if container == "mp3" else None)).decode()
    parts = [{"inlineData": {"mimeType": mime_type, "data": data}}, {"text": text}]
    config = {"responseMimeType": "application/json", "responseJsonSchema": TRANSCRIPT, **config}
    return simulator.ask({"contents": [{"parts": parts}], "generationConfig": config})


def transcript(simulator: Any, script: Any, text: str = "Transcribe.", **config: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(ask(simulator, script, text, **config).text)
    return answer


def words_of(answer: dict[str, Any]) -> list[str]:
    return [word for segment in answer["segments"] for word in segment["text"].split()]


def talk() -> tuple[list[Spoken], list[str]]:
    _, words = said(TALK)
    return words, [word.word or "" for word in words]


def test_the_transcript_is_the_words_and_nothing_else(simulator: Any) -> None:
    script = [0.5, (4, "river"), (4, "stone"), 0.3, (4, "cloud"), 0.2, (4, "house"), (2, "bread"), 0.5, (4, "tree")]
    assert transcript(simulator, script, container="mp3") == {
        "language": "en",
        "no_speech": False,
        "segments": [
            {"start": pytest.approx(0.5, abs=0.03), "end": pytest.approx(1.268, abs=0.03)}
            | {"speaker": "Speaker 1", "text": "river stone"},
            {"start": pytest.approx(1.568, abs=0.03), "end": pytest.approx(2.536, abs=0.03)}
            | {"speaker": "Speaker 1", "text": "cloud house"},
            {"start": pytest.approx(2.536, abs=0.03), "end": pytest.approx(2.92, abs=0.03)}
            | {"speaker": "Speaker 2", "text": "bread"},
            {"start": pytest.approx(3.42, abs=0.03), "end": pytest.approx(3.804, abs=0.03)}
            | {"speaker": "Speaker 1", "text": "tree"},
        ],
    }
    assert ask(simulator, script, responseMimeType="text/plain", responseJsonSchema=None).text == (
        "river stone cloud house bread tree"
    )


def test_the_reply_says_that_tone_words_are_simulated(simulator: Any, sound: Make, request_with: Make) -> None:
    assert "Simulated" in ask(simulator, TALK).json["modelStatus"]["message"]
    assert "modelStatus" not in simulator.ask(request_with(sound(1, (0, 1)), "audio/wav")).json


def test_a_long_sentence_is_told_in_segments_of_twelve_words(simulator: Any) -> None:
    words, spelt = talk()
    answer = transcript(simulator, TALK)
    assert words_of(answer) == spelt
    lengths = [len(segment["text"].split()) for segment in answer["segments"]]
    assert lengths[:3] == [12, 12, len([word for word in words if word.voice == 5]) - 24]


def test_a_translation_has_the_mark_of_its_language_before_each_word(simulator: Any) -> None:
    answer = transcript(simulator, [0.2, (0, "river"), 0.2], "Transcribe.\nTranslate what is said\ninto de.")
    assert (answer["language"], answer["segments"][0]["text"]) == ("de", "de-river")
    assert transcript(simulator, [(0, "river")], "Do not translate into de.")["language"] == "en"


@pytest.mark.parametrize(("kind", "expected"), [("fragments", "ver stone"), ("late", "stone")])
def test_a_word_that_the_edge_cuts_is_left_out_or_told_in_part(simulator: Any, kind: str, expected: str) -> None:
    simulator.script({"fault": {"kind": kind, "seconds": 0}})
    pcm, _ = said([(0, "river"), (0, "stone")])
    data = base64.b64encode(encoded(pcm[3200:], "flac", "flac")).decode()
    part = {"inlineData": {"mimeType": "audio/flac", "data": data}}
    assert simulator.ask({"contents": [{"parts": [part]}]}).text == expected


def spoilt(simulator: Any, kind: str, **config: Any) -> dict[str, Any]:
    simulator.script({"fault": {"kind": kind}})
    return transcript(simulator, TALK, **config)


def test_times_can_run_backward_with_the_right_words(simulator: Any) -> None:
    answer = spoilt(simulator, "times_backward")
    starts = [segment["start"] for segment in answer["segments"]]
    assert starts == sorted(starts, reverse=True)
    assert words_of(answer) == talk()[1]


def test_times_can_lie_beyond_the_end(simulator: Any) -> None:
    words, spelt = talk()
    answer = spoilt(simulator, "times_out_of_range")
    assert min(segment["start"] for segment in answer["segments"]) > words[-1].end + 1
    assert words_of(answer) == spelt


def test_times_can_be_invented_and_plausible(simulator: Any) -> None:
    answer = spoilt(simulator, "times_invented")
    lengths = [segment["end"] - segment["start"] for segment in answer["segments"]]
    assert max(lengths) - min(lengths) < 0.01
    assert answer["segments"][0]["start"] == 0
    for one, other in itertools.pairwise(answer["segments"]):
        assert one["end"] == other["start"]


def test_times_can_be_clock_times(simulator: Any) -> None:
    answer = spoilt(simulator, "clock_times")
    assert [segment["start"] for segment in answer["segments"]][:3] == ["00:00:00", "00:00:04", "00:00:09"]


def test_half_can_be_heard_at_the_full_price_or_at_half(simulator: Any) -> None:
    words, spelt = talk()
    middle = words[-1].end / 2
    for kind, share in (("half_heard", 1.0), ("half_tokens", 0.5)):
        simulator.script({"fault": {"kind": kind}})
        answer = ask(simulator, TALK)
        assert answer.json["candidates"][0]["finishReason"] == "STOP"
        heard = words_of(json.loads(answer.text))
        assert heard == spelt[: len(heard)]
        assert len(heard) == pytest.approx(sum(word.end <= middle for word in words), abs=1)
        details = answer.json["usageMetadata"]["promptTokensDetails"]
        counted = next(item["tokenCount"] for item in details if item["modality"] == "AUDIO")
        assert counted == pytest.approx(words[-1].end * 32 * share, abs=2)


def test_silence_can_be_given_a_fluent_text(simulator: Any) -> None:
    simulator.script({"fault": {"kind": "text_on_silence"}})
    answer = transcript(simulator, [5.0])
    assert answer["no_speech"] is False
    assert answer["segments"][0]["text"].startswith("Thank you for watching")


def test_another_language_can_be_answered(simulator: Any) -> None:
    answer = spoilt(simulator, "wrong_language")
    assert answer["language"] == "fr"
    assert words_of(answer) == [f"fr-{word}" for word in talk()[1]]
    simulator.script({"fault": {"kind": "wrong_language"}})
    assert transcript(simulator, TALK, "Translate into fr.")["language"] == "de"


def test_a_refusal_can_have_the_right_form(simulator: Any) -> None:
    (segment,) = spoilt(simulator, "refusal_json")["segments"]
    assert segment["text"].startswith("I'm sorry")


def test_two_objects_can_follow_one_another(simulator: Any) -> None:
    simulator.script({"fault": {"kind": "two_objects"}})
    text = ask(simulator, TALK).text
    first, end = json.JSONDecoder().raw_decode(text)
    assert first == json.loads(text[end:])


@pytest.mark.parametrize(
    ("kind", "finish", "is_cut"),
    [("truncate_over", "MAX_TOKENS", True), ("recitation_over", "RECITATION", False), ("loop_over", "STOP", False)],
)
def test_a_fault_can_befall_long_sounds_alone(simulator: Any, kind: str, finish: str, *, is_cut: bool) -> None:
    simulator.script({"fault": {"kind": kind, "seconds": 3}})
    short, long = [(0, "river")] * 7, [(0, "river")] * 8
    assert words_of(transcript(simulator, short)) == ["river"] * 7
    candidate = ask(simulator, long).json["candidates"][0]
    assert candidate["finishReason"] == finish
    assert ("parts" in candidate["content"]) == (kind != "recitation_over")
    if kind == "loop_over":
        assert candidate["content"]["parts"][0]["text"].count("Simulated loop") == 500
    if is_cut:
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            json.loads(candidate["content"]["parts"][0]["text"])


@pytest.mark.parametrize(("kind", "finish"), [("recitation_cold", "RECITATION"), ("empty_cold", "STOP")])
def test_a_fault_can_befall_cold_questions_alone(simulator: Any, kind: str, finish: str) -> None:
    simulator.script({"fault": {"kind": kind}})
    cold = ask(simulator, TALK, temperature=0.0).json["candidates"][0]
    assert (cold["finishReason"], cold["content"]) == (finish, {"role": "model"})
    assert words_of(transcript(simulator, TALK, temperature=0.5)) == talk()[1]
    assert words_of(transcript(simulator, TALK)) == talk()[1]


def test_the_ledger_sums_the_seconds_of_sound(simulator: Any) -> None:
    for _ in range(2):
        ask(simulator, [(0, "river"), 1.0])
    assert [call["audio_seconds"] for call in simulator.calls()] == [1.38, 1.38]
    assert simulator.summary()["audio_seconds"] == pytest.approx(2.76)
