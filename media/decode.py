"""PyAV's part in preparing a recording: the samples of its sound track, as a stream of windows.

FFmpeg may open this one file and nothing else: formats that name other files (playlists, concatenations) are not
among the allowed ones, and neither is any protocol but `file`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from media.failures import translated
from media.loudness import SAMPLE_BYTES, SAMPLE_RATE
from models.failures import FailureCode, FailureError, failure

FORMATS = "wav,w64,mp3,mov,mp4,m4a,3gp,ogg,flac,matroska,webm,aac,amr,aiff,caf"
"""The only demuxers that are ever tried, as FFmpeg names them."""

WINDOW_SECONDS = 10
_MAX_CHANNELS = 16
_AV_TIME_BASE = 1_000_000
_SHORTFALL_RATIO, _SHORTFALL_SECONDS = 0.98, 0.5
_WAV_SLACK_BYTES = 1024
"""Writers disagree by a few bytes on what the length of a WAV counts."""
_ESTIMATING_FORMATS = frozenset({"mp3", "aac", "amr"})
"""Containers whose duration FFmpeg guesses from the size."""


@dataclass(kw_only=True, slots=True)
class Track:
    """The sound track that is being decoded, and what is known of it so far."""

    path: str
    container: InputContainer
    stream: AudioStream
    channels: int
    source_format: str
    start_seconds: float | None = None
    """When its first sample sounds on the recording's clock; None before there is one."""
    samples: int = 0
    """Decoded so far, at 16 kHz."""
    degraded: bool = False

    @property
    def duration_seconds(self) -> float:
        """Where the samples decoded so far end on the recording's clock."""
        return (self.start_seconds or 0.0) + self.samples / SAMPLE_RATE


def open_track(path: str) -> Track:
    """Open the best sound track of this file; the caller closes its container."""
    with translated(path):
        Path(path).open("rb").close()  # asks the system: FFmpeg says "not permitted" of damaged files too
        options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
        try:
            return _track(path, container)
        except BaseException:
            container.close()
            raise


def _track(path: str, container: InputContainer) -> Track:
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        words = f"{path} has no sound track; nothing can be transcribed."
        raise FailureError(failure(FailureCode.MEDIA_NO_AUDIO, words))
    context = getattr(stream, "codec_context", None)
    if not isinstance(context, AudioCodecContext):
        words = f"{path} has a sound track in a codec that is not known; convert it."
        raise FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, words))
    channels = context.channels
    if not 1 <= channels <= _MAX_CHANNELS:
        words = f"{path} has {channels} channels of sound, and 1 to {_MAX_CHANNELS} are read; mix it down."
        raise FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, words, channels=channels))
    name = f"{container.format.name.partition(',')[0]}/{context.name}"
    return Track(path=path, container=container, stream=stream, channels=channels, source_format=name)


def windows(track: Track) -> Iterator[bytes]:
    """The samples, 16-bit and interleaved at 16 kHz, in windows of 10 s; the last one is shorter.

    Keeps the track's facts up to date on the way. Raises FailureError where nothing more can be made of the file. What cannot be decoded is left out and marks the track degraded.
    """
    window = bytearray()
    window_bytes = WINDOW_SECONDS * SAMPLE_RATE * SAMPLE_BYTES * track.channels
    with translated(track.path):
        for block in _resampled(track):
            window += block
            track.samples += len(block) // (SAMPLE_BYTES * track.channels)
            while len(window) >= window_bytes:
                yield bytes(window[:window_bytes])
                del window[:window_bytes]
    if window:
        yield bytes(window)
    track.degraded = track.degraded or _is_shorter_than_it_says(track)


def _resampled(track: Track) -> Iterator[bytes]:
    layout = track.stream.codec_context.layout
    frame_bytes = SAMPLE_BYTES * track.channels
    resampler, shape = None, None
    for frame in _frames(track):
        if resampler is None or shape != (frame.format.name, frame.layout.name, frame.sample_rate):
            if resampler is not None:
                yield from (_bytes(out, frame_bytes) for out in resampler.resample(None))
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            resampler = av.AudioResampler(format="s16", layout=layout, rate=SAMPLE_RATE, frame_size=SAMPLE_RATE)
        frame.pts = None  # where stamps jump, FFmpeg would warn and go on all the same
        yield from (_bytes(out, frame_bytes) for out in resampler.resample(frame))
    if resampler is not None:
        yield from (_bytes(out, frame_bytes) for out in resampler.resample(None))


def _bytes(frame: AudioFrame, frame_bytes: int) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * frame_bytes]  # a plane may be padded


def _frames(track: Track) -> Iterator[AudioFrame]:
    """Every frame that decodes; packets that do not are stepped over, and a broken container ends the track."""
    packets = track.container.demux(track.stream)
    while True:
        try:
            packet = next(packets, None)
            frames = [] if packet is None else packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError | OSError):  # the machine's fault, not the packet's
                raise
            track.degraded = True
            continue
        if packet is None:
            return
        for frame in frames:
            if isinstance(frame, AudioFrame):
                _note_start(track, frame)
                yield frame


def _note_start(track: Track, frame: AudioFrame) -> None:
    if track.start_seconds is None:
        clock_start = (track.container.start_time or 0) / _AV_TIME_BASE
        track.start_seconds = max(0.0, (frame.time or 0.0) - clock_start)


def _is_shorter_than_it_says(track: Track) -> bool:
    said = _said_seconds(track)
    is_short = said is not None and track.samples / SAMPLE_RATE < said * _SHORTFALL_RATIO - _SHORTFALL_SECONDS
    return is_short or _is_cut_off_wav(Path(track.path))


def _said_seconds(track: Track) -> float | None:
    """The length of the sound track as the file states it; None where it does not, or FFmpeg only guesses."""
    if track.container.format.name in _ESTIMATING_FORMATS:
        return None
    if track.stream.duration is not None and track.stream.time_base is not None:
        return float(track.stream.duration * track.stream.time_base)
    if track.container.duration is None or len(track.container.streams) > 1:  # a film may outlast its sound
        return None
    return track.container.duration / _AV_TIME_BASE


def _is_cut_off_wav(path: Path) -> bool:
    """FFmpeg takes a WAV that ends early for a shorter one. A streamed WAV says 0 or the largest number there is."""
    with path.open("rb") as file:
        head = file.read(8)
        size_bytes = file.seek(0, os.SEEK_END)
    said = int.from_bytes(head[4:], "little")
    return head[:4] == b"RIFF" and said != 0xFFFFFFFF and said > size_bytes + _WAV_SLACK_BYTES
