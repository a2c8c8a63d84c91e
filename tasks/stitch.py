"""From the answers of single clips to one transcript: pure functions of their arguments.

Our clock, not Gemini's, gives absolute time: a clip's bounds are known, so a stamp is believed only inside them. Where
two clips overlap, both heard the same words; they are written once. The words that both agree on tell where to pass
from one to the other; where they agree on nothing, the middle of the overlap does.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Literal

SLACK_SECONDS = 1.0
"""How far a stamp may lie beyond the end of its clip and still be believed (and be drawn in)."""

Timing = Literal["gemini", "clip"]


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
    """One transcript on the recording's clock from the clips' answers, in order; no word of an overlap twice.

    With `several` clips, speakers are named per clip (`2:Speaker 1`): each clip was heard alone, so equal names need
    not be the same person.
    """
    joined: list[Segment] = []
    previous: ClipAnswer | None = None
    for clip in sorted(clips, key=lambda clip: clip.index):
        segments = [_placed(segment, clip, several=several) for segment in clip.segments]
        if clip.overlap > 0 and previous is not None and previous.index == clip.index - 1:
            joined, segments = _without_doubles(joined, segments, clip.start, clip.start + clip.overlap)
        joined += segments
        previous = clip
    return _in_order(joined)


def _placed(segment: Segment, clip: ClipAnswer, *, several: bool) -> Segment:
    """The segment on the recording's clock."""
    speaker = f"{clip.index + 1}:{segment.speaker}" if several and segment.speaker else segment.speaker
    start, end = (min(clip.start + moment, clip.end) for moment in (segment.start, segment.end))
    return replace(segment, start=start, end=end, speaker=speaker)


def _without_doubles(
    before: list[Segment], after: list[Segment], start: float, end: float
) -> tuple[list[Segment], list[Segment]]:
    """Both sides of a join, with what both heard between `start` and `end` left to one of them."""
    tail = [i for i, segment in enumerate(before) if segment.end > start]
    head = [i for i, segment in enumerate(after) if segment.start < end]
    left = [(i, word) for i in tail for word in before[i].text.split()]
    right = [(i, word) for i in head for word in after[i].text.split()]
    match = SequenceMatcher(
        None, [_plain(word) for _, word in left], [_plain(word) for _, word in right], autojunk=False
    ).find_longest_match()
    if match.size == 0:
        middle = (start + end) / 2
        kept = [s for s in before if s.start < middle]
        return kept, [s for s in after if s.end >= middle or s.start >= middle]
    return (
        _cut_after(before, tail, match.a + match.size),
        _cut_before(after, head, match.b + match.size),
    )


def _cut_after(segments: list[Segment], where: list[int], words: int) -> list[Segment]:
    """The segments up to the first `words` words of those at `where`."""
    kept = [segment for i, segment in enumerate(segments) if i not in where]
    for i in where:
        own = segments[i].text.split()
        if words <= 0:
            break
        kept.append(_part(segments[i], 0, min(words, len(own)), len(own)))
        words -= len(own)
    return kept


def _cut_before(segments: list[Segment], where: list[int], words: int) -> list[Segment]:
    """The segments without the first `words` words of those at `where`."""
    kept: list[Segment] = []
    for i, segment in enumerate(segments):
        own = segment.text.split()
        drop = min(words, len(own)) if i in where else 0
        words -= drop
        if drop < len(own):
            kept.append(_part(segment, drop, len(own), len(own)))
    return kept


def _part(segment: Segment, first: int, last: int, total: int) -> Segment:
    """Words `first` to `last` of a segment, with the share of its time that they take."""
    if (first, last) == (0, total):
        return segment
    length = segment.end - segment.start
    return replace(
        segment,
        text=" ".join(segment.text.split()[first:last]),
        start=segment.start + length * first / total,
        end=segment.start + length * last / total,
    )


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum()) or word


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
