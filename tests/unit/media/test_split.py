"""A clip is cut in two where it hurts least."""

import dataclasses
from pathlib import Path

import pytest

from media.audio import RecordingLimits, prepare_recording, split_clip
from tests.unit.media.sounds import RATE, Samples, heard, silence, tone, write_sound

LIMITS = RecordingLimits()


def clip_of(folder: Path, samples: Samples) -> str:
    (clip,) = prepare_recording(str(write_sound(folder / "a.wav", samples)), str(folder), LIMITS).clips
    return clip.path


def test_a_clip_is_split_in_the_longest_pause_of_its_middle_half(tmp_path: Path) -> None:
    sound = tone(3) + silence(2) + tone(4) + silence(0.4) + tone(3) + silence(1) + tone(7)
    path = clip_of(tmp_path, sound)
    first, second = split_clip(path, str(tmp_path), prefix="clip-7", limits=LIMITS)
    assert (first.start_seconds, first.end_seconds) == (0, 12.9)
    assert (second.start_seconds, second.end_seconds, second.overlap_seconds) == (12.9, 20.4, 0)
    assert (first.index, second.index) == (0, 1)
    assert heard(first.path) + heard(second.path) == heard(path)
    assert [Path(half.path).name for half in (first, second)] == ["clip-7-0.flac", "clip-7-1.flac"]
    assert [half.size_bytes for half in (first, second)] == [Path(half.path).stat().st_size for half in (first, second)]
    assert second.sounds == ((0.5, 7.5),)


def test_halves_overlap_where_there_is_no_pause(tmp_path: Path) -> None:
    limits = dataclasses.replace(LIMITS, overlap_seconds=2)
    path = clip_of(tmp_path, tone(20))
    first, second = split_clip(path, str(tmp_path), prefix="a", limits=limits)
    assert (first.start_seconds, first.end_seconds) == (0, 11)
    assert (second.start_seconds, second.end_seconds, second.overlap_seconds) == (9, 20, 2)
    assert heard(second.path) == heard(path)[9 * RATE :]


def test_a_short_clip_is_not_split(tmp_path: Path) -> None:
    assert split_clip(clip_of(tmp_path, tone(9.9)), str(tmp_path), prefix="a", limits=LIMITS) == ()


def test_halves_can_be_split_again_until_they_are_short(tmp_path: Path) -> None:
    path = clip_of(tmp_path, tone(40))
    lengths = []
    for number in range(5):
        halves = split_clip(path, str(tmp_path), prefix=f"half-{number}", limits=LIMITS)
        if not halves:
            break
        lengths.append(halves[0].end_seconds)
        path = halves[0].path
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < 10


def test_the_ends_of_the_last_step_are_kept(tmp_path: Path) -> None:
    path = clip_of(tmp_path, tone(12.321))
    _, second = split_clip(path, str(tmp_path), prefix="a", limits=LIMITS)
    assert second.end_seconds == pytest.approx(12.321)
