"""From the answers of single clips to one transcript: pure functions of their arguments.

Our clock, not Gemini's, gives absolute time: a clip's bounds are known. Where two clips overlap, both heard the same
words; they are written once. The longest row of words that both agree on tells where to pass from one to the other; where
they agree on nothing, the middle of the overlap does.

Words that are said again and again ("no, no, no") agree in many ways. Such words count for little and the clock
decides; words that are said once count in full, whatever the clock says. Scripts that put no blanks between words are
compared letter by letter.

The same row tells who is who: a voice that two clips heard say the same words is one voice (`tasks.voices`).
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.segment import Segment, in_order, part_of, timed_tokens
from tasks.voices import Voices

MOST_WORDS = 200
"""So many words on either side of a join are compared; an overlap of 8 seconds holds some 30."""

DOUBT_PER_SECOND = 0.5
"""What a second between two hearings takes from a row of common words, in words."""

CERTAIN_WORDS = 2.5
"""A common row worth more than so many words is believed whatever the clock says."""

MOST_PASSED_WORDS = 40
"""So many words at most may be said twice beside such a row: more do not fit into an overlap. A refrain that comes
before the overlap and again after it agrees with itself too, but a verse lies between."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipAnswer:
    """The answer of one clip, and where the clip lies in the recording."""

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
    speaker: str | None


_Row = list[tuple[_Word, _Word]]
"""Words that two clips heard alike, one after the other."""


def stitch(clips: Sequence[ClipAnswer]) -> list[Segment]:
    """One transcript on the recording's clock from the clips' answers; no word of an overlap twice.

    Speakers of several clips are told to be the same where clips overlap, and are named per clip (`2:Speaker 1`) where
    they are not: each clip was heard alone, so equal names need not be the same person.
    """
    voices = Voices()
    done: list[Segment] = []
    open_end: list[Segment] = []
    previous: ClipAnswer | None = None
    for number, clip in enumerate(sorted(clips, key=lambda clip: clip.start)):
        segments = [_placed(segment, clip) for segment in clip.segments]
        row: _Row = []
        if clip.overlap > 0 and previous is not None and previous.end > clip.start:
            open_end, segments, row = _joined(open_end, segments, clip.start, clip.start + clip.overlap)
        names = {segment.speaker for segment in clip.segments if segment.speaker}
        same = Counter((ours.speaker, theirs.speaker) for ours, theirs in row if ours.speaker and theirs.speaker)
        known = voices.enter(number, names, same)
        done += open_end
        open_end = [replace(segment, speaker=known.get(segment.speaker or "")) for segment in segments]
        previous = clip
    final = voices.final_names()
    named = [replace(segment, speaker=final.get(segment.speaker or "")) for segment in done + open_end]
    return in_order(named)


def _placed(segment: Segment, clip: ClipAnswer) -> Segment:
    """The segment on the recording's clock."""
    return segment.later(clip.start, most=clip.end)


def _joined(
    before: list[Segment], after: list[Segment], start: float, end: float
) -> tuple[list[Segment], list[Segment], _Row]:
    """Both sides of a join, with what both heard between `start` and `end` left to one of them; and what both heard alike."""
    said, said_again = list(_words(before)), list(_words(after))
    left = [word for word in said[-MOST_WORDS:] if word.moment > start]
    right = [word for word in said_again[:MOST_WORDS] if word.moment < end]
    row = _common_row(left, right, doubt=DOUBT_PER_SECOND, least=0.0) or _certain_row(said, said_again)
    middle = (start + end) / 2
    if row:
        ours, theirs = min(row, key=lambda pair: abs(pair[0].moment + pair[1].moment - 2 * middle))
        return _until(before, ours), _beyond(after, theirs), row
    if not left or not right:
        return before, after, []  # only one of them heard anything there
    kept = [word for word in said if word.moment < middle]
    dropped = [word for word in said_again if word.moment < middle]
    return _until(before, kept[-1] if kept else None), _beyond(after, dropped[-1] if dropped else None), []


def _certain_row(said: Sequence[_Word], said_again: Sequence[_Word]) -> _Row:
    """A row that the clock does not know of, for times may be wrong, between the end of one clip and the beginning of the other."""
    row = _common_row(said[-MOST_WORDS:], said_again[:MOST_WORDS], doubt=0.0, least=CERTAIN_WORDS)
    if not row:
        return []
    passed = len(said) - said.index(row[-1][0]) - 1 + said_again.index(row[0][1])
    return row if passed <= MOST_PASSED_WORDS else []


def _common_row(left: Sequence[_Word], right: Sequence[_Word], *, doubt: float, least: float) -> _Row:
    """The surest row of words that both heard; none where no row is worth more than `least`.

    Rare words speak for a row (a word counts for one, divided by how often it is said there), and time between the
    two hearings speaks against it.
    """
    often = Counter(word.plain for word in left) | Counter(word.plain for word in right)

    def worth(row: _Row) -> float:
        apart = abs(sum(ours.moment - theirs.moment for ours, theirs in row)) / len(row)
        return sum(1 / often[word.plain] for word, _ in row) - doubt * apart

    best = max(_common_rows(left, right), key=worth, default=None)
    return [] if best is None or worth(best) <= least else best


def _common_rows(left: Sequence[_Word], right: Sequence[_Word]) -> Iterator[_Row]:
    """Every longest row of words that stands in both."""
    for shift in range(-len(left) + 1, len(right)):
        row: _Row = []
        for i in range(max(0, -shift), min(len(left), len(right) - shift)):
            if left[i].plain == right[i + shift].plain:
                row.append((left[i], right[i + shift]))
            elif row:
                yield row
                row = []
        if row:
            yield row


def _words(segments: Sequence[Segment]) -> Iterator[_Word]:
    for number, segment in enumerate(segments):
        for first, last, moment in timed_tokens(segment):
            plain = _plain(segment.text[first:last])
            yield _Word(
                segment=number, first=first, last=last, plain=plain, moment=moment, speaker=segment.speaker
            )  # fmt: skip


def _plain(word: str) -> str:
    """The word without what two hearings may write differently: case, accents' form, punctuation."""
    letters = unicodedata.normalize("NFKC", word).casefold()
    return "".join(letter for letter in letters if letter.isalnum()) or word


def _until(segments: list[Segment], word: _Word | None) -> list[Segment]:
    """The segments up to and with the word; none without a word."""
    if word is None:
        return []
    return [*segments[: word.segment], *part_of(segments[word.segment], 0, word.last)]


def _beyond(segments: list[Segment], word: _Word | None) -> list[Segment]:
    """The segments after the word; all without a word."""
    if word is None:
        return segments
    rest = segments[word.segment]
    return [*part_of(rest, word.last, len(rest.text)), *segments[word.segment + 1 :]]
