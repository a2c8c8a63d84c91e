"""PyAV's part in preparing a recording: the samples of its sound track, as a stream of windows.

A stream can be taken up in the middle. Packets are stepped over without decoding them, for seeking is exact in few
formats and demuxing takes a twentieth of the time of decoding; some seconds before the checkpoint the decoder begins to
work, so that it is in the state that it would have been in; and everything is counted in samples.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av.error
from av.audio.frame import AudioFrame

from media.audio import Checkpoint
from media.failures import translated
from media.formats import CLOCKED, ESTIMATING, FRAMED, HIGHEST_RATE, LOWEST_RATE
from media.measures import SAMPLE_BYTES, SAMPLE_RATE, WINDOW_SAMPLES
from media.resample import Feed, silence_like
from media.tracks import Track, encrypted

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.packet import Packet

_SHORTFALL_RATIO, _SHORTFALL_SECONDS = 0.98, 0.5
_WAV_SLACK_BYTES = 1024
"""Writers disagree by a few bytes on what the length of a WAV counts."""
_CHECKPOINT_SECONDS = 2
"""How far checkpoints lie apart."""
_PREROLL_CHECKPOINTS = 2
"""How many checkpoints before the one to go on from the decoder begins: more than the bit reservoir of an MP3 or the
convergence of a speech codec take."""
_GAP_SECONDS = 0.05
"""Timestamps that run ahead of the samples by more say that something is missing there."""
_DAMAGE_SECONDS = 0.25
"""Shorter gaps come from clocks that drift apart, too."""


def windows(track: Track, begin: Checkpoint | None = None, window: int = 0) -> Iterator[bytes]:
    """The samples, 16-bit and interleaved at 16 kHz, in windows of 10 s from this one on; the last one is shorter.

    Keeps the track's facts up to date on the way. What cannot be decoded is left out and marks the track degraded.
    Raises FailureError where nothing more can be made of the file.
    """
    pending = bytearray()
    frame_bytes = SAMPLE_BYTES * track.channels
    window_bytes = WINDOW_SAMPLES * frame_bytes
    track.samples = window * WINDOW_SAMPLES
    with translated(track.path):
        for block in _samples(track, begin):
            pending += block
            track.samples += len(block) // frame_bytes
            while len(pending) >= window_bytes:
                yield bytes(pending[:window_bytes])
                del pending[:window_bytes]
    if pending:
        yield bytes(pending)
    track.degraded = track.degraded or _is_shorter_than_it_says(track)


def _samples(track: Track, begin: Checkpoint | None) -> Iterator[bytes]:
    """All samples from `track.samples` on."""
    feed = Feed(layout=track.stream.codec_context.layout)
    if begin is not None:
        feed.base = feed.delivered = begin.base
        feed.fed, track.first_time = begin.fed, begin.first_time
    wanted, frame_bytes = track.samples, SAMPLE_BYTES * track.channels
    at = None
    for block in _fed(track, feed, begin):
        count = len(block) // frame_bytes
        at = feed.delivered - count if at is None else at
        yield block[max(0, wanted - at) * frame_bytes :]
        at += count


def _fed(track: Track, feed: Feed, begin: Checkpoint | None) -> Iterator[bytes]:
    for packet in _decoded(track, begin):
        for index, frame in enumerate(packet.frames):
            yield from feed.adopt(frame)
            if index == 0:
                _note_checkpoint(track, feed, packet.number, frame)
            for quiet in _missing(track, feed, frame, packet.lost_seconds if index == 0 else 0.0):
                yield from feed.take(quiet)
            yield from feed.take(frame)
    yield from feed.finish()


class _Decoded(NamedTuple):
    """The frames of one packet."""

    number: int
    frames: list[AudioFrame]
    lost_seconds: float
    """How much sound the packets right before it had, which did not decode; 0 where only timestamps can tell."""


def _decoded(track: Track, begin: Checkpoint | None) -> Iterator[_Decoded]:
    """Every packet that decodes; others are stepped over, and a broken container ends the track."""
    packets: Iterator[Packet[AudioStream]] = track.container.demux(track.stream)
    decode_from, kept = (begin.packets, begin.kept) if begin else (0, 0)
    number, lost_bytes, seconds_per_byte = -1, 0, 0.0
    packet = None
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            number += 1
            if number < decode_from:
                continue
            if number == 0 and packet.has_sidedata("encryption_info"):
                raise encrypted(track.path)
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            if _is_the_machines(error):
                raise
            track.degraded = track.degraded or number >= kept
            lost_bytes += _sound_bytes(track, packet)
            continue
        if not frames or not LOWEST_RATE <= frames[0].sample_rate <= HIGHEST_RATE:
            continue
        if number >= kept:
            yield _Decoded(number=number, frames=frames, lost_seconds=lost_bytes * seconds_per_byte)
        seconds_per_byte = frames[0].samples / frames[0].sample_rate / max(1, packet.size)
        lost_bytes = 0


def _is_the_machines(error: av.error.FFmpegError) -> bool:
    """Is it no fault of the packet's? "Not permitted" is the -1 of decoders that give no reason, AAC's among them."""
    return isinstance(error, MemoryError | OSError) and not isinstance(error, av.error.PermissionError)


def _sound_bytes(track: Track, packet: "Packet[AudioStream] | None") -> int:
    """The bytes of a packet that tell time; none where it does not decode because it is the tag of a joined file."""
    if packet is None or track.demuxer not in FRAMED or b"ID3" in bytes(packet):
        return 0
    return packet.size


def _note_checkpoint(track: Track, feed: Feed, number: int, frame: AudioFrame) -> None:
    if track.first_time is None:
        track.first_time = frame.time or 0.0
    last = track.checkpoints[-1] if track.checkpoints else None
    rate = frame.sample_rate
    if last is None or feed.base != last.base or feed.fed - last.fed >= _CHECKPOINT_SECONDS * rate:
        earlier = track.checkpoints[-_PREROLL_CHECKPOINTS] if len(track.checkpoints) >= _PREROLL_CHECKPOINTS else last
        packets = earlier.kept if earlier else 0
        track.checkpoints.append(feed.checkpoint(packets=packets, kept=number, first_time=track.first_time))


def _missing(track: Track, feed: Feed, frame: AudioFrame, lost_seconds: float) -> Iterator[AudioFrame]:
    """Silence for a stretch that is not in the file, or does not decode, so that what follows keeps its time.

    Timestamps tell where they are the clock of the file, else the samples are the clock, and the bytes that did not
    decode count. What would lie beyond the longest recording allowed is not believed. A timestamp that lies behind does
    not move anything: the sound goes on.
    """
    ahead = lost_seconds
    if track.demuxer in CLOCKED and frame.time is not None and track.first_time is not None:
        ahead = frame.time - track.first_time - float(feed.seconds)
    if ahead <= _GAP_SECONDS and not lost_seconds:
        return
    if ahead + float(feed.seconds) > track.max_seconds:
        track.degraded = True
        return
    track.degraded = track.degraded or ahead > _DAMAGE_SECONDS
    left = round(ahead * frame.sample_rate)
    while left > 0:
        samples = min(left, frame.sample_rate)
        yield silence_like(frame, samples)
        left -= samples


def _is_shorter_than_it_says(track: Track) -> bool:
    said = trusted_seconds(track)
    is_short = said is not None and track.samples / SAMPLE_RATE < said * _SHORTFALL_RATIO - _SHORTFALL_SECONDS
    return is_short or _is_cut_off_wav(Path(track.path))


def trusted_seconds(track: Track) -> float | None:
    """The length of the sound track as the file states it; None where it does not, or FFmpeg only guesses."""
    if track.demuxer in ESTIMATING:
        return None
    if track.stream.duration is not None and track.stream.time_base is not None:
        return float(track.stream.duration * track.stream.time_base)
    return None if len(track.container.streams) > 1 else track.said_seconds  # a film may outlast its sound


def _is_cut_off_wav(path: Path) -> bool:
    """FFmpeg takes a WAV that ends early for a shorter one."""
    with path.open("rb") as file:
        said = _said_wav_bytes(file.read(28))
        return said is not None and said > file.seek(0, os.SEEK_END) + _WAV_SLACK_BYTES


def _said_wav_bytes(head: bytes) -> int | None:
    """The size of the file by its header. A streamed WAV says 0 or the largest number there is, and nothing by it."""
    if head[:4] == b"RIFF" and head[4:8] != b"\xff\xff\xff\xff":
        return int.from_bytes(head[4:8], "little")
    if head[:4] == b"RF64" and head[12:16] == b"ds64":
        return int.from_bytes(head[20:28], "little")
    return int.from_bytes(head[16:24], "little") if head[:4] == b"riff" else None
