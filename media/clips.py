"""Where a recording is cut into clips: a pure plan over its loudness and over what of it counts as sound.

The loudness is one number for each step of 50 ms, dBFS; what counts as sound is one byte for each, 0 or 1.

A clip holds sound from its first step to its last, with a little margin around; it is never longer than the limit.
It ends
- before a long stretch without sound, which is not sent;
- else, where the limit nears, in the longest pause of the stretch before it, so that no word is cut. A pause is what
  is much quieter than the rest there, for a noisy room never falls silent;
- else at the limit, and the next clip begins a little earlier: what both hold is told apart when they are joined.

`next_cut` needs no more than one clip of loudness and decides the same whether what follows is known or not, so
planning goes along with decoding.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Sound: TypeAlias = bytes | bytearray
"""Which steps count as sound: 1 or 0 for each."""

_QUIETER_THAN_SPEECH_DB = 20.0
_LOUD_SHARE = 0.9
"""Speech is as loud as the loudest tenth of the steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutRules:
    """How to cut, in steps."""

    max_steps: int
    """No clip is longer."""
    search_steps: int
    """How far before the limit a pause is looked for."""
    pause_steps: int
    """The shortest pause to cut in."""
    gap_steps: int
    """A stretch without sound of this length ends a clip."""
    margin_steps: int
    """What is kept of the silence around sound, for soft beginnings and endings."""
    overlap_steps: int
    """How much two clips share where no pause was found."""
    overlaps_always: bool = False
    """Clips overlap where they are cut in a pause, too."""

    def __post_init__(self) -> None:
        """Refuse rules under which planning would not advance."""
        if self.search_steps < 1 or self.search_steps + self.overlap_steps >= self.max_steps:
            raise ValueError("the limit must be longer than the stretch searched for pauses and the overlap together")
        if self.pause_steps < 1 or self.margin_steps < 0 or self.gap_steps <= 2 * self.margin_steps:
            raise ValueError("a gap must be longer than the margins on both of its sides")
        if self.overlap_steps <= self.margin_steps:
            raise ValueError("an overlap must be longer than the margin")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """One decision: a clip, or nothing but silence, and where to go on from."""

    clip: tuple[int, int] | None
    """Its first step and the step after its last; None where there was no sound."""
    resume: int
    """Where the next decision begins. It lies before the clip's end where two clips overlap."""
    covered: int = 0
    """How many steps from there on are in a clip already."""


def next_cut(levels: Sequence[float], sound: Sound, rules: CutRules, *, covered: int = 0, is_end: bool) -> Cut | None:
    """The first decision over these levels; None where more of them are needed, or none are left.

    `covered` is what the decision before said: a clip that would bring no new sound is not made.
    """
    cut = _first_cut(levels, sound, rules, is_end=is_end)
    if cut is None or cut.clip is None or sound.rfind(1, *cut.clip) < covered:
        return cut and Cut(clip=None, resume=cut.resume, covered=max(0, covered - cut.resume))
    return cut


def _first_cut(levels: Sequence[float], sound: Sound, rules: CutRules, *, is_end: bool) -> Cut | None:
    first = sound.find(1)
    if first < 0:
        resume = len(sound) if is_end else max(0, len(sound) - rules.margin_steps)
        return Cut(clip=None, resume=resume) if resume else None
    start = max(0, first - rules.margin_steps)
    limit = start + rules.max_steps
    gap = sound.find(bytes(rules.gap_steps), first, limit)
    if gap >= 0:
        end = gap + rules.margin_steps
        return Cut(clip=(start, end), resume=end)
    if len(sound) > limit:
        return _cut_before(limit, start, levels, sound, rules)
    if is_end:
        return Cut(clip=(start, _end_of_sound(sound, start, len(sound), rules)), resume=len(sound))
    return None


def _cut_before(limit: int, start: int, levels: Sequence[float], sound: Sound, rules: CutRules) -> Cut:
    search = limit - rules.search_steps
    pause = longest_pause(levels[search:limit], sound[search:limit], rules.pause_steps)
    if pause is None:
        return Cut(clip=(start, limit), resume=limit - rules.overlap_steps, covered=rules.overlap_steps)
    middle = search + (pause[0] + pause[1]) // 2
    overlap = rules.overlap_steps if rules.overlaps_always else 0
    return Cut(clip=(start, _end_of_sound(sound, start, middle, rules)), resume=middle - overlap, covered=overlap)


def _end_of_sound(sound: Sound, start: int, end: int, rules: CutRules) -> int:
    return min(end, sound.rfind(1, start, end) + 1 + rules.margin_steps)


def longest_pause(levels: Sequence[float], sound: Sound, pause_steps: int) -> tuple[int, int] | None:
    """Begin and end of the longest pause, the last of several; None where each is too short."""
    quiet_dbfs = sorted(levels)[int(len(levels) * _LOUD_SHARE)] - _QUIETER_THAN_SPEECH_DB
    longest, at = None, 0
    for is_quiet, steps in itertools.groupby(
        not heard or level <= quiet_dbfs for level, heard in zip(levels, sound, strict=True)
    ):
        end = at + sum(1 for _ in steps)
        if is_quiet and end - at >= max(pause_steps, longest[1] - longest[0] if longest else 0):
            longest = (at, end)
        at = end
    return longest


def stretches(sound: Sound, pause_steps: int) -> list[tuple[int, int]]:
    """Where there is sound: begin and end of each stretch; shorter pauses are not told apart."""
    found: list[tuple[int, int]] = []
    first = sound.find(1)
    while first >= 0:
        pause = sound.find(bytes(pause_steps), first)
        end = (sound.rfind(1) if pause < 0 else pause - 1) + 1
        found.append((first, end))
        first = sound.find(1, end)
    return found
