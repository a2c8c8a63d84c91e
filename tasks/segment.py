"""One line of a transcript, its words, and which times of a line are to be believed.

General models make times up: beyond the end, backwards, all the same, or evenly spread over silence and speech alike.
A clip's own clock is known, and so is where in it there is sound. Times that cannot be true are replaced, for the whole
clip, by an estimate (the text spread over the sound) and marked so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from gemini.text import UNSPACED

SLACK_SECONDS = 1.0
"""How far a stamp may lie beyond the end of its clip, or before the stamp before it, and still be believed."""
LEAST_SHARE_ON_SOUND = 0.5
"""Lines of which less lies where there is sound were not timed by listening."""
MOST_CHARACTERS_PER_SECOND = 50.0
"""Three times as fast as people speak: what claims to be faster was not timed by listening."""

MOST_LINE_CHARACTERS = 300
"""A line that is longer is several sentences: some models give a whole clip as one."""

Timing = Literal["gemini", "clip"]
Stretches = Sequence[tuple[float, float]]
"""From and to, in seconds, in order."""

_SENTENCE_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]+[\"'\u201d\u2019\u00bb)]*\s+|[\u3002\uff01\uff1f]+[\u300d\u300f]?"
)
_TOKEN = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenWord:
    """One word and when it was said, in seconds."""

    word: str
    start: float
    end: float

    def later(self, seconds: float, *, most: float) -> "SpokenWord":
        """The same so much later, but no later than `most`."""
        return replace(self, start=min(self.start + seconds, most), end=min(self.end + seconds, most))


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One line of a transcript, in seconds."""

    start: float
    end: float
    speaker: str | None
    text: str
    timing: Timing = "gemini"
    """`gemini` where Gemini's stamps are believed, `clip` where they are estimated from the clip's bounds."""
    words: tuple[SpokenWord, ...] = ()
    """Its words with their times, where they were asked for."""

    def as_json(self) -> dict[str, Any]:
        """The shape of an output's segment; `words` only where there are any."""
        shape: dict[str, Any] = {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "speaker": self.speaker,
            "text": self.text,
            "timing": self.timing,
        }
        if self.words:
            shape["words"] = [
                {"start": round(word.start, 3), "end": round(word.end, 3), "word": word.word} for word in self.words
            ]
        return shape

    def later(self, seconds: float, *, most: float) -> "Segment":
        """The same so much later, but no later than `most`."""
        return replace(
            self,
            start=min(self.start + seconds, most),
            end=min(self.end + seconds, most),
            words=tuple(word.later(seconds, most=most) for word in self.words),
        )


def segment_of(shape: Mapping[str, Any]) -> Segment:
    """The segment that `as_json` wrote."""
    words = tuple(SpokenWord(**word) for word in shape.get("words", ()))
    return Segment(**{**shape, "words": words})


def tokens_of(text: str) -> list[tuple[int, int]]:
    """First and last letter of each word; what has neither letter nor digit belongs to the word before it."""
    words: list[tuple[int, int]] = []
    for found in _TOKEN.finditer(text):
        first, last = found.span()
        if words and not any(letter.isalnum() for letter in text[first:last]):
            first = words.pop()[0]
        words.append((first, last))
    return words


def part_of(segment: Segment, first: int, last: int) -> list[Segment]:
    """The segment from one letter to another, with the time that they take; nothing for no text."""
    text = segment.text[first:last].strip()
    if not text or text == segment.text:
        return [segment] if text else []
    second = (segment.end - segment.start) / len(segment.text)
    start, end = segment.start + second * first, segment.start + second * last
    words = _words_between(segment, first, last)
    if words:
        start, end = words[0].start, words[-1].end
    return [replace(segment, text=text, start=start, end=end, words=words)]


def in_sentences(segment: Segment) -> list[Segment]:
    """The segment as one line for each sentence, where it is too long to be one line."""
    if len(segment.text) <= MOST_LINE_CHARACTERS:
        return [segment]
    ends = [found.end() for found in _SENTENCE_END.finditer(segment.text)]
    sentences = pairwise([0, *ends, len(segment.text)])
    borders = [border for first, last in sentences for border in _borders(segment.text, first, last)]
    return [line for first, last in pairwise([*borders, len(segment.text)]) for line in part_of(segment, first, last)]


def _borders(text: str, first: int, last: int) -> Iterator[int]:
    """Where lines begin within a sentence: one, unless it has no end and goes on and on."""
    yield first
    while last - first > MOST_LINE_CHARACTERS:
        blank = text.rfind(" ", first, first + MOST_LINE_CHARACTERS)
        first = first + MOST_LINE_CHARACTERS if blank <= first else blank + 1
        yield first


def timed_tokens(segment: Segment) -> Iterator[tuple[int, int, float]]:
    """First letter, last letter and moment of each word: its own time where it has one, else its share of the line's."""
    tokens = tokens_of(segment.text)
    own = segment.words if len(segment.words) == len(tokens) else ()
    for number, (first, last) in enumerate(tokens):
        if own:
            moment = (own[number].start + own[number].end) / 2
        else:
            share = (first + last) / 2 / len(segment.text)
            moment = segment.start + (segment.end - segment.start) * share
        yield first, last, moment


def _words_between(segment: Segment, first: int, last: int) -> tuple[SpokenWord, ...]:
    tokens = tokens_of(segment.text)
    if len(tokens) == len(segment.words):
        inside = (first <= start and end <= last for start, end in tokens)
        return tuple(word for word, is_inside in zip(segment.words, inside, strict=True) if is_inside)
    second = (segment.end - segment.start) / len(segment.text)
    begin, close = segment.start + second * first, segment.start + second * last
    return tuple(word for word in segment.words if begin <= (word.start + word.end) / 2 < close)


def believable(segments: Sequence[Segment], *, seconds: float, sounds: Stretches = ()) -> list[Segment]:
    """The segments of a clip of that length, with their times if these can be true, else with estimated ones.

    `sounds` says where in the clip there is sound; nothing stands for everywhere.
    """
    if not segments:
        return []
    where = sounds or ((0.0, seconds),)
    drawn_in = [segment.later(0.0, most=seconds) for segment in segments]
    if _are_in_order(segments, seconds) and _could_be_heard(drawn_in, where):
        return in_order(drawn_in)
    return _spread(segments, where)


def in_order(segments: Sequence[Segment]) -> list[Segment]:
    """Starts never go backwards, ends never before starts."""
    ordered: list[Segment] = []
    last = 0.0
    for segment in segments:
        last = max(last, segment.start)
        ordered.append(replace(segment, start=last, end=max(last, segment.end)))
    return ordered


def _are_in_order(segments: Sequence[Segment], seconds: float) -> bool:
    """Inside the clip, not ending before they start, not going backwards."""
    last = 0.0
    for segment in segments:
        is_inside = 0.0 <= segment.start <= segment.end <= seconds + SLACK_SECONDS
        if not is_inside or segment.start < last - SLACK_SECONDS:
            return False
        last = max(last, segment.start)
    return True


def _could_be_heard(segments: Sequence[Segment], sounds: Stretches) -> bool:
    """Could anybody say so much in these times, and was there sound in them?"""
    spoken = sum(segment.end - segment.start for segment in segments)
    if sum(len(segment.text) for segment in segments) > MOST_CHARACTERS_PER_SECOND * (spoken + 1):
        return False
    return sum(_on_sound(segment, sounds) for segment in segments) >= LEAST_SHARE_ON_SOUND * spoken


def _on_sound(segment: Segment, sounds: Stretches) -> float:
    """How many of its seconds lie where there is sound."""
    return sum(max(0.0, min(segment.end, end) - max(segment.start, start)) for start, end in sounds)


def _spread(segments: Sequence[Segment], sounds: Stretches) -> list[Segment]:
    """The segments spread over the sound in proportion to their text."""
    total = sum(len(segment.text) for segment in segments) or 1
    heard = sum(end - start for start, end in sounds)
    spread: list[Segment] = []
    said = 0
    for segment in segments:
        start, said = said, said + len(segment.text)
        begin, close = _moment(heard * start / total, sounds, is_end=False), _moment(heard * said / total, sounds)
        spread.append(replace(segment, start=begin, end=max(begin, close), timing="clip", words=()))
    return spread


def _moment(heard: float, sounds: Stretches, *, is_end: bool = True) -> float:
    """The moment at which so many seconds of sound are past (or, of a beginning, are about to go on)."""
    for start, end in sounds:
        if heard < end - start or (is_end and heard <= end - start):
            return start + heard
        heard -= end - start
    return sounds[-1][1]
