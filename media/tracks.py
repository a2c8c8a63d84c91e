"""Opens a recording and chooses one of its sound tracks.

FFmpeg may open this one file and nothing else: it is told the format, formats that name other files are not among
them, and neither is any protocol but `file`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition

from media.audio import Checkpoint, RecordingLimits, SoundWish
from media.failures import translated
from media.formats import DECODERS, DEMUXERS, HIGHEST_RATE, LOWEST_RATE
from media.language_codes import same_language
from media.measures import SAMPLE_RATE
from media.sniff import sniff_sound
from models.failures import FailureCode, FailureError, failure

_LIMITS, _WISH = RecordingLimits(), SoundWish()
_AV_TIME_BASE = 1_000_000
_SECOND_CHOICE = Disposition.comment | Disposition.hearing_impaired | Disposition.visual_impaired
_ENCRYPTED_TAGS = frozenset({"drms", "enca"})
_ENCRYPTED_METADATA = "ASF_Protection_Type"


@dataclass(kw_only=True, slots=True)
class Track:
    """The sound track that is being decoded, and what is known of it so far."""

    path: str
    container: InputContainer
    stream: AudioStream
    demuxer: str
    number: int
    """Among the sound tracks, from 1."""
    tracks: int
    channels: int
    source_format: str
    max_seconds: float
    """No gap is filled beyond."""
    first_time: float | None = None
    """The timestamp of its first sample, in seconds; None before there is one."""
    samples: int = 0
    """Decoded so far, at 16 kHz."""
    degraded: bool = False
    checkpoints: deque[Checkpoint] = field(default_factory=deque)
    """Where decoding could go on, in order."""

    @property
    def start_seconds(self) -> float:
        """When its first sample sounds on the recording's clock."""
        return max(0.0, (self.first_time or 0.0) - (self.container.start_time or 0) / _AV_TIME_BASE)

    @property
    def duration_seconds(self) -> float:
        """Where the samples decoded so far end on the recording's clock."""
        return self.start_seconds + self.samples / SAMPLE_RATE

    @property
    def said_seconds(self) -> float | None:
        """How long the recording is by its header, or by FFmpeg's guess."""
        return None if self.container.duration is None else self.container.duration / _AV_TIME_BASE

    def checkpoint_for(self, sample: int) -> Checkpoint:
        """The last checkpoint from which this sample comes out right."""
        return next((point for point in reversed(self.checkpoints) if point.from_sample <= sample), self.checkpoints[0])

    def forget_before(self, sample: int) -> None:
        """Checkpoints that are only good for earlier samples are not needed any more."""
        while len(self.checkpoints) > 1 and self.checkpoints[1].from_sample <= sample:
            self.checkpoints.popleft()


def open_track(path: str, limits: RecordingLimits = _LIMITS, wish: SoundWish = _WISH) -> Track:
    """Open one sound track of this file; the caller closes its container. Raises FailureError."""
    with translated(path):
        media_type = sniff_sound(Path(path))  # the system is asked first: FFmpeg says "not permitted" of damage too
        demuxer = DEMUXERS.get(media_type.name) if media_type else None
        if demuxer is None:
            raise _unsupported(path, "is in a format that is not known; convert it")
        options = {
            "protocol_whitelist": "file",
            "format_whitelist": demuxer,
            "codec_whitelist": ",".join(sorted(DECODERS)),
            "enable_drefs": "0",
        }
        container = av.open(f"file:{path}", format=demuxer, container_options=options, metadata_errors="replace")
        try:
            return _track(path, container, demuxer, limits, wish)
        except BaseException:
            container.close()
            raise


def _track(path: str, container: InputContainer, demuxer: str, limits: RecordingLimits, wish: SoundWish) -> Track:
    if len(container.streams) > limits.max_tracks:
        raise _unsupported(path, f"has {len(container.streams)} tracks, and {limits.max_tracks} are read; split it")
    streams = container.streams.audio
    if not streams:
        words = f"{path} has no sound track; nothing can be transcribed."
        raise FailureError(failure(FailureCode.MEDIA_NO_AUDIO, words))
    stream = _default(container) if wish.track is None else _wished(path, streams, wish.track)
    context = _context(stream)
    if context is None:
        raise _unsupported(path, "has a sound track in a codec that is not known; convert it")
    if _tag(stream) in _ENCRYPTED_TAGS or _ENCRYPTED_METADATA in container.metadata:
        raise encrypted(path)
    _check_shape(path, context, limits, wish)
    for other in container.streams:
        other.discard = Discard.default if other is stream else Discard.all
    context.thread_count = 1
    name = f"{container.format.name.partition(',')[0]}/{context.name}"
    return Track(
        path=path, container=container, stream=stream, demuxer=demuxer, number=streams.index(stream) + 1,
        tracks=len(streams), channels=context.channels, source_format=name, max_seconds=limits.max_seconds,
    )  # fmt: skip


def _check_shape(path: str, context: AudioCodecContext, limits: RecordingLimits, wish: SoundWish) -> None:
    most = limits.max_separate_channels if wish.channels == "separate" else limits.max_channels
    if not 1 <= context.channels <= most:
        raise _unsupported(path, f"has {context.channels} channels of sound, and 1 to {most} are read; mix it down")
    if not LOWEST_RATE <= context.sample_rate <= HIGHEST_RATE:
        words = (
            f"has a sample rate of {context.sample_rate} Hz, and {LOWEST_RATE} to {HIGHEST_RATE} are read; convert it"
        )
        raise _unsupported(path, words)


def _context(stream: AudioStream) -> AudioCodecContext | None:
    context = getattr(stream, "codec_context", None)
    return context if isinstance(context, AudioCodecContext) and context.name in DECODERS else None


def _tag(stream: AudioStream) -> str:
    try:
        return stream.codec_context.codec_tag
    except UnicodeDecodeError:  # the numbers that WAV uses for codecs are no letters
        return ""


def _default(container: InputContainer) -> AudioStream:
    """What FFmpeg would play, unless it is a commentary or made for those who hear or see less."""
    streams = container.streams.audio
    known = [stream for stream in streams if _context(stream) is not None] or list(streams)
    first = [stream for stream in known if not stream.disposition & _SECOND_CHOICE] or known
    best = container.streams.best("audio")
    return next((stream for stream in first if stream is best), first[0])


def _wished(path: str, streams: Sequence[AudioStream], wish: int | str) -> AudioStream:
    for number, stream in enumerate(streams, 1):
        if number == wish or (isinstance(wish, str) and same_language(wish, stream.language)):
            return stream
    there = ", ".join(f"{number} ({stream.language or 'no language'})" for number, stream in enumerate(streams, 1))
    words = f"{path} has no sound track {wish!r}; its tracks are {there}. Ask for one of these."
    raise FailureError(failure(FailureCode.INVALID_OPTIONS, words, field="track"))


def encrypted(path: str) -> FailureError:
    """Why a protected recording is refused."""
    return _unsupported(path, "is encrypted; export it without protection")


def _unsupported(path: str, words: str) -> FailureError:
    return FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, f"{path} {words}."))
