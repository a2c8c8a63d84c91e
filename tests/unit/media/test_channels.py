"""Channels apart: each voice once, on one clock."""

import array
import random
from pathlib import Path

import pytest

from media.audio import Clip, RecordingLimits, SoundWish, prepare_recording
from models.failures import FailureCode, FailureError
from tests.unit.media.sounds import Samples, heard, interleaved, loudness, silence, speech, tone, write_sound

SEPARATE = SoundWish(channels="separate")


def scaled(samples: Samples, factor: float) -> Samples:
    return array.array("h", (round(value * factor) for value in samples))


def mixed(one: Samples, other: Samples) -> Samples:
    return array.array("h", (a + b for a, b in zip(one, other, strict=True)))


def clips_of(folder: Path, *channels: Samples, layout: str = "stereo", wish: SoundWish = SEPARATE) -> list[Clip]:
    path = write_sound(folder / "a.wav", interleaved(*channels), layout=layout)
    return list(prepare_recording(str(path), str(folder), RecordingLimits(), wish).clips)


def test_each_channel_is_cut_by_itself_on_one_clock(tmp_path: Path) -> None:
    left, right = tone(3) + silence(37), silence(20) + tone(3, hertz=700) + silence(17)
    clips = clips_of(tmp_path, left, right)
    assert [(clip.index, clip.channel, clip.start_seconds, clip.end_seconds) for clip in clips] == [
        (0, 1, 0, 3.3),
        (1, 2, 19.7, 23.3),
    ]
    assert heard(clips[1].path)[4800 : 4800 + 48_000] == tone(3, hertz=700)


def test_clips_are_numbered_by_their_start_whichever_ends_first(tmp_path: Path) -> None:
    clips = clips_of(tmp_path, speech(40, seed=1), silence(5) + tone(2, hertz=700) + silence(33))
    assert [(clip.index, clip.channel) for clip in clips] == [(0, 1), (1, 2)]


def test_two_voices_at_once_are_two_clips(tmp_path: Path) -> None:
    clips = clips_of(tmp_path, speech(20, seed=1), speech(20, seed=2))
    assert [clip.channel for clip in clips] == [1, 2]


@pytest.mark.parametrize("factor", [1.0, -1.0, 0.4, -0.3])
def test_a_copy_of_a_channel_is_sent_once(tmp_path: Path, factor: float) -> None:
    voice = speech(25)
    assert [clip.channel for clip in clips_of(tmp_path, voice, scaled(voice, factor))] == [1]


def test_of_two_copies_that_lie_far_apart_the_louder_is_sent(tmp_path: Path) -> None:
    voice = speech(25)
    assert [clip.channel for clip in clips_of(tmp_path, scaled(voice, 0.2), voice)] == [2]


def test_a_silent_channel_is_not_sent(tmp_path: Path) -> None:
    assert [clip.channel for clip in clips_of(tmp_path, silence(15), speech(15))] == [2]


def test_bleed_is_not_sent(tmp_path: Path) -> None:
    """Each microphone hears the other voice 26 dB quieter; the voices take turns."""
    one, other = speech(8, seed=1) + silence(12), silence(12) + speech(8, seed=2)
    clips = clips_of(tmp_path, mixed(one, scaled(other, 0.05)), mixed(other, scaled(one, 0.05)))
    assert [clip.channel for clip in clips] == [1, 2]
    assert clips[0].end_seconds < 9
    assert clips[1].start_seconds > 11


def test_bleed_in_a_pause_is_silenced(tmp_path: Path) -> None:
    one = tone(2) + silence(3) + tone(2)
    other = silence(2) + tone(3, hertz=700) + silence(2)
    first, _ = clips_of(tmp_path, mixed(one, scaled(other, 0.05)), other)
    assert list(first.sounds) == [(0, 2), (5, 7)]
    assert loudness(heard(first.path)[2 * 16_000 : 5 * 16_000]) == 0


def test_one_channel_apart_is_that_channel(tmp_path: Path) -> None:
    assert [clip.channel for clip in clips_of(tmp_path, speech(5), layout="mono")] == [None]


def test_a_voice_on_the_third_channel_keeps_its_loudness_in_the_mix(tmp_path: Path) -> None:
    voice, chance = tone(5), random.Random(3)
    hiss = [array.array("h", (chance.randrange(-20, 21) for _ in range(len(voice)))) for _ in range(2)]
    (clip,) = clips_of(tmp_path, *hiss, voice, layout="2.1", wish=SoundWish())
    assert loudness(heard(clip.path)) >= 0.9 * loudness(voice)


def test_too_many_channels_are_refused(tmp_path: Path) -> None:
    sound = [tone(1)] * 8
    limits = RecordingLimits(max_channels=7, max_separate_channels=3)
    path = write_sound(tmp_path / "a.wav", interleaved(*sound), layout="7.1")
    stereo = write_sound(tmp_path / "b.wav", interleaved(*sound[:4]), layout="4.0")
    for file, wish in ((path, SoundWish()), (stereo, SEPARATE)):
        with pytest.raises(FailureError) as raised:
            prepare_recording(str(file), str(tmp_path), limits, wish)
        assert raised.value.failure.code == FailureCode.MEDIA_UNSUPPORTED
    assert prepare_recording(str(stereo), str(tmp_path), limits).channels == 4
