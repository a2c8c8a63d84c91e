"""Each row of the table of recordings is true."""

import re
from pathlib import Path

import pytest

from media.audio import RecordingLimits, prepare_recording
from models.failures import FailureError
from tests.unit.media.inputs import Input
from tests.unit.media.sound_inputs import CODED, INPUTS, READ, SECONDS
from tests.unit.media.sounds import heard, loudness, speech


@pytest.mark.parametrize("row", INPUTS, ids=lambda row: row.name)
def test_each_kind_of_recording_ends_as_the_table_says(tmp_path: Path, row: Input) -> None:
    path = row.make(tmp_path)
    limits = RecordingLimits(max_seconds=3_600)
    if row.ends is not None:
        with pytest.raises(FailureError, match=re.escape(str(path))) as raised:
            prepare_recording(str(path), str(tmp_path), limits)
        assert raised.value.failure.code == row.ends
        return
    recording = prepare_recording(str(path), str(tmp_path), limits)
    assert len(recording.clips) == (0 if "no call" in row.says else 1)
    if row.says == READ:
        assert recording.duration_seconds == pytest.approx(SECONDS, abs=0.1)
    if row.name in dict(CODED):
        assert loudness(heard(recording.clips[0].path)) == pytest.approx(loudness(speech(SECONDS)), rel=0.2)
    assert recording.degraded == ("degraded" in row.says)
