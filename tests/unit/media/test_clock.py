"""Times are those of the recording, whatever is missing or wrong in the file."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from media.audio import Recording, RecordingLimits, prepare_recording
from tests.unit.media.samples import silence, tone, write_sound
from tests.unit.media.sounds import FORMATS, SoundTrack, made, write_tracks

LIMITS = RecordingLimits(max_seconds=3_600)
BEEPS = [4.0, 24.0, 44.0]
CLOCKED = ["flac", "m4a", "opus in ogg", "vorbis in ogg", "opus in webm", "aac in matroska", "mp2 in mpeg-ts"]


def beeps(rate: int) -> "array.array[int]":
    """A second of sound every 20 s."""
    return sum(((silence(4, rate) + tone(1, rate=rate) + silence(15, rate)) for _ in BEEPS), start=silence(0, rate))


def starts(recording: Recording) -> list[float]:
    return [clip.start_seconds + clip.sounds[0][0] for clip in recording.clips]


def prepared(path: Path) -> Recording:
    return prepare_recording(str(path), str(path.parent), LIMITS)


def test_beeps_are_heard_at_their_time_in_every_format(tmp_path: Path) -> None:
    for name, (_, _, rate, _) in FORMATS.items():
        assert starts(prepared(made(tmp_path, name, beeps(rate)))) == pytest.approx(BEEPS, abs=0.12), name


def with_packets(path: Path, container: str, *, keep: Sequence[tuple[float, float, float]]) -> Path:
    """The same file with the packets of some stretches alone, each moved in time: from, to, by how much."""
    target = path.with_suffix(".cut")
    with av.open(str(path)) as source, av.open(str(target), "w", format=container) as out:
        stream = source.streams.audio[0]
        copy = out.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.pts is not None]
        for begin, end, shift in keep:
            for packet in packets:
                if packet.time_base is None or packet.pts is None or not begin <= packet.pts * packet.time_base < end:
                    continue
                before = packet.pts, packet.dts
                packet.pts = packet.dts = packet.pts + round(shift / packet.time_base)
                packet.stream = copy
                out.mux(packet)
                packet.pts, packet.dts = before
    return target


@pytest.mark.parametrize(
    ("name", "container"), [("opus in webm", "webm"), ("m4a", "mp4"), ("mp2 in mpeg-ts", "mpegts")]
)
def test_a_missing_stretch_does_not_move_what_follows(tmp_path: Path, name: str, container: str) -> None:
    rate = FORMATS[name][2]
    path = with_packets(made(tmp_path, name, beeps(rate)), container, keep=[(0, 10, 0), (20, 99, 0)])
    recording = prepared(path)
    assert starts(recording) == pytest.approx(BEEPS, abs=0.12)
    assert recording.duration_seconds == pytest.approx(60, abs=0.2)
    assert recording.degraded
