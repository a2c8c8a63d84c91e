"""A recording prepared in portions gives the clips that it gives in one go."""

import array
import itertools
import pickle
import random
from pathlib import Path

import pytest

from media.audio import Clip, Recording, RecordingLimits, SoundWish, prepare_recording
from media.gate import next_gate
from media.loudness import levels
from tests.unit.media.sounds import (
    FORMATS,
    SHORT,
    add_picture_track,
    heard,
    interleaved,
    loudness,
    made,
    portions,
    silence,
    speech,
    write_sound,
)

MIX = SoundWish()


def whole(path: Path, wish: SoundWish = MIX, limits: RecordingLimits = SHORT) -> Recording:
    folder = path.parent / "whole"
    folder.mkdir(exist_ok=True)
    recording = prepare_recording(str(path), str(folder), limits, wish)
    assert recording.rest is None
    return recording


def facts(clips: tuple[Clip, ...]) -> list[tuple[object, ...]]:
    return [
        (clip.index, clip.channel, clip.start_seconds, clip.end_seconds, clip.overlap_seconds, clip.sounds)
        for clip in clips
    ]


def assert_same(path: Path, wish: SoundWish = MIX, *, size: int) -> list[Recording]:
    parts = portions(path, SHORT, wish, lambda: size)
    clips = tuple(clip for part in parts for clip in part.clips)
    one = whole(path, wish)
    assert facts(clips) == facts(one.clips)
    assert len({clip.path for clip in clips}) == len(clips)
    assert (parts[-1].duration_seconds, parts[-1].degraded) == (one.duration_seconds, one.degraded)
    for ours, theirs in zip(clips, one.clips, strict=True):
        assert_alike(ours, theirs, exactly=path.stem in {"wav", "flac", "mp3", "opus in ogg"})
    return parts


def assert_alike(ours: Clip, theirs: Clip, *, exactly: bool) -> None:
    """The same samples, but for the noise that some decoders draw by chance."""
    one, other = heard(ours.path), heard(theirs.path)
    if one == other:
        return
    assert not exactly
    difference = array.array("h", (a - b for a, b in zip(one, other, strict=True)))
    assert loudness(difference) <= 0.02 * loudness(one)


@pytest.mark.parametrize("name", FORMATS)
def test_portions_give_the_clips_of_the_whole(tmp_path: Path, name: str) -> None:
    assert len(assert_same(made(tmp_path, name), size=1)) > 2


def test_portions_may_end_anywhere(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", speech(60))
    for seed in range(2):
        size = random.Random(seed).randrange(20_000, 300_000)
        for part in assert_same(path, size=size)[:-1]:
            assert (
                sum(clip.size_bytes for clip in part.clips[:-1]) < size <= sum(clip.size_bytes for clip in part.clips)
            )


def test_portions_of_separate_channels_are_those_of_the_whole(tmp_path: Path) -> None:
    sound = interleaved(speech(45, seed=1), silence(15) + speech(30, seed=2), speech(45, seed=3, pauses=4))
    path = write_sound(tmp_path / "a.wav", sound, layout="2.1")
    parts = assert_same(path, SoundWish(channels="separate"), size=1)
    starts = [clip.start_seconds for part in parts for clip in part.clips]
    assert starts == sorted(starts)
    assert {clip.channel for part in parts for clip in part.clips} == {1, 2, 3}
    kept = {clip.path for part in parts for clip in part.clips}
    assert {str(file) for file in (tmp_path / "portions").iterdir()} == kept


def test_portions_of_overlapping_clips_are_those_of_the_whole(tmp_path: Path) -> None:
    parts = assert_same(made(tmp_path, "wav"), SoundWish(overlaps_always=True), size=1)
    clips = [clip for part in parts for clip in part.clips]
    assert all(after.overlap_seconds > 0 for _, after in itertools.pairwise(clips))


def test_a_portion_says_how_far_it_came_and_where_to_go_on(tmp_path: Path) -> None:
    parts = portions(made(tmp_path, "flac"), SHORT, MIX, lambda: 1)
    lengths = [part.duration_seconds for part in parts]
    assert lengths == sorted(lengths)
    assert lengths[0] < 25
    assert all(part.said_seconds == pytest.approx(30) for part in parts)
    assert all(pickle.loads(pickle.dumps(part.rest)) == part.rest for part in parts)  # noqa: S301
    assert [part.rest is None for part in parts] == [False] * (len(parts) - 1) + [True]


def test_what_lies_before_a_portion_is_not_decoded_again(tmp_path: Path) -> None:
    parts = portions(made(tmp_path, "mp3"), SHORT, MIX, lambda: 1)
    for part in parts[:-1]:
        assert part.rest is not None
        begins = part.rest.checkpoint.packets * 1152 / 44_100
        assert part.clips[-1].end_seconds - 20 < begins < part.clips[-1].end_seconds


def test_portions_of_a_film_whose_sound_begins_late_keep_its_clock(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mkv", speech(30), "flac", begin_seconds=4, also=add_picture_track)
    parts = assert_same(path, size=1)
    assert parts[0].clips[0].start_seconds >= 4


def test_portions_of_a_recording_with_a_hole_are_those_of_the_whole(tmp_path: Path) -> None:
    for name in ("mp3", "opus in ogg"):
        path = made(tmp_path, name, speech(45, rate=FORMATS[name][2]))
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 3] + bytes(len(data) // 8) + data[len(data) // 3 + len(data) // 8 :])
        assert assert_same(path, size=1)[-1].degraded


def test_what_counts_as_sound_is_the_same_in_portions(tmp_path: Path) -> None:
    """The threshold follows how loud it was before, so it has to be handed on."""
    quiet, loud = speech(25, rate=44_100, amplitude=0.006), speech(12, rate=44_100, seed=2)
    parts = assert_same(made(tmp_path, "wav", quiet + loud + quiet), size=1)
    ends = [clip.end_seconds for part in parts for clip in part.clips]
    assert 37 < ends[-1] < 39


def test_a_portion_hands_on_how_loud_it_was_before_the_window_it_goes_on_with(tmp_path: Path) -> None:
    samples = speech(25, amplitude=0.006) + speech(12, seed=2) + speech(25, amplitude=0.02)
    pcm = samples.tobytes()
    for part in portions(write_sound(tmp_path / "a.wav", samples), SHORT, MIX, lambda: 1)[:-1]:
        assert part.rest is not None
        gate = None
        for window in range(part.rest.window):
            loudness_of = levels(pcm[window * 320_000 : (window + 1) * 320_000])
            gate = next_gate(gate, loudness_of, SHORT.silence_dbfs)
        assert part.rest.gates == (gate,)
