"""What a reply says was heard in a clip, whichever of the two transcribers answered, and whether that can be.

The general models answer in JSON of our shape and are known to make things up: text where there is silence, an answer
to sound that never arrived, half of a clip as if it were the whole, a refusal written as if it had been said. Each has a
detector here, a pure function of the reply and of what we know of the clip: its length and where in it there is sound.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from gemini.abilities import transcriber
from gemini.answers import read_answer, refusal, repetition
from gemini.failures import heard_share
from gemini.question import Call, HeardPart
from models.failures import Failure, FailureCode, Nature, failure
from tasks.base import Clip, clean_text
from tasks.languages import language_tag
from tasks.segment import MOST_CHARACTERS_PER_SECOND, Segment, SpokenWord

LEAST_HEARD_SHARE = 0.7
"""Of the tokens that so much sound comes to, at the least; fewer, and some of it never arrived."""
LEAST_JUDGED_CHARACTERS = 80
"""A shorter text may be said in no time at all."""
LEAST_LEFT_SECONDS = 45.0
"""So much sound after the last line makes one doubt that the answer is complete."""
LEAST_LEFT_SHARE = 0.15
MOST_SPOKEN_PER_SECOND = 25.0
"""Characters that a quick speaker says in a second."""
_OF_THE_TASK = re.compile(
    r"transcri|transkri|transcrip|audio|record|aufnahme|enregistrement|grabaci|request|language model|\bAI\b"
    r"|\u97f3\u58f0|\u6587\u5b57\u8d77\u3053\u3057|\u97f3\u9891|\u5f55\u97f3|\u8f6c\u5f55",
    re.IGNORECASE,
)
"""Words of somebody who was given a recording to transcribe, and hardly of somebody in one who cannot come."""
_NOT_SAID = re.compile(r"\s*(\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|♪[^♪]*♪?)[\s.]*")
"""A line that is nothing but a note on sounds: `[music]`, `(applause)`."""


class SegmentAnswer(BaseModel):
    """One line of a transcript as a general model gives it; seconds from the start of the clip."""

    start: float
    end: float
    speaker: str | None = None
    text: str


class TranscriptAnswer(BaseModel):
    """What a general model is asked to answer with."""

    language: str
    no_speech: bool
    segments: list[SegmentAnswer]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What was heard in a clip."""

    language: str
    segments: tuple[Segment, ...]


def heard_in(call: Call) -> Heard | Failure:
    """What the reply says was heard; times as they were given."""
    if call.heard is not None:
        return _of_transcriber(call.heard)
    if transcriber(call.model) is not None:
        words = f"{call.model} answered in words instead of with a transcript. It is asked again."
        return failure(FailureCode.GEMINI_INVALID_OUTPUT, words, answer=(call.text or "")[:200])
    answer = read_answer(call.text or "", TranscriptAnswer, may_repeat=True)
    if isinstance(answer, Failure):
        return answer
    lines = [
        Segment(start=line.start, end=line.end, speaker=clean_text(line.speaker or "") or None, text=text)
        for line in answer.segments
        if (text := clean_text(line.text)) and not _NOT_SAID.fullmatch(text)
    ]
    return Heard(language=clean_text(answer.language), segments=tuple(lines))


def _of_transcriber(parts: Sequence[HeardPart]) -> Heard:
    lines = [
        Segment(
            start=_first_known(part.start, *(word.start for word in words)),
            end=_first_known(part.end, *(word.end for word in reversed(words))),
            speaker=clean_text(part.speaker or "") or None,
            text=text,
            words=words,
        )
        for part in parts
        for words in [_words(part)]
        if (text := clean_text(part.text))
    ]
    languages = [part.language for part in parts if part.language]
    return Heard(language=max(languages, key=languages.count, default=""), segments=tuple(lines))


def _first_known(*moments: float | None) -> float:
    """The first time that is told; one that cannot be believed where none is."""
    return next((moment for moment in moments if moment is not None), -1.0)


def _words(part: HeardPart) -> tuple[SpokenWord, ...]:
    """The words, if each has its time; a part of them is of no use."""
    words = [
        SpokenWord(word=clean_text(word.word), start=word.start, end=max(word.start, word.end))
        for word in part.words
        if word.start is not None and word.end is not None and clean_text(word.word)
    ]
    return tuple(words) if len(words) == len(part.words) else ()


def why_not_believed(heard: Heard, clip: Clip, call: Call) -> Failure | None:
    """Why what was heard cannot be true; None if it can."""
    text = " ".join(segment.text for segment in heard.segments)
    loop, refused = _loop(text), _refused(heard, call)
    return (
        _not_heard(clip, call)
        or (loop if loop and not _fits(text, clip, MOST_SPOKEN_PER_SECOND) else None)
        or _too_much_text(text, clip)
        or (refused if refused and _OF_THE_TASK.search(text) else None)
    )


def why_doubted(heard: Heard, segments: Sequence[Segment], clip: Clip, call: Call) -> Failure | None:
    """Why what was heard, timed as in `segments`, need not be true; None where nothing speaks against it.

    Somebody may chant or count for minutes, or leave word that they cannot come.
    """
    text = " ".join(segment.text for segment in heard.segments)
    return _loop(text) or _refused(heard, call) or _left_out(segments, clip)


def _not_heard(clip: Clip, call: Call) -> Failure | None:
    share = heard_share(call.usage, seconds=clip.seconds, model=call.model)
    if share is None or share >= LEAST_HEARD_SHARE:
        return None
    words = (
        f"Gemini counted {share:.0%} of the audio that was sent, so its answer is not of all of it. It is asked again."
    )
    return failure(FailureCode.GEMINI_NOT_HEARD, words, heard_share=round(share, 3))


def _loop(text: str) -> Failure | None:
    loop = repetition(text)
    if loop is None:
        return None
    words = "Gemini fell into a loop and repeated the same words. It is asked again."
    return failure(FailureCode.GEMINI_DEGENERATE, words, repeated=loop[:100])


def _fits(text: str, clip: Clip, per_second: float) -> bool:
    """Can so much be said while there is sound?"""
    return len(text) <= per_second * _sound_seconds(clip)


def _sound_seconds(clip: Clip) -> float:
    return sum(end - start for start, end in clip.sounds) or clip.seconds


def _too_much_text(text: str, clip: Clip) -> Failure | None:
    """More than anybody could say while there is sound: it was made up."""
    if len(text) < LEAST_JUDGED_CHARACTERS or _fits(text, clip, MOST_CHARACTERS_PER_SECOND):
        return None
    seconds = _sound_seconds(clip)
    words = f"Gemini wrote {len(text)} characters for {seconds:.1f} s of sound, which holds no such text. It is asked again."
    return failure(FailureCode.GEMINI_NOT_HEARD, words, characters=len(text), sound_seconds=round(seconds, 3))


def _refused(heard: Heard, call: Call) -> Failure | None:
    """A single line that declines; a model made for transcription declines nothing."""
    phrase = refusal(heard.segments[0].text) if len(heard.segments) == 1 and call.heard is None else None
    if phrase is None:
        return None
    words = "Gemini answered with a refusal instead of a transcript. It is asked again."
    return failure(FailureCode.GEMINI_BLOCKED, words, nature=Nature.TRANSIENT, refusal=phrase[:100])


def _left_out(segments: Sequence[Segment], clip: Clip) -> Failure | None:
    """Why the answer may stop short of the clip's end: much sound comes after its last line; None if it need not be so.

    Music at the end looks the same, so this is a doubt and no proof. Only times that are believed tell anything.
    """
    if not segments or any(segment.timing == "clip" for segment in segments):
        return None
    last = max(segment.end for segment in segments)
    left = sum(max(0.0, end - max(start, last)) for start, end in clip.sounds)
    if left < LEAST_LEFT_SECONDS or left < LEAST_LEFT_SHARE * clip.seconds:
        return None
    words = f"The transcript stops at {last:.0f} s, and {left:.0f} s of sound come after that. It is asked again."
    return failure(
        FailureCode.GEMINI_TRUNCATED, words, last_line_seconds=round(last, 3), sound_left_seconds=round(left, 3)
    )


def other_language(language: str, *, spoken: str | None, translate_to: str | None) -> Failure | None:
    """Why the answer may be in another language than the one asked for; None where it is the same, or says none."""
    asked = translate_to or spoken
    answered, wanted = (language_tag(tag or "").partition("-")[0] for tag in (language, asked))
    if not asked or not answered or not wanted or answered == wanted:
        return None
    if translate_to:
        words = f"The transcript is in {language}, and a translation into {asked} was asked for. It is asked again."
        note = f"Write everything in {asked}, whatever language is spoken."
    else:
        words = f"The transcript is in {language}, and {asked} was said to be spoken. It is asked again."
        note = f"Write the words as they are spoken; do not translate. They are probably in {asked}."
    return failure(FailureCode.GEMINI_INVALID_OUTPUT, words, asked=asked, answered=language, note=note)
