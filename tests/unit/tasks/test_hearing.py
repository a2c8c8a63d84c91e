"""Detectors: each sort of answer that cannot be believed is known, and what people really say is not taken for one."""

import pytest

from gemini.question import Call, HeardPart, Usage
from models.failures import Failure, FailureCode, Nature
from tasks.base import Clip
from tasks.hearing import Heard, why_doubted, why_not_believed
from tasks.segment import Segment

SECONDS = 120.0
CLIP = Clip(index=0, mime_type="audio/flac", end_seconds=SECONDS, sounds=((5.0, 115.0),))


def why(*texts: str, clip: Clip = CLIP, audio_tokens: int = 3_840) -> Failure | None:
    """Why a transcript of these lines, ten seconds each, is not believed."""
    segments = tuple(
        Segment(start=number * 10.0, end=number * 10.0 + 10, speaker=None, text=text)
        for number, text in enumerate(texts)
    )
    usage = Usage(input_tokens=audio_tokens + 50, input_by_modality={"AUDIO": audio_tokens, "TEXT": 50})
    return why_not_believed(Heard(language="en", segments=segments), clip, Call(model="gemini-3.8-flash", usage=usage))


def doubt(*texts: str, heard: tuple[HeardPart, ...] | None = None) -> Failure | None:
    """Why a transcript of these lines is doubted."""
    segments = tuple(Segment(start=0.0, end=115.0, speaker=None, text=text) for text in texts)
    call = Call(model="gemini-3.8-flash", heard=heard)
    return why_doubted(Heard(language="en", segments=segments), segments, CLIP, call)


def code(reason: Failure | None) -> FailureCode | None:
    return None if reason is None else reason.code


def test_an_ordinary_transcript_is_believed() -> None:
    assert why("Good morning everybody, and welcome.", "Thank you for having me.") is None


def test_no_audio_or_too_little_of_it_was_heard() -> None:
    assert code(why("Invented.", audio_tokens=0)) is FailureCode.GEMINI_NOT_HEARD
    assert code(why("Half of it.", audio_tokens=1_920 // 2)) is FailureCode.GEMINI_NOT_HEARD
    assert why("All of it, at 25 tokens a second.", audio_tokens=3_000) is None


def test_a_loop_over_lines_is_one() -> None:
    assert code(why(*["Thank you."] * 400)) is FailureCode.GEMINI_DEGENERATE


@pytest.mark.parametrize(
    "line",
    ["Om Namah Shivaya", "One, two, three, four.", "U-S-A!", "Ha ha ha."],
)
def test_a_chant_that_may_have_been_said_is_doubted_and_not_refused(line: str) -> None:
    assert why(*[line] * 24) is None
    assert code(doubt(*[line] * 24)) is FailureCode.GEMINI_DEGENERATE


@pytest.mark.parametrize(
    "line",
    [
        "Sorry, I can't come to the phone right now, please leave a message.",
        "I'm unable to make it tonight.",
        "Lo siento, no puedo ir ma\u00f1ana.",
        "\u7533\u3057\u8a33\u3042\u308a\u307e\u305b\u3093\u3001\u5c11\u3057\u9045\u308c\u307e\u3059\u3002",
    ],
)
def test_somebody_who_leaves_word_that_they_cannot_is_doubted_at_most(line: str) -> None:
    assert why(line) is None
    assert code(doubt(line)) is FailureCode.GEMINI_BLOCKED


def test_a_model_made_for_transcription_declines_nothing() -> None:
    assert doubt("Sorry, I can't transcribe this audio.", heard=(HeardPart(text="x"),)) is None


@pytest.mark.parametrize("times", [2, 3, 6])
def test_what_people_say_again_and_again_is_none(times: int) -> None:
    lines = ["We were late.", *["No, no, no!"] * times, "But then the train came, and everything turned out well."]
    assert why(*lines) is None


def test_fluent_text_where_there_is_hardly_any_sound_is_made_up() -> None:
    nearly_silent = Clip(index=0, mime_type="audio/flac", end_seconds=SECONDS, sounds=((60.0, 60.5),))
    invented = "So I think that what we really have to look at is how the numbers came about last year."
    reason = why(invented, clip=nearly_silent)
    assert code(reason) is FailureCode.GEMINI_NOT_HEARD
    assert why("Yes, of course.", clip=nearly_silent) is None
    assert why(invented) is None


def test_a_refusal_instead_of_a_transcript_is_one_and_a_remedy_may_help() -> None:
    reason = why("I'm sorry, but I can't help with transcribing this audio.")
    assert code(reason) is FailureCode.GEMINI_BLOCKED
    assert reason is not None
    assert reason.nature is Nature.TRANSIENT


def test_somebody_who_refuses_within_a_conversation_is_written_down() -> None:
    assert why("Could you do it by Monday?", "I'm sorry, but I can't help with that.", "Oh well.") is None
