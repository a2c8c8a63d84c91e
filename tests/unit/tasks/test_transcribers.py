"""Two sorts of transcribers behind one face: what each is asked, how each is read, and what each refuses."""

from typing import Any

import pytest

from gemini.question import Call, HeardPart, HeardWord, Transcription, Usage
from models.failures import Failure, FailureCode, FailureError
from tasks.base import Clip, read_options
from tasks.transcribe import TRANSCRIBE, ask, check, check_model

CLIP = Clip(index=0, mime_type="audio/flac", start_seconds=100.0, end_seconds=160.0, data=b"fLaC")
OPTIONS = read_options(TRANSCRIBE, {})
HEARD = Usage(input_tokens=2_000, input_by_modality={"AUDIO": 1_920, "TEXT": 80})
DEDICATED = "gemini-3.5-transcribe"


def refusal_of(given: dict[str, Any], model: str) -> str:
    """The option that is refused."""
    with pytest.raises(FailureError) as raised:
        check_model(read_options(TRANSCRIBE, given), model)
    assert raised.value.failure.code is FailureCode.INVALID_OPTIONS
    return str(raised.value.failure.detail["field"])


def test_a_dedicated_transcriber_is_given_settings_and_no_words() -> None:
    question = ask(CLIP, read_options(TRANSCRIBE, {"language": "de", "words": True}), DEDICATED)
    assert question.transcription == Transcription(language_codes=("de",), words=True)
    assert (question.prompt, question.system, question.answer_schema) == ("", "", {})


def test_a_dedicated_transcriber_is_asked_for_no_times_on_its_own_account_since_they_cost_accuracy() -> None:
    assert ask(CLIP, OPTIONS, DEDICATED).transcription == Transcription()
    speakers = read_options(TRANSCRIBE, {"speakers": True})
    assert ask(CLIP, speakers, DEDICATED).transcription == Transcription(speakers=True)


def test_a_transcriber_that_chats_is_not_believed() -> None:
    chat = check(CLIP, Call(model=DEDICATED, text="What a nice recording!", usage=HEARD), OPTIONS)
    assert isinstance(chat, Failure)
    assert chat.code is FailureCode.GEMINI_INVALID_OUTPUT


def test_a_line_of_which_only_the_words_have_times_has_theirs() -> None:
    words = (HeardWord(word="Good", start=1.0, end=1.4), HeardWord(word="morning.", start=1.5, end=2.0))
    call = Call(model=DEDICATED, heard=(HeardPart(text="Good morning.", words=words),), usage=HEARD)
    result = check(CLIP, call, read_options(TRANSCRIBE, {"words": True}))
    assert isinstance(result, dict)
    assert [(s["start"], s["end"], s["timing"]) for s in result["segments"]] == [(1.0, 2.0, "gemini")]


def test_what_a_dedicated_transcriber_heard_is_read_with_its_words_where_they_were_asked_for() -> None:
    words = (HeardWord(word="Good", start=1.0, end=1.4), HeardWord(word="morning.", start=1.5, end=2.0))
    part = HeardPart(text="Good morning.", language="en-GB", speaker="spk_1", start=1.0, end=2.0, words=words)
    call = Call(model=DEDICATED, heard=(part,), usage=HEARD)
    plain = {"start": 1.0, "end": 2.0, "speaker": "spk_1", "text": "Good morning.", "timing": "gemini"}
    assert check(CLIP, call, OPTIONS) == {"language": "en-GB", "no_speech": False, "segments": [plain]}
    with_words = check(CLIP, call, read_options(TRANSCRIBE, {"words": True}))
    assert isinstance(with_words, dict)
    assert with_words["segments"][0]["words"] == [
        {"start": 1.0, "end": 1.4, "word": "Good"}, {"start": 1.5, "end": 2.0, "word": "morning."},
    ]  # fmt: skip


def test_lines_for_which_a_transcriber_told_no_time_are_estimated() -> None:
    result = check(CLIP, Call(model=DEDICATED, heard=(HeardPart(text="Good morning."),), usage=HEARD), OPTIONS)
    assert isinstance(result, dict)
    assert [(s["start"], s["end"], s["timing"]) for s in result["segments"]] == [(0.0, 60.0, "clip")]


@pytest.mark.parametrize(
    ("given", "model", "field"),
    [
        ({"words": True}, "gemini-3.8-flash", "words"),
        ({"prompt": "Write nicely."}, DEDICATED, "prompt"),
        ({"translate_to": "en"}, DEDICATED, "translate_to"),
        ({"vocabulary": [f"term {n}" for n in range(1_001)]}, DEDICATED, "vocabulary"),
        ({"vocabulary": ["x"], "words": True}, DEDICATED, "vocabulary"),
        ({"vocabulary": ["x"], "speakers": True}, DEDICATED, "vocabulary"),
    ],
)
def test_an_option_that_the_model_cannot_follow_is_refused_and_named(
    given: dict[str, Any], model: str, field: str
) -> None:
    assert refusal_of(given, model) == field


def test_every_option_is_taken_by_one_of_the_two_sorts_of_models() -> None:
    check_model(
        read_options(TRANSCRIBE, {"prompt": "x", "translate_to": "en", "vocabulary": ["x"], "speakers": True}), "m"
    )
    check_model(read_options(TRANSCRIBE, {"words": True, "speakers": True}), DEDICATED)
    check_model(read_options(TRANSCRIBE, {"vocabulary": ["x"]}), DEDICATED)
