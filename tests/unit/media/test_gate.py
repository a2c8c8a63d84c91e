"""Quiet speech is sound, steady noise is none, and a threshold that sinks does not let creaks into a loud recording."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio import Gate, RecordingLimits, prepare_recording
from media.gate import next_gate, threshold
from tests.unit.media.sounds import Samples, noise, silence, speech, write_sound

SILENCE = -50.0

levels = st.lists(st.floats(-120, 0), min_size=1, max_size=200)


def clips_of(folder: Path, samples: Samples) -> int:
    return len(prepare_recording(str(write_sound(folder / "a.wav", samples)), str(folder), RecordingLimits()).clips)


def test_a_recording_of_quiet_speech_is_sent(tmp_path: Path) -> None:
    """Peaks at -47 dBFS, -55 dBFS on average."""
    quiet = speech(60, amplitude=0.0045)
    assert 20 < max(quiet) < 184
    assert clips_of(tmp_path, quiet) == 1


def test_quiet_speech_over_noise_is_sent(tmp_path: Path) -> None:
    hiss = noise(60, dbfs=-72)
    voice = speech(60, amplitude=0.006)
    mixed = type(voice)("h", (one + other for one, other in zip(voice, hiss, strict=True)))
    assert clips_of(tmp_path, mixed) == 1


@pytest.mark.parametrize("dbfs", [-75, -65, -60, -55, -51])
def test_steady_noise_alone_is_not_sent(tmp_path: Path, dbfs: float) -> None:
    assert clips_of(tmp_path, noise(60, dbfs=dbfs)) == 0


def test_noise_after_loud_speech_is_not_sent(tmp_path: Path) -> None:
    path = write_sound(
        tmp_path / "a.wav", speech(20) + noise(5, dbfs=-58) + silence(30) + noise(5, dbfs=-58) + silence(20)
    )
    recording = prepare_recording(str(path), str(tmp_path), RecordingLimits())
    assert recording.clips[-1].end_seconds < 21


@given(st.lists(levels, min_size=1, max_size=5))
def test_the_threshold_keeps_within_its_bounds(windows: list[list[float]]) -> None:
    gate: Gate | None = None
    for window in windows:
        gate = next_gate(gate, window, SILENCE)
        assert SILENCE - 15 <= threshold(gate, SILENCE) <= SILENCE


@given(levels, st.floats(-50, 0))
def test_loud_sound_keeps_the_threshold_where_the_limits_set_it(quiet: list[float], loud: float) -> None:
    gate = next_gate(next_gate(None, [max(loud, -20.0)] * 10, SILENCE), quiet, SILENCE)
    assert threshold(gate, SILENCE) > SILENCE - 1
