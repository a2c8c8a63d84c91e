"""The model made for transcription: what it takes, what it refuses, and the parts that it answers with."""

import base64
import io
import wave
from collections.abc import Callable
from typing import Any

import pytest

from simulator.errors import RefusedError
from simulator.sounds import Sound
from simulator.speech import VOICES, Item, random_script
from simulator.transcriber import Transcription, check_length
from tests.unit.simulator.recordings import encoded, said

Make = Callable[..., Any]

MODEL = "gemini-3.5-transcribe"
SCRIPT: list[Item] = [0.5, (4, "river"), (4, "stone"), 0.75, (2, "cloud"), 0.5]


def recording(script: Any = SCRIPT) -> str:
    pcm, _ = said(script)
    return base64.b64encode(encoded(pcm, "flac", "flac")).decode()


def silent_wav(seconds: float) -> str:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 1, 1_000, 0, "NONE", ""))
        file.writeframes(b"\x80" * round(seconds * 1_000))
    return base64.b64encode(stream.getvalue()).decode()


def asking(data: str, mime_type: str = "audio/flac", /, **config: Any) -> dict[str, Any]:
    part = {"inlineData": {"mimeType": mime_type, "data": data}}
    return {"contents": [{"parts": [part]}], "generationConfig": {"audioTranscriptionConfig": config}}


def heard(simulator: Any, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = simulator.ask(body, model=MODEL)
    assert answer.status == 200, answer.body
    parts: list[dict[str, Any]] = answer.json["candidates"][0]["content"]["parts"]
    assert all(list(part) == ["audioTranscription"] for part in parts)
    return [part["audioTranscription"] for part in parts]


def test_without_more_asked_one_part_has_the_whole_text(simulator: Any) -> None:
    assert heard(simulator, asking(recording())) == [{"text": "river stone cloud", "languageCode": "en"}]


def test_speakers_come_where_they_are_asked_for_and_bring_no_times(simulator: Any) -> None:
    first, second = heard(simulator, asking(recording(), diarization=True, language_codes=["en-GB"]))
    assert first == {"text": "river stone", "languageCode": "en-GB", "speakerLabel": "spk_1"}
    assert (second["text"], second["speakerLabel"]) == ("cloud", "spk_2")


def test_word_times_come_where_they_are_asked_for(simulator: Any) -> None:
    first, _ = heard(simulator, asking(recording(), word_timestamp=True))
    assert first["words"] == [
        {"word": "river", "startOffset": "0.500s", "endOffset": "0.884s"},
        {"word": "stone", "startOffset": "0.884s", "endOffset": "1.268s"},
    ]
    assert (first["startOffset"], first["endOffset"]) == ("0.500s", "1.268s")
    assert "speakerLabel" not in first


def test_a_term_of_the_vocabulary_is_spelt_as_it_is_there(simulator: Any) -> None:
    (part,) = heard(simulator, asking(recording(), custom_vocabulary=["RiVer", "Mississippi"]))
    assert part["text"] == "RiVer stone cloud"


def test_the_ninth_speaker_is_taken_for_the_eighth(simulator: Any) -> None:
    script = [item for voice in range(VOICES) for item in ((voice, "river"), 0.4)]
    labels = [part["speakerLabel"] for part in heard(simulator, asking(recording(script), diarization=True))]
    assert labels == [*(f"spk_{number}" for number in range(1, 9)), "spk_8", "spk_8"]


def test_silence_is_a_part_without_text(simulator: Any) -> None:
    assert heard(simulator, asking(silent_wav(3), "audio/wav")) == [{}]


def test_text_parts_are_ignored_and_sound_costs_25_tokens_a_second(simulator: Any) -> None:
    body = asking(recording(), language_codes=["en", "de"])
    body["contents"][0]["parts"].append({"text": "Translate this into de."})
    answer = simulator.ask(body, model=MODEL).json
    counted = {item["modality"]: item["tokenCount"] for item in answer["usageMetadata"]["promptTokensDetails"]}
    assert counted["AUDIO"] == 73  # of 2.9 s
    assert "tone words" in answer["modelStatus"]["message"]
    (call,) = simulator.calls()
    assert (call["audio_seconds"], call["language_codes"]) == (2.9, ["en", "de"])
    assert answer["candidates"][0]["content"]["parts"][0]["audioTranscription"]["text"] == "river stone cloud"


SYSTEM = {"systemInstruction": {"parts": [{"text": "Be brief."}]}}


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (SYSTEM, "system_instruction"),
        ({"serviceTier": "flex"}, "Service tier flex"),
        ({"generationConfig": {"temperature": 0}}, "temperature"),
        ({"generationConfig": {"responseMimeType": "application/json"}}, "response_mime_type"),
        (
            {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": {}}},
            "response_json_schema",
        ),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}, "thinking_config"),
        ({"generationConfig": {"audioTranscriptionConfig": {"custom_vocabulary": ["a"] * 1001}}}, "at most 1000"),
        (
            {"generationConfig": {"audioTranscriptionConfig": {"custom_vocabulary": ["a"], "wordTimestamp": True}}},
            "incompatible with timestamps",
        ),
        (
            {"generationConfig": {"audioTranscriptionConfig": {"custom_vocabulary": ["a"], "diarization": True}}},
            "incompatible with diarization",
        ),
        ({"generationConfig": {"audioTranscriptionConfig": {"languageCodes": ["English!"]}}}, "language code"),
        ({"generationConfig": {"audioTranscriptionConfig": {"mode": "SMART", "diarization": True}}}, "SMART"),
        ({"generationConfig": {"audioTranscriptionConfig": {"mode": "SMART", "wordTimestamp": True}}}, "SMART"),
    ],
)
def test_what_the_model_cannot_use_is_refused(simulator: Any, extra: dict[str, Any], named: str) -> None:
    body = asking(recording()) | extra
    answer = simulator.ask(body, model=MODEL)
    assert (answer.status, answer.error["status"]) == (400, "INVALID_ARGUMENT")
    assert named in answer.error["message"]
    assert simulator.ask(body).status == 200


def test_one_recording_is_taken_and_no_picture(simulator: Any, picture: Make) -> None:
    body = asking(recording())
    sound = body["contents"][0]["parts"][0]
    seen = {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(picture()).decode()}}
    for parts in ([sound, sound], [sound, seen], [seen], [{"text": "hello"}]):
        answer = simulator.ask(body | {"contents": [{"parts": parts}]}, model=MODEL)
        assert answer.status == 400
        assert "exactly one audio part" in answer.error["message"]


@pytest.mark.parametrize(
    ("asked", "longest"),
    [
        (Transcription(), 3600),
        (Transcription(vocabulary=("river",)), 3600),
        (Transcription(diarization=True), 1800),
        (Transcription(word_timestamp=True), 1800),
    ],
)
def test_a_recording_that_is_too_long_for_what_is_asked_is_refused(asked: Transcription, longest: int) -> None:
    check_length(asked, Sound(duration=longest, voiced=()))
    with pytest.raises(RefusedError):
        check_length(asked, Sound(duration=longest + 0.1, voiced=()))


def test_the_length_is_that_of_the_sound_itself(simulator: Any) -> None:
    body = asking(silent_wav(1801), "audio/wav", wordTimestamp=True)
    answer = simulator.ask(body, model=MODEL)
    assert (answer.status, answer.error["status"]) == (400, "INVALID_ARGUMENT")
    assert "1801 s; the maximum with diarization or word timestamps is 1800 s" in answer.error["message"]


def test_other_models_make_no_use_of_the_config(simulator: Any) -> None:
    body = asking(recording(), custom_vocabulary=["RIVER"])
    body["contents"][0]["parts"].append({"text": "Transcribe."})
    assert simulator.ask(body).text == "river stone cloud"


def test_faults_reach_its_parts(simulator: Any) -> None:
    script = list(random_script(12, 3, pauses=False))
    kinds = ("clock_times", "times_backward", "refusal")
    simulator.script(
        *({"times": 1, "fault": {"kind": kind}} for kind in kinds),
        {"fault": {"kind": "truncate_over", "seconds": 5}},
    )
    body = asking(recording(script), word_timestamp=True)
    clocks, backward = heard(simulator, body), heard(simulator, body)
    assert clocks[1]["startOffset"] == "00:00:04"
    assert float(backward[0]["startOffset"][:-1]) > float(backward[1]["startOffset"][:-1])
    assert simulator.ask(body, model=MODEL).text.startswith("I'm sorry")
    cut = simulator.ask(body, model=MODEL).json["candidates"][0]
    said_words = [word for item in script if isinstance(item, tuple) for word in [item[1]]]
    text = " ".join(part["audioTranscription"]["text"] for part in cut["content"]["parts"])
    assert cut["finishReason"] == "MAX_TOKENS"
    assert " ".join(said_words).startswith(text)
    assert len(text) < 0.6 * len(" ".join(said_words))
