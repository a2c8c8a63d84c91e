"""One recording as Gemini should hear it: 16 kHz mono FLAC clips, cut in pauses, without the stretches of silence.

The recording is decoded once, as a stream; no more than one clip of it is in memory at a time. Times are seconds on
the recording's own clock, on which its sound may begin later than zero. The sound track of a film is a recording.
`prepare_recording` belongs into a decoding process; importing this module is cheap and safe anywhere.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingLimits:
    """How long a recording may be, and how it is cut."""

    max_seconds: float = 12 * 3600
    min_seconds: float = 0.1
    clip_seconds: float = 600.0
    """The longest clip; shorter ones follow from `max_bytes`."""
    max_bytes: int = 20_000_000
    """The largest clip. FLAC is never larger than its samples, so 32,000 bytes hold a second, whatever it sounds like."""
    search_seconds: float = 120.0
    """How far before the end of a full clip a pause is looked for."""
    pause_seconds: float = 0.3
    """The shortest pause to cut in."""
    gap_seconds: float = 10.0
    """A stretch without sound of this length is left out. To begin a new clip costs a call, so shorter ones stay in."""
    margin_seconds: float = 0.3
    """How much silence is kept before and after sound."""
    overlap_seconds: float = 8.0
    """What two clips share where no pause was found."""
    silence_dbfs: float = -50.0
    """What is not louder than this is no sound; in a recording that is quiet as a whole, the border lies lower."""
    portion_bytes: int = 48_000_000
    """Preparation pauses after the clip with which the clips written take this much room, and is called again."""
    max_channels: int = 16
    max_separate_channels: int = 8
    """How many channels may be transcribed each by itself."""
    max_tracks: int = 100
    """Of all kinds, sound or not."""
    max_clips: int = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundWish:
    """What of the sound is wanted."""

    track: int | str | None = None
    """Which sound track of a film: its number from 1, or its language (`de`, `ger`); None is the one meant to be played."""
    channels: Literal["mix", "separate"] = "mix"
    """One transcript of all channels mixed, or one of each channel, on one clock."""
    overlaps_always: bool = False
    """Clips overlap at pauses too, so that voices can be told to be the same on both sides."""


_ALL_MIXED = SoundWish()


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """Where decoding can go on as if it had never stopped. Samples are counted from the first one, at 16 kHz."""

    packets: int
    """How many packets of the track are stepped over without decoding them."""
    kept: int
    """Packets before this one are decoded only to bring the decoder into the state that it had."""
    base: int
    """Samples that were out when the resampler in use began."""
    fed: int
    """Samples, at the track's own rate, that this resampler had taken before packet `kept`."""
    from_sample: int
    """The first sample that comes out as if decoding had begun at the beginning."""
    first_time: float | None
    """The timestamp of the first sample of all, in seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """What is known of a recording's loudness up to some moment, dBFS: how quiet its pauses and how loud its sound is."""

    floor_dbfs: float
    loudest_dbfs: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CutterPosition:
    """How far the cutting of one channel, or of all of them mixed, has come, in steps of 50 ms."""

    origin_steps: int
    """Everything before is in a clip or silent."""
    covered_steps: int
    """How much from there on is in a clip already."""
    previous_end_steps: int
    """Where the last clip ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where one portion of a long recording ended and the next one begins: plain numbers, made for the same file."""

    checkpoint: Checkpoint
    window: int
    """The first window of 10 s that is needed again."""
    index: int
    """The number of the next clip."""
    degraded: bool
    gates: tuple[Gate | None, ...]
    """Before that window: of each channel that is cut by itself, or of the mix. `cutters` likewise."""
    cutters: tuple[CutterPosition, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A stretch of a recording that is sent in one call."""

    index: int
    """0, 1, 2 … in order of time, on through all portions and channels."""
    start_seconds: float
    end_seconds: float
    overlap_seconds: float
    """How much of its beginning the clip before it (of its channel) holds too."""
    channel: int | None = None
    """Which channel of the recording it holds, from 1; None where it holds all of them, mixed."""
    sounds: tuple[tuple[float, float], ...] = ()
    """Stretches with sound, from and to, in seconds from the clip's start; pauses under 0.5 s are not told apart."""
    path: str
    mime_type: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A recording ready to be sent."""

    duration_seconds: float
    """The end of its sound on its own clock, as decoded so far; headers are not trusted."""
    said_seconds: float | None
    """What its header says, good enough to show progress; None where it says nothing."""
    channels: int
    """Of the original; what is sent has one."""
    clips: tuple[Clip, ...]
    """None at all where the recording holds no sound."""
    degraded: bool
    """Something of it could not be decoded, or it is shorter than it says."""
    source_format: str
    """Container and codec as FFmpeg names them, such as `mp3/mp3float`."""
    track: int
    """Which of its sound tracks this is, from 1."""
    tracks: int
    """How many sound tracks it has."""
    track_language: str | None
    """The language that the track is marked with, as written in the file."""
    rest: Position | None
    """Where the next portion begins; None where these are the last clips."""


def prepare_recording(
    path: str, folder: str, limits: RecordingLimits, wish: SoundWish = _ALL_MIXED, begin: Position | None = None
) -> Recording:
    """Decode, check and cut the recording in this file; the clips are written into the folder, which must exist.

    Of a long recording only a portion is prepared: call again with `begin` set to its `rest`, and the same file,
    limits and wish. The clips of all portions are those that one call without a limit of bytes would make.

    Raises FailureError: media_corrupt (nothing could be decoded), media_no_audio (a film without sound track),
    media_empty (no samples), media_too_short, media_too_long, media_too_large (too many clips), media_unsupported
    (unknown format or codec, encrypted, too many channels or tracks), invalid_options (no such track),
    source_not_found, source_forbidden. Clips written before a failure stay in the folder: it is the caller's.
    """
    from media import portions  # PyAV and pydub are only for the process that decodes

    return portions.prepared(path, folder, limits, wish, begin)


def split_clip(path: str, folder: str, *, prefix: str, limits: RecordingLimits) -> tuple[Clip, ...]:
    """A clip that `prepare_recording` wrote, cut in two: in the longest pause of its middle half, else with an overlap.

    Times count from the start of the clip that is split. The files are named `PREFIX-0.flac` and `PREFIX-1.flac`.
    None at all where the clip is shorter than 10 s. Raises FailureError as `prepare_recording` does.
    """
    from media import split

    return split.halves(path, folder, prefix=prefix, limits=limits)
