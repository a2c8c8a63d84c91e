"""From the answers of single clips to one transcript: pure functions of their arguments.

Our clock, not Gemini's, gives absolute time: a clip's bounds are known, so a stamp is believed only inside them. Where
two clips overlap, both heard the same words; they are written once. The longest row of words that both agree on tells
where to pass from one to the other; where they agree on nothing, the middle of the overlap does.

Words that are said again and again ("no, no, no") agree in many ways. Such words count for little and the clock
decides; words that are said once count in full, whatever the clock says. Scripts that put no blanks between words are
compared letter by letter.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

SLACK_SECONDS = 1.0
"""How far a stamp may lie beyond the end of its clip and still be believed (and be drawn in)."""

MOST_WORDS = 200
"""So many words on either side of a join are compared; an overlap of 8 seconds holds some 30."""

DOUBT_PER_SECOND = 0.5
"""What a second between two hearings takes from a row of common words, in words."""

CERTAIN_WORDS = 2.5
"""A common row worth more than so many words is believed whatever the clock says."""

Timing = Literal["gemini", "clip"]

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One line of a transcript, in seconds."""

    start: float
    end: float
    speaker: str | None
    text: str
    timing: Timing = "gemini"
    """`gemini` where Gemini's stamps are believed, `clip` where they are estimated from the clip's bounds."""

    def as_json(self) -> dict[str, Any]:
        """The shape of an output's segment."""
        return asdict(self) | {"start": round(self.start, 3), "end": round(self.end, 3)}


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipAnswer:
    """The answer of one clip, and where the clip lies in the recording."""

    index: int
    start: float
    end: float
    overlap: float
    """Seconds that the clip repeats of the one before it."""
    segments: tuple[Segment, ...]
    """In seconds from the start of the clip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Word:
    """A word of a transcript: where it stands (segment, first and last letter), and when about it was said."""

    segment: int
    first: int
    last: int
    plain: str
    moment: float


def believable(segments: Sequence[Segment], *, seconds: float) -> list[Segment]:
    """The segments of a clip of that length, with their times if these can be true, else with estimated ones.

    True times lie inside the clip, do not end before they start, and do not go backwards.
    """
    last = 0.0
    for segment in segments:
        if not (0.0 <= segment.start <= segment.end <= seconds + SLACK_SECONDS) or segment.start < last - SLACK_SECONDS:
            return _spread(segments, seconds)
        last = max(last, segment.start)
    return _in_order([_drawn_in(segment, seconds) for segment in segments])


def stitch(clips: Sequence[ClipAnswer], *, several: bool) -> list[Segment]:
    """One transcript on the recording's clock from the clips' answers; no word of an overlap twice.

    With `several` clips, speakers are named per clip (`2:Speaker 1`): each clip was heard alone, so equal names need
    not be the same person.
    """
    done: list[Segment] = []
    open_end: list[Segment] = []
    previous: ClipAnswer | None = None
    for clip in sorted(clips, key=lambda clip: clip.index):
        segments = [_placed(segment, clip, several=several) for segment in clip.segments]
        if clip.overlap > 0 and previous is not None and previous.index == clip.index - 1:
            open_end, segments = _without_doubles(open_end, segments, clip.start, clip.start + clip.overlap)
        done += open_end
        open_end, previous = segments, clip
    return _in_order(done + open_end)


def _placed(segment: Segment, clip: ClipAnswer, *, several: bool) -> Segment:
    """The segment on the recording's clock."""
    speaker = f"{clip.index + 1}:{segment.speaker}" if several and segment.speaker else segment.speaker
    start, end = (min(clip.start + moment, clip.end) for moment in (segment.start, segment.end))
    return replace(segment, start=start, end=end, speaker=speaker)


def _without_doubles(
    before: list[Segment], after: list[Segment], start: float, end: float
) -> tuple[list[Segment], list[Segment]]:
    """Both sides of a join, with what both heard between `start` and `end` left to one of them."""
    said, said_again = list(_words(before)), list(_words(after))
    left = [word for word in said[-MOST_WORDS:] if word.moment > start]
    right = [word for word in said_again[:MOST_WORDS] if word.moment < end]
    middle = (start + end) / 2
    pair = _crossing(left, right, middle, doubt=DOUBT_PER_SECOND, least=0.0) or _crossing(
        said[-MOST_WORDS:], said_again[:MOST_WORDS], middle, doubt=0.0, least=CERTAIN_WORDS
    )
    if pair is not None:
        return _until(before, pair[0]), _beyond(after, pair[1])
    if not left or not right:
        return before, after  # only one of them heard anything there
    kept = [word for word in said if word.moment < middle]
    dropped = [word for word in said_again if word.moment < middle]
    return _until(before, kept[-1] if kept else None), _beyond(after, dropped[-1] if dropped else None)


def _crossing(
    left: Sequence[_Word], right: Sequence[_Word], middle: float, *, doubt: float, least: float
) -> tuple[_Word, _Word] | None:
    """The word, as both heard it, with which to pass over: of the surest common row, the one nearest the middle.

    Rare words speak for a row (a word counts for one, divided by how often it is said there), and time between the
    two hearings speaks against it. None where no row is worth more than `least`.
    """
    often = Counter(word.plain for word in left) | Counter(word.plain for word in right)

    def worth(row: Sequence[tuple[_Word, _Word]]) -> float:
        apart = abs(sum(ours.moment - theirs.moment for ours, theirs in row)) / len(row)
        return sum(1 / often[word.plain] for word, _ in row) - doubt * apart

    best = max(_common_rows(left, right), key=worth, default=None)
    if best is None or worth(best) <= least:
        return None
    return min(best, key=lambda pair: abs(pair[0].moment + pair[1].moment - 2 * middle))


def _common_rows(left: Sequence[_Word], right: Sequence[_Word]) -> Iterator[list[tuple[_Word, _Word]]]:
    """Every longest row of words that stands in both."""
    for shift in range(-len(left) + 1, len(right)):
        row: list[tuple[_Word, _Word]] = []
        for i in range(max(0, -shift), min(len(left), len(right) - shift)):
            if left[i].plain == right[i + shift].plain:
                row.append((left[i], right[i + shift]))
            elif row:
                yield row
                row = []
        if row:
            yield row


def _words(segments: Sequence[Segment]) -> Iterator[_Word]:
    """The words in order; what has neither letter nor digit belongs to the word before it."""
    for number, segment in enumerate(segments):
        tokens = [(found.start(), found.end()) for found in _TOKEN.finditer(segment.text)]
        for first, last in _with_marks(segment.text, tokens):
            share = (first + last) / 2 / len(segment.text)
            moment = segment.start + (segment.end - segment.start) * share
            plain = _plain(segment.text[first:last])
            yield _Word(segment=number, first=first, last=last, plain=plain, moment=moment)


def _with_marks(text: str, tokens: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    words: list[tuple[int, int]] = []
    for first, last in tokens:
        if words and not any(letter.isalnum() for letter in text[first:last]):
            first = words.pop()[0]  # noqa: PLW2901 - the word before it grows
        words.append((first, last))
    return words


def _plain(word: str) -> str:
    """The word without what two hearings may write differently: case, accents' form, punctuation."""
    letters = unicodedata.normalize("NFKC", word).casefold()
    return "".join(letter for letter in letters if letter.isalnum()) or word


def _until(segments: list[Segment], word: _Word | None) -> list[Segment]:
    """The segments up to and with the word; none without a word."""
    if word is None:
        return []
    return [*segments[: word.segment], *_part(segments[word.segment], 0, word.last)]


def _beyond(segments: list[Segment], word: _Word | None) -> list[Segment]:
    """The segments after the word; all without a word."""
    if word is None:
        return segments
    rest = segments[word.segment]
    return [*_part(rest, word.last, len(rest.text)), *segments[word.segment + 1 :]]


def _part(segment: Segment, first: int, last: int) -> list[Segment]:
    """The segment from one letter to another, with the share of its time that they take; nothing for no text."""
    text = segment.text[first:last].strip()
    if not text or text == segment.text:
        return [segment] if text else []
    second = (segment.end - segment.start) / len(segment.text)
    return [replace(segment, text=text, start=segment.start + second * first, end=segment.start + second * last)]


def _spread(segments: Sequence[Segment], seconds: float) -> list[Segment]:
    """The segments spread over the clip in proportion to their text."""
    total = sum(len(segment.text) for segment in segments) or 1
    spread: list[Segment] = []
    said = 0
    for segment in segments:
        start, said = said, said + len(segment.text)
        spread.append(replace(segment, start=seconds * start / total, end=seconds * said / total, timing="clip"))
    return spread


def _drawn_in(segment: Segment, seconds: float) -> Segment:
    return replace(segment, start=min(segment.start, seconds), end=min(segment.end, seconds))


def _in_order(segments: list[Segment]) -> list[Segment]:
    """Starts never go backwards, ends never before starts."""
    ordered: list[Segment] = []
    last = 0.0
    for segment in segments:
        last = max(last, segment.start)
        ordered.append(replace(segment, start=last, end=max(last, segment.end)))
    return ordered
