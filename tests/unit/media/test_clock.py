"""Times are those of the recording, whatever is missing or wrong in the file."""

import random
from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from media.audio import Recording, RecordingLimits, prepare_recording
from tests.unit.media.sounds import FORMATS, Samples, made, silence, speech, tone

LIMITS = RecordingLimits(max_seconds=3_600, gap_seconds=3)
BEEPS = [1.0, 7.0, 13.0]


def beeps(rate: int) -> Samples:
    """A second of sound every 6 s."""
    return (silence(1, rate) + tone(1, rate=rate) + silence(4, rate)) * len(BEEPS)


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
    options = {"live": "1"} if container == "webm" else {}  # as browsers do, without a duration in the header
    with av.open(str(path)) as source, av.open(str(target), "w", format=container, container_options=options) as out:
        stream = source.streams.audio[0]
        copy = out.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.pts is not None]
        for begin, end, shift in keep:
            for packet in packets:
                assert packet.pts is not None
                if not begin <= packet.pts * packet.time_base < end:
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
    path = with_packets(made(tmp_path, name, beeps(rate)), container, keep=[(0, 3, 0), (6, 99, 0)])
    recording = prepared(path)
    assert starts(recording) == pytest.approx(BEEPS, abs=0.12)
    assert recording.duration_seconds == pytest.approx(18, abs=0.2)
    assert recording.degraded


def test_a_hole_in_an_mp3_does_not_move_what_follows(tmp_path: Path) -> None:
    path = made(tmp_path, "mp3", beeps(44_100))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 6] + bytes(len(data) // 6) + data[len(data) // 3 :])
    recording = prepared(path)
    assert starts(recording) == pytest.approx(BEEPS, abs=0.15)
    assert recording.degraded


def test_joined_mp3s_have_no_silence_where_their_tags_are(tmp_path: Path) -> None:
    data = made(tmp_path, "mp3", beeps(44_100)).read_bytes()
    cover = b"ID3\x03\0\0" + bytes([0, 2, 0, 0]) + bytes(2 << 14)
    path = tmp_path / "joined.mp3"
    path.write_bytes(data + cover + data)
    assert prepared(path).duration_seconds == pytest.approx(36, abs=0.5)


@pytest.mark.parametrize("name", ["opus in ogg", "mp2 in mpeg-ts"])
def test_sound_goes_on_where_timestamps_jump_back(tmp_path: Path, name: str) -> None:
    """Two files joined, the second one counting from zero again: nothing is lost, doubled or held apart."""
    path = made(tmp_path, name, beeps(48_000))
    path.write_bytes(path.read_bytes() * 2)
    assert starts(prepared(path)) == pytest.approx([*BEEPS, *(18 + beep for beep in BEEPS)], abs=0.15)


def test_a_timestamp_beyond_the_longest_recording_is_not_believed(tmp_path: Path) -> None:
    path = with_packets(made(tmp_path, "opus in webm", beeps(48_000)), "webm", keep=[(0, 3, 0), (3, 60, 90_000)])
    recording = prepare_recording(str(path), str(tmp_path), RecordingLimits(max_seconds=50_000, gap_seconds=3))
    assert starts(recording) == pytest.approx(BEEPS, abs=0.12)
    assert recording.degraded


def test_clocks_that_drift_apart_are_no_damage(tmp_path: Path) -> None:
    drifting = [(at, at + 1.0, at * 0.01) for at in range(18)]
    path = with_packets(made(tmp_path, "opus in webm", beeps(48_000)), "webm", keep=drifting)
    recording = prepared(path)
    assert starts(recording) == pytest.approx([beep * 1.01 for beep in BEEPS], abs=0.12)
    assert not recording.degraded


@pytest.mark.parametrize("name", ["aac", "m4a"])
def test_a_decoder_that_gives_no_reason_costs_its_packet_and_not_the_recording(tmp_path: Path, name: str) -> None:
    """AAC's says "not permitted" of some damage, as if the file might not be read."""
    path = made(tmp_path, name, speech(10, rate=FORMATS[name][2]))
    whole = path.read_bytes()
    for seed in (0, 1, 4, 10):
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + random.Random(seed).randbytes(60) + whole[middle + 60 :])
        assert 9 < prepared(path).duration_seconds < 11
