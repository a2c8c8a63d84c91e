"""Each row of the table of recordings is true."""

from pathlib import Path

import pytest

from media.audio import RecordingLimits, prepare_recording
from models.failures import FailureError
from tests.unit.media.inputs_shape import Input
from tests.unit.media.sound_inputs import INPUTS


@pytest.mark.parametrize("row", INPUTS, ids=lambda row: row.name)
def test_each_kind_of_recording_ends_as_the_table_says(tmp_path: Path, row: Input) -> None:
    path = row.make(tmp_path)
    try:
        recording = prepare_recording(str(path), str(tmp_path), RecordingLimits(max_seconds=3_600))
    except FailureError as error:
        assert error.failure.code == row.ends, error.failure
        assert str(path) in error.failure.message
        return
    assert row.ends is None
    assert len(recording.clips) == 1
    if row.says == "is read to its end":
        assert not recording.degraded
    if "degraded" in row.says:
        assert recording.degraded
    print(row.name, recording.duration_seconds, recording.said_seconds, recording.source_format)
