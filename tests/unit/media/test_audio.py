"""Recordings leave as 16 kHz mono FLAC clips, cut in pauses, on their own clock, without silence."""

import array
import dataclasses
import resource
from pathlib import Path

import av
import pytest
from pydub import AudioSegment

from media.audio import Recording, RecordingLimits, prepare_recording
from models.failures import FailureCode, FailureError
from tests.unit.media.samples import EXAMPLES
from tests.unit.media.sounds import (
    RATE,
    SHORT,
    add_picture_track,
    heard,
    interleaved,
    loudness,
    silence,
    tone,
    write_sound,
)

LIMITS = RecordingLimits()


def prepared(path: Path, limits: RecordingLimits = LIMITS) -> Recording:
    folder = path.parent / "clips"
    folder.mkdir(exist_ok=True)
    return prepare_recording(str(path), str(folder), limits)


def times(recording: Recording) -> list[tuple[float, float]]:
    return [(clip.start_seconds, clip.end_seconds) for clip in recording.clips]


def code_of(path: Path, limits: RecordingLimits = LIMITS) -> FailureCode:
    with pytest.raises(FailureError) as raised:
        prepared(path, limits)
    assert path.name in raised.value.failure.message
    return raised.value.failure.code


@pytest.mark.parametrize(
    ("container", "codec", "rate", "layout"),
    [
        ("wav", "pcm_s16le", 44_100, "stereo"),
        ("wav", "pcm_u8", 8_000, "mono"),
        ("wav", "pcm_s24le", 96_000, "mono"),
        ("wav", "pcm_f32le", 48_000, "stereo"),
        ("wav", "pcm_mulaw", 8_000, "mono"),
        ("wav", "pcm_s16le", 48_000, "5.1"),
        ("mp3", "libmp3lame", 44_100, "stereo"),
        ("ipod", "aac", 44_100, "stereo"),
        ("ipod", "alac", 44_100, "mono"),
        ("mp4", "aac", 48_000, "mono"),
        ("mov", "pcm_s16le", 48_000, "mono"),
        ("ogg", "libopus", 48_000, "stereo"),
        ("flac", "flac", 44_100, "stereo"),
        ("webm", "libopus", 48_000, "mono"),
        ("matroska", "flac", 44_100, "mono"),
        ("adts", "aac", 44_100, "mono"),
        ("aiff", "pcm_s16be", 44_100, "mono"),
        ("caf", "pcm_s16be", 44_100, "mono"),
    ],
)
def test_every_format_is_heard(tmp_path: Path, container: str, codec: str, rate: int, layout: str) -> None:
    channels = av.AudioLayout(layout).nb_channels
    sound = interleaved(*[tone(2, rate=rate)] * channels)
    path = write_sound(tmp_path / "a.bin", sound, codec, container_format=container, rate=rate, layout=layout)
    recording = prepared(path)
    assert recording.duration_seconds == pytest.approx(2, abs=0.1)
    assert (recording.channels, recording.degraded) == (channels, False)
    (clip,) = recording.clips
    assert (clip.mime_type, clip.index, clip.overlap_seconds) == ("audio/flac", 0, 0)
    assert clip.size_bytes == Path(clip.path).stat().st_size
    samples = heard(clip.path)
    assert len(samples) / RATE == pytest.approx(clip.end_seconds - clip.start_seconds, abs=0.001)
    assert loudness(samples) == pytest.approx(loudness(tone(2)), rel=0.1)


def test_samples_of_a_fitting_recording_are_unchanged(tmp_path: Path) -> None:
    sound = tone(1.5)
    (clip,) = prepared(write_sound(tmp_path / "a.wav", sound)).clips
    assert heard(clip.path) == sound


def test_examples_are_whole(tmp_path: Path) -> None:
    for name, seconds in (("order.mp3", 17.7), ("note.wav", 5.9), ("forecast.m4a", 10.6)):
        folder = tmp_path / name
        folder.mkdir()
        recording = prepare_recording(str(EXAMPLES / name), str(folder), LIMITS)
        assert recording.duration_seconds == pytest.approx(seconds, abs=0.1)
        assert len(recording.clips) == 1


def test_recording_without_sound_has_no_clips(tmp_path: Path) -> None:
    recording = prepared(write_sound(tmp_path / "a.wav", silence(30)))
    assert (recording.clips, recording.duration_seconds) == ((), 30)
    whisper = tone(15, amplitude=0.001)
    assert prepared(write_sound(tmp_path / "b.wav", whisper)).clips == ()
    assert list((tmp_path / "clips").iterdir()) == []


def test_late_sentence_keeps_its_time_and_silence_is_not_sent(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", silence(100) + tone(3) + silence(40) + tone(2) + silence(7))
    assert times(prepared(path)) == [(99.7, 103.3), (142.7, 145.3)]


def test_cut_falls_into_a_pause(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(7.5) + silence(0.5) + tone(1) + silence(0.4) + tone(6))
    recording = prepared(path, SHORT)
    assert times(recording) == [(0, 7.75), (7.75, 15.4)]
    assert [clip.overlap_seconds for clip in recording.clips] == [0, 0]


def test_clips_overlap_where_there_is_no_pause(tmp_path: Path) -> None:
    recording = prepared(write_sound(tmp_path / "a.wav", tone(20)), SHORT)
    assert times(recording) == [(0, 10), (8, 18), (16, 20)]
    assert [clip.overlap_seconds for clip in recording.clips] == [0, 2, 2]
    first, second = (heard(clip.path) for clip in recording.clips[:2])
    assert first[-2 * RATE :] == second[: 2 * RATE]


def test_no_clip_is_larger_than_the_limit(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(30, hertz=3000, amplitude=0.9))
    recording = prepared(path, dataclasses.replace(LIMITS, max_bytes=200_000))
    assert len(recording.clips) > 4
    assert all(clip.size_bytes <= 200_000 for clip in recording.clips)
    assert recording.clips[-1].end_seconds == 30


def test_times_count_from_the_start_of_the_film_not_of_its_sound(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mkv", tone(3), "flac", begin_seconds=4, also=add_picture_track)
    recording = prepared(path)
    assert recording.duration_seconds == pytest.approx(7, abs=0.05)
    assert times(recording)[0] == pytest.approx((4, 7), abs=0.05)


def test_only_the_sound_of_a_film_is_taken(tmp_path: Path) -> None:
    recording = prepared(write_sound(tmp_path / "a.mp4", tone(2), "aac", also=add_picture_track))
    assert times(recording)[0] == pytest.approx((0, 2), abs=0.1)


@pytest.mark.parametrize("channels", ["inverted", "left only", "one of six", "two voices"])
def test_no_voice_is_lost_in_the_mix(tmp_path: Path, channels: str) -> None:
    voice, other, nothing = tone(3), tone(3, hertz=700), silence(3)
    inverse = array.array("h", (-value for value in voice))
    sound, layout = {
        "inverted": (interleaved(voice, inverse), "stereo"),
        "left only": (interleaved(voice, nothing), "stereo"),
        "one of six": (interleaved(nothing, nothing, voice, nothing, nothing, nothing), "5.1"),
        "two voices": (interleaved(voice, other), "stereo"),
    }[channels]
    (clip,) = prepared(write_sound(tmp_path / "a.wav", sound, layout=layout)).clips
    assert loudness(heard(clip.path)) >= 0.65 * loudness(voice)


def test_corrupt_tail_keeps_what_decoded(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.flac", tone(20), "flac")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10] + bytes(range(256)) * 40)
    recording = prepared(path)
    assert recording.degraded
    assert 9 < recording.duration_seconds < 13
    assert recording.clips[-1].end_seconds == pytest.approx(recording.duration_seconds, abs=0.1)


@pytest.mark.parametrize(
    ("container", "codec"), [("wav", "pcm_s16le"), ("w64", "pcm_s16le"), ("flac", "flac"), ("matroska", "flac")]
)
def test_recording_cut_off_is_kept_and_said(tmp_path: Path, container: str, codec: str) -> None:
    path = write_sound(tmp_path / "a.bin", tone(20), codec, container_format=container)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    recording = prepared(path)
    assert recording.degraded
    assert 8 < recording.duration_seconds < 12


def test_undecodable_recordings_are_corrupt(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp4", tone(3), "aac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # its index comes last
    assert code_of(path) == FailureCode.MEDIA_CORRUPT
    path = tmp_path / "b.flac"
    path.write_bytes(b"fLaC" + bytes(5000))
    assert code_of(path) == FailureCode.MEDIA_CORRUPT


def test_empty_short_and_long_recordings_are_refused(tmp_path: Path) -> None:
    data = write_sound(tmp_path / "a.wav", tone(1)).read_bytes()
    header = data[: data.index(b"data")] + b"data" + bytes(4)
    (tmp_path / "a.wav").write_bytes(header[:4] + (len(header) - 8).to_bytes(4, "little") + header[8:])
    assert code_of(tmp_path / "a.wav") == FailureCode.MEDIA_EMPTY
    assert code_of(write_sound(tmp_path / "b.wav", tone(0.05))) == FailureCode.MEDIA_TOO_SHORT
    limits = RecordingLimits(max_seconds=20)
    assert code_of(write_sound(tmp_path / "c.wav", silence(21)), limits) == FailureCode.MEDIA_TOO_LONG
    assert code_of(write_sound(tmp_path / "d.wav", silence(50)), limits) == FailureCode.MEDIA_TOO_LONG


def test_unknown_codec_is_unsupported(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mkv", tone(2), "flac", container_format="matroska")
    path.write_bytes(path.read_bytes().replace(b"A_FLAC", b"A_NONE"))
    assert code_of(path) == FailureCode.MEDIA_UNSUPPORTED


def test_missing_recording_is_named(tmp_path: Path) -> None:
    assert code_of(tmp_path / "gone.mp3") == FailureCode.SOURCE_NOT_FOUND


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    path = tmp_path / "long.mp3"
    path.write_bytes(write_sound(tmp_path / "a.mp3", tone(20), "libmp3lame").read_bytes() * 90)
    prepared(write_sound(tmp_path / "b.wav", tone(1)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert prepared(path, SHORT).duration_seconds > 1800
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # kilobytes; the samples are 58,000


def test_pydub_hears_what_is_sent_as_sound(tmp_path: Path) -> None:
    (clip,) = prepared(write_sound(tmp_path / "a.wav", silence(3) + tone(2) + silence(3))).clips
    sent = AudioSegment(data=heard(clip.path).tobytes(), sample_width=2, frame_rate=RATE, channels=1)
    assert sent.duration_seconds == pytest.approx(2.6, abs=0.01)
    assert sent[300:2300].dBFS == pytest.approx(-13.7, abs=0.3)


def test_a_recording_that_says_it_is_too_long_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(25))
    assert code_of(path, dataclasses.replace(SHORT, max_seconds=20)) == FailureCode.MEDIA_TOO_LONG
    assert list((tmp_path / "clips").iterdir()) == []
