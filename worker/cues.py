"""Segments of a transcript -> cues: what stands on the screen together, from when to when.

Every word of every segment is in a cue, in order; cues never overlap. A cue lasts 7 seconds at most, and 5/6 of a second
at least where there is room; two frames part it from the next. Where there is room it stays until it can be read at 17
columns a second, but no longer than 1.5 seconds behind what is said. A segment that is too long or too wide for one cue
is cut into several, where it costs least: at the end of a sentence, at a comma, in a pause.

Where two speak at once, the cues of both follow each other by their beginnings. A cue with no room at all (segments that
begin at the same moment) is moved back by as little as can be seen.

Limits: Netflix, Timed Text Style Guide, General Requirements ("Duration"), the timing guidelines ("Frame Gap", two frames
here of a film's 24) and the English guide ("Reading Speed"; 17 is the older, slower of its two); BBC, Subtitle Guidelines,
"Match subtitle to pace of speaking", for the 1.5 seconds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf
from typing import Any

from worker.cue_lines import (
    MAX_LINES,
    Atom,
    atoms_of,
    break_cost,
    columns,
    ends_of_cues,
    line_room,
    lines_of,
    shortened,
)
from worker.plain_text import on_one_line
from worker.word_clock import Span, milliseconds, times_of

MAX_MS = 7_000
MIN_MS = 833
GAP_MS = 84
LEAST_MS = 42
"""One frame: what a cue gets that has no room."""
LINGER_MS = 1_500
COLUMNS_PER_SECOND = 17
SLOWEST_COLUMNS_PER_SECOND = 4
FASTEST_COLUMNS_PER_SECOND = 25
"""Nobody is taken to speak more slowly than that (the rest of such a segment is silence), nor faster (the segment's end is
too early, and the silence behind it is used)."""
PAUSE_MS = 1_500
"""Words with so long a pause between them do not share a cue."""
BREATH_MS = 250
"""A pause that makes a good place for a cut."""
LABEL_COLUMNS = 24

_CUE_COST, _FULL_COST, _SHORT_COST, _BREATH_COST = 10, 10, 6, 2
_INERT = str.maketrans({"{": "(", "}": ")", "\\": "/", "<": "(", ">": ")"})
"""Brackets and backslashes are commands in subtitles, and `-->` stands between two times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """What stands on the screen, one line or two; milliseconds of the recording."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Speech:
    """A segment, ready to be cut."""

    start_ms: int
    end_ms: int
    free_ms: int
    """Until when nobody else speaks; before `end_ms` where two speak at once."""
    text: str
    label: str
    words: Sequence[Mapping[str, Any]]
    is_alone: bool
    """Does nobody else speak at the same time?"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draft:
    """A cue before its neighbours are known."""

    start_ms: int
    end_ms: int
    latest_ms: int
    """How long it may stay for being read."""
    atoms: Sequence[Atom]
    room: int
    label: str


def cues_of(segments: Iterable[Mapping[str, Any]], *, named: bool) -> list[Cue]:
    """The cues of these segments, in order of time; with `named`, the first of each turn says who speaks.

    A segment is `{"start", "end", "speaker", "text"}`, seconds, and may have `words`: `[{"start", "end", "word"}]`.
    """
    speeches = _speeches(segments, named=named)
    drafts = sorted((draft for speech in speeches for draft in _drafts(speech)), key=lambda draft: draft.start_ms)
    before = ["", *(draft.label for draft in drafts)]
    return [
        Cue(
            start_ms=start, end_ms=end,
            lines=lines_of(draft.atoms, room=draft.room, label="" if draft.label == label else draft.label),
        )
        for draft, label, (start, end) in zip(drafts, before, _shown(drafts), strict=False)
    ]  # fmt: skip


def _speeches(segments: Iterable[Mapping[str, Any]], *, named: bool) -> list[_Speech]:
    """The segments in which something is said, in order of their beginnings."""
    said = [segment for segment in segments if _inert(segment["text"])]
    said.sort(key=lambda segment: milliseconds(segment["start"]))
    starts = [milliseconds(segment["start"]) for segment in said]
    ends = [max(start, milliseconds(segment["end"])) for start, segment in zip(starts, said, strict=True)]
    followed = [*starts[1:], (ends or [0])[-1] + MAX_MS]
    silent_from = [0, *accumulate(ends, max)]
    return [
        _Speech(
            start_ms=start, end_ms=end, free_ms=after - GAP_MS, text=_inert(segment["text"]),
            label=_label(segment["speaker"]) if named else "", words=segment.get("words") or (),
            is_alone=silent <= start and end <= after,
        )
        for segment, start, end, silent, after in zip(said, starts, ends, silent_from, followed, strict=False)
    ]  # fmt: skip


def _inert(text: str) -> str:
    """Text in which players see neither override tags nor the arrow between two times."""
    return on_one_line(text).translate(_INERT)


def _label(speaker: str | None) -> str:
    """Who speaks, as it stands before the text; empty where it is not known."""
    name = shortened(_inert(speaker or ""), LABEL_COLUMNS)
    return f"{name}:" if name else ""


def _drafts(speech: _Speech) -> Iterator[_Draft]:
    """The segment, cut into cues."""
    room = line_room(speech.text)
    atoms = atoms_of(speech.text, room)
    times = times_of([atom.text for atom in atoms], speech.words, (speech.start_ms, _spoken_until(speech)))
    for start, end in pairwise(_cuts(atoms, times, speech, room)):
        said = times[end - 1][1]
        is_last = end == len(atoms)
        yield _Draft(
            start_ms=times[start][0], end_ms=max(said, speech.end_ms) if is_last else said,
            latest_ms=(speech.end_ms if is_last else said) + LINGER_MS, atoms=atoms[start:end], room=room,
            label=speech.label,
        )  # fmt: skip


def _spoken_until(speech: _Speech) -> int:
    """When the last word ends, as far as that is to be guessed."""
    if speech.words:
        return speech.end_ms
    width = columns(speech.text)
    slowest = speech.start_ms + max(MIN_MS, width * 1_000 // SLOWEST_COLUMNS_PER_SECOND)
    fastest = speech.start_ms + width * 1_000 // FASTEST_COLUMNS_PER_SECOND
    return min(max(speech.end_ms, min(fastest, speech.free_ms, speech.end_ms + LINGER_MS)), slowest)


def _cuts(atoms: Sequence[Atom], times: Sequence[Span], speech: _Speech, room: int) -> list[int]:
    """Where the cues begin and the last one ends, as positions among the atoms, so that all cues together cost least.

    Few cues are good, evenly filled ones, none that flits by, and cuts where the sense allows them.
    """
    count = len(atoms)
    places = [_place_cost(atoms, times, end) for end in range(1, count)]
    widths = [0, *accumulate(atom.columns + atom.spaced for atom in atoms)]
    costs, chosen = [inf] * count + [0.0], [count] * count
    for start in reversed(range(count)):
        label = columns(speech.label) if start == 0 or not speech.is_alone else 0
        for end in ends_of_cues(atoms, start, room=room, label_columns=label):
            if end > start + 1 and not _go_together(times, start, end):
                break
            full = (widths[end] - widths[start]) / (MAX_LINES * room)
            short = times[end - 1][1] - times[start][0] < MIN_MS
            place = places[end - 1] if end < count else 0
            cost = _CUE_COST + _FULL_COST * full**2 + _SHORT_COST * short + place + costs[end]
            if cost < costs[start]:
                costs[start], chosen[start] = cost, end
    cuts = [0]
    while cuts[-1] < count:
        cuts.append(chosen[cuts[-1]])
    return cuts


def _go_together(times: Sequence[Span], start: int, end: int) -> bool:
    """May the last of these atoms share a cue with the others?"""
    pause = times[end - 1][0] - times[end - 2][1]
    return pause < PAUSE_MS and times[end - 1][1] - times[start][0] <= MAX_MS


def _place_cost(atoms: Sequence[Atom], times: Sequence[Span], end: int) -> int:
    """How bad it is to begin a new cue there."""
    cost = break_cost(atoms[end - 1], atoms[end])
    takes_breath = times[end][0] - times[end - 1][1] >= BREATH_MS
    return min(cost, _BREATH_COST) if takes_breath else cost


def _shown(drafts: Sequence[_Draft]) -> Iterator[Span]:
    """From when to when each is shown: after the one before it, and gone before the next."""
    starts: list[int] = []
    for draft in drafts:
        starts.append(max(draft.start_ms, starts[-1] + LEAST_MS + GAP_MS if starts else 0))
    for draft, start, after in zip(drafts, starts, [*starts[1:], None], strict=False):
        width = sum(atom.columns + atom.spaced for atom in draft.atoms)
        read = min(start + width * 1_000 // COLUMNS_PER_SECOND, draft.latest_ms)
        wished = min(max(draft.end_ms, start + MIN_MS, read), start + MAX_MS)
        yield start, wished if after is None else min(wished, after - GAP_MS)
