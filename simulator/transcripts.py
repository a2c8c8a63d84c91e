"""What was said, and the two forms in which models say so: JSON of their own making, and transcription parts.

Where a sound has tone words, they are its transcript, word for word and nothing else. Where it has none, each stretch
with sound in it is one segment that says that it is simulated.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.hearing import Heard
from simulator.sounds import Sound
from simulator.transcriber import MAX_SPEAKERS, Transcription

LANGUAGE = "en"
PAUSE_SECONDS = 0.25
"""So long a pause ends a segment; so do another voice, and MAX_WORDS words."""
MAX_WORDS = 12
MOST_CHARACTERS_PER_SECOND = 40
"""Nobody speaks faster."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A piece of a transcript. Times are in seconds from the start of its sound."""

    start: float
    end: float
    text: str
    speaker: int = 1
    """From 1, in the order in which they appear in the request."""
    words: tuple[Heard, ...] = ()
    """The words of the text, where they are tone words."""


def transcribe(sounds: Iterable[Sound], *, fragments: bool = False) -> list[Segment]:
    """The segments of these sounds. Words that an edge cuts are left out, or with `fragments` told as they were heard."""
    voices: dict[int, int] = {}
    segments: list[Segment] = []
    for sound in sounds:
        heard = [word for word in sound.words if fragments or not word.cut]
        if not sound.words:
            segments += _stretches(sound)
        for words in _sentences(heard):
            speaker = voices.setdefault(words[0].voice, len(voices) + 1)
            segments.append(_said(words, speaker))
    return segments


def respelt(segments: Iterable[Segment], spell: Callable[[str], str]) -> list[Segment]:
    """The segments with every word of theirs spelt anew."""
    return [
        replace(
            segment,
            text=" ".join(map(spell, segment.text.split())),
            words=tuple(replace(word, word=spell(word.word)) for word in segment.words),
        )
        for segment in segments
    ]


def as_facts(segments: Sequence[Segment], language: str) -> dict[str, Any]:
    """The transcript by the property names that a prompt's schema has."""
    return {
        "language": language if segments else "und",
        "no_speech": not segments,
        "segments": [
            {
                "start": round(segment.start, 3),
                "end": round(segment.end, 3),
                "speaker": f"Speaker {segment.speaker}",
                "text": segment.text,
            }
            for segment in segments
        ],
        "text": " ".join(segment.text for segment in segments),
    }


def as_parts(
    segments: Sequence[Segment], language: str, asked: Transcription, offset: Callable[[float], str]
) -> list[dict[str, Any]]:
    """The transcript as content parts of the transcription model; one part without text where nothing was said.

    Without speakers and word times it is a single part; with either, a part for each segment. Times come with words
    alone: in answers about a whole file, utterances have none of their own.
    """
    if not segments:
        return [{"audioTranscription": {}}]
    if not asked.has_times:
        text = " ".join(segment.text for segment in segments)
        return [{"audioTranscription": {"text": text, "languageCode": language}}]
    return [{"audioTranscription": dict(_fields(segment, language, asked, offset))} for segment in segments]


def _fields(
    segment: Segment, language: str, asked: Transcription, offset: Callable[[float], str]
) -> Iterator[tuple[str, Any]]:
    yield "text", segment.text
    yield "languageCode", language
    if asked.diarization:
        yield "speakerLabel", f"spk_{min(segment.speaker, MAX_SPEAKERS)}"
    if asked.word_timestamp:
        yield "startOffset", offset(segment.start)
        yield "endOffset", offset(segment.end)
    if asked.word_timestamp and segment.words:
        yield (
            "words",
            [
                {"word": word.word, "startOffset": offset(word.start), "endOffset": offset(word.end)}
                for word in segment.words
            ],
        )


def duration_text(seconds: float) -> str:
    """Seconds as a protobuf Duration in JSON: `1.250s`, `4s`."""
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds / 1000:.3f}s"


def clock_text(seconds: float) -> str:
    """Seconds as the time of day that models fall into: `00:01:02`."""
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def _stretches(sound: Sound) -> list[Segment]:
    """A segment for each stretch with sound in it; one for all of them where they are too short to have said so much."""
    told = [_stretch(start, end) for start, end in sound.voiced]
    spoken = sum(end - start for start, end in sound.voiced)
    if sum(len(segment.text) for segment in told) <= MOST_CHARACTERS_PER_SECOND * spoken:
        return told
    return [_stretch(sound.voiced[0][0], sound.voiced[-1][1])]


def _stretch(start: float, end: float) -> Segment:
    return Segment(
        start=start, end=end, text=f"Simulated transcript, not Gemini: sound from {start:.1f} to {end:.1f} s."
    )


def _said(words: Sequence[Heard], speaker: int) -> Segment:
    text = " ".join(word.word for word in words)
    return Segment(start=words[0].start, end=words[-1].end, text=text, speaker=speaker, words=tuple(words))


def _sentences(words: Sequence[Heard]) -> Iterator[list[Heard]]:
    sentence: list[Heard] = []
    for word, after in itertools.zip_longest(words, words[1:]):
        sentence.append(word)
        is_last = after is None or after.voice != word.voice or after.start - word.end >= PAUSE_SECONDS
        if is_last or len(sentence) >= MAX_WORDS:
            yield sentence
            sentence = []
