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
    """What is not louder than this is no sound."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundWish:
    """What of the sound is wanted."""

    track: int | str | None = None
    """Which sound track of a film: its number from 1, or its language (`de`, `ger`); None is the one meant to be played."""
    channels: Literal["mix", "separate"] = "mix"
    """One transcript of all channels mixed, or one of each channel, on one clock."""
    overlaps_always: bool = False
    """Clips overlap at pauses too, so that voices can be told to be the same on both sides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where one portion of a long recording ended and the next one begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A stretch of a recording that is sent in one call."""

    index: int
    """0, 1, 2 … in order of time."""
    start_seconds: float
    end_seconds: float
    overlap_seconds: float
    """How much of its beginning the clip before it holds too; 0 where the cut is in a pause."""
    path: str
    mime_type: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A recording ready to be sent."""

    duration_seconds: float
    """The end of its sound on its own clock, as decoded; headers are not trusted."""
    channels: int
    """Of the original; what is sent has one."""
    clips: tuple[Clip, ...]
    """None at all where the recording holds no sound."""
    degraded: bool
    """Something of it could not be decoded, or it is shorter than it says."""
    source_format: str
    """Container and codec as FFmpeg names them, such as `mp3/mp3float`."""


def prepare_recording(path: str, folder: str, limits: RecordingLimits) -> Recording:
    """Decode, check and cut the recording in this file; the clips are written into the folder, which must exist.

    Raises FailureError: media_corrupt (nothing could be decoded), media_no_audio (a film without sound track),
    media_empty (no samples), media_too_short, media_too_long, media_unsupported (unknown format or codec),
    source_not_found, source_forbidden. Clips written before a failure stay in the folder: it is the caller's.
    """
    from media import sound  # PyAV and pydub are only for the process that decodes

    return sound.prepared(path, folder, limits)
