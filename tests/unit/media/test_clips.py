"""Cuts cover all sound, in order, within the limit, and fall into pauses where there are any."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.clips import CutRules, next_cut, stretches

RULES = CutRules(max_steps=40, search_steps=12, pause_steps=3, gap_steps=9, margin_steps=2, overlap_steps=5)
LOUD, QUIET, NOISE = -20.0, -70.0, -45.0
SILENCE = -50.0

runs = st.lists(st.tuples(st.sampled_from([LOUD, QUIET, NOISE, -30.0]), st.integers(1, 60)), max_size=12)


def levels_of(described: list[tuple[float, int]]) -> list[float]:
    return [level for level, steps in described for _ in range(steps)]


def sound_in(levels: list[float]) -> bytes:
    return bytes(level > SILENCE for level in levels)


def plan_clips(levels: list[float], rules: CutRules) -> list[tuple[int, int]]:
    """The clips of a whole recording that is known from end to end."""
    clips: list[tuple[int, int]] = []
    sound, origin, covered = sound_in(levels), 0, 0
    while cut := next_cut(levels[origin:], sound[origin:], rules, covered=covered, is_end=True):
        if cut.clip:
            clips.append((origin + cut.clip[0], origin + cut.clip[1]))
        origin, covered = origin + cut.resume, cut.covered
    return clips


@given(runs)
def test_clips_cover_all_sound_in_order_and_within_the_limit(described: list[tuple[float, int]]) -> None:
    levels = levels_of(described)
    clips = plan_clips(levels, RULES)
    covered = {step for start, end in clips for step in range(start, end)}
    assert {step for step, level in enumerate(levels) if level > SILENCE} <= covered
    assert all(0 <= start < end <= len(levels) and end - start <= RULES.max_steps for start, end in clips)
    assert clips == sorted(clips)
    for (_, end), (start, next_end) in itertools.pairwise(clips):
        assert end - start <= RULES.overlap_steps
        assert next_end > end


@given(runs)
def test_silence_is_sent_only_near_sound(described: list[tuple[float, int]]) -> None:
    levels = levels_of(described)
    for start, end in plan_clips(levels, RULES):
        sound = [step for step in range(start, end) if levels[step] > SILENCE]
        assert sound[0] - start <= RULES.margin_steps
        assert end - 1 - sound[-1] <= RULES.margin_steps
        assert all(after - before <= RULES.gap_steps for before, after in itertools.pairwise(sound))


@given(runs, st.integers(1, 30))
def test_planning_along_with_decoding_gives_the_same_clips(described: list[tuple[float, int]], window: int) -> None:
    levels = levels_of(described)
    clips: list[tuple[int, int]] = []
    buffer: list[float] = []
    origin, covered = 0, 0
    for at in range(0, len(levels) + window, window):
        buffer += levels[at : at + window]
        while cut := next_cut(buffer, sound_in(buffer), RULES, covered=covered, is_end=at + window >= len(levels)):
            if cut.clip:
                clips.append((origin + cut.clip[0], origin + cut.clip[1]))
            del buffer[: cut.resume]
            origin, covered = origin + cut.resume, cut.covered
    assert clips == plan_clips(levels, RULES)


def test_cut_falls_into_the_longest_pause_before_the_limit() -> None:
    levels = levels_of([(LOUD, 29), (QUIET, 3), (LOUD, 2), (QUIET, 4), (LOUD, 30)])
    assert plan_clips(levels, RULES) == [(0, 36), (36, 68)]


def test_cut_falls_into_a_relative_pause_of_a_noisy_room() -> None:
    levels = levels_of([(LOUD, 32), (NOISE, 4), (LOUD, 30)])
    assert plan_clips(levels, RULES) == [(0, 34), (34, 66)]


def test_clips_overlap_where_there_is_no_pause() -> None:
    assert plan_clips([LOUD] * 100, RULES) == [(0, 40), (35, 75), (70, 100)]


def test_overlap_alone_is_not_sent_again() -> None:
    assert plan_clips(levels_of([(LOUD, 40), (QUIET, 30)]), RULES) == [(0, 40)]


def test_recording_just_as_long_as_the_limit_is_one_clip() -> None:
    assert plan_clips([LOUD] * 40, RULES) == [(0, 40)]


def test_long_silence_splits_and_is_left_out() -> None:
    assert plan_clips(levels_of([(QUIET, 50), (LOUD, 5), (QUIET, 9), (LOUD, 5), (QUIET, 50)]), RULES) == [
        (48, 57),
        (62, 71),
    ]


def test_recording_without_sound_has_no_clips() -> None:
    assert plan_clips([QUIET] * 500, RULES) == []
    assert plan_clips([], RULES) == []


def test_rules_that_would_not_advance_are_refused() -> None:
    for change in ({"overlap_steps": 30}, {"gap_steps": 4}, {"pause_steps": 0}, {"overlap_steps": 2}):
        fields = {name: getattr(RULES, name) for name in RULES.__slots__} | change
        with pytest.raises(ValueError, match="must"):
            CutRules(**fields)


def test_a_cut_in_a_pause_may_overlap_too() -> None:
    levels = levels_of([(LOUD, 29), (QUIET, 3), (LOUD, 2), (QUIET, 4), (LOUD, 30)])
    rules = dataclasses.replace(RULES, overlaps_always=True)
    assert plan_clips(levels, rules) == [(0, 36), (31, 68)]


@given(runs)
def test_overlapping_at_every_cut_still_covers_all_sound(described: list[tuple[float, int]]) -> None:
    levels = levels_of(described)
    clips = plan_clips(levels, dataclasses.replace(RULES, overlaps_always=True))
    covered = {step for start, end in clips for step in range(start, end)}
    assert {step for step, level in enumerate(levels) if level > SILENCE} <= covered
    assert all(next_end > end for (_, end), (_, next_end) in itertools.pairwise(clips))


@given(st.binary(max_size=60).map(lambda data: bytes(byte & 1 for byte in data)), st.integers(1, 5))
def test_stretches_hold_all_sound_and_no_longer_pause(sound: bytes, pause: int) -> None:
    found = stretches(sound, pause)
    inside = {step for start, end in found for step in range(start, end)}
    assert {step for step, heard in enumerate(sound) if heard} <= inside
    assert all(sound[start] and sound[end - 1] and bytes(pause) not in sound[start:end] for start, end in found)
    assert all(start - end >= pause for (_, end), (start, _) in itertools.pairwise(found))
