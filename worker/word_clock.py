"""When each piece of a segment's text is said: by the times of its words where they can be true, else by its letters."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from worker.cue_lines import columns

Span = tuple[int, int]
"""From and to, milliseconds of the recording."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Word:
    start_ms: int
    end_ms: int
    letters: int


def milliseconds(seconds: float) -> int:
    """Seconds, rounded; nothing lies before the recording."""
    return max(0, round(seconds * 1_000))


def times_of(texts: Sequence[str], words: Iterable[Mapping[str, Any]], within: Span) -> list[Span]:
    """When each of these texts, which follow each other, is said; never before the one before it, never outside.

    `words` are `{"start", "end", "word"}` in seconds. They need not be spelt as the texts are: both are matched by how
    many letters have gone by. Words without letters, and times that run backwards, are as good as none.
    """
    weights = [_letters(text) for text in texts]
    if not sum(weights):
        weights = [columns(text) for text in texts]
    spoken = _believable(words, within) or [_Word(start_ms=within[0], end_ms=within[1], letters=sum(weights))]
    passed = list(accumulate(word.letters for word in spoken))
    scale = passed[-1], sum(weights)
    times: list[Span] = []
    before = 0
    for weight in weights:
        start, end = before * scale[0] / scale[1], (before + weight) * scale[0] / scale[1]
        first = min(bisect_right(passed, start), len(spoken) - 1)
        last = min(bisect_left(passed, end), len(spoken) - 1)
        times.append((_moment(spoken[first], passed[first] - start), _moment(spoken[last], passed[last] - end)))
        before += weight
    return [(start, max(start, end)) for start, end in times]


def _moment(word: _Word, letters_left: float) -> int:
    """The moment in the word at which so many of its letters are still to come."""
    share = min(1.0, max(0.0, letters_left / word.letters))
    return round(word.end_ms - share * (word.end_ms - word.start_ms))


def _believable(words: Iterable[Mapping[str, Any]], within: Span) -> list[_Word]:
    """The words that have letters, inside the segment; none where their times run backwards."""
    found: list[_Word] = []
    latest = 0
    for word in words:
        start, end = milliseconds(word["start"]), milliseconds(word["end"])
        if start > end or start < latest:
            return []
        latest = start
        if letters := _letters(word["word"]):
            first = min(max(start, within[0], found[-1].end_ms if found else 0), within[1])
            found.append(_Word(start_ms=first, end_ms=min(max(end, first), within[1]), letters=letters))
    return found


def _letters(text: str) -> int:
    """How much there is to say: letters and digits, wide ones twice."""
    return columns("".join(char for char in text if char.isalnum()))
