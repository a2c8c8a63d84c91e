"""From a recording to its clips: decoding, planning and encoding go hand in hand over one bounded buffer."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from media.audio import Clip, Recording, RecordingLimits
from media.clips import Cut, CutRules, next_cut
from media.decode import Track, open_track, windows
from media.flac import MIME_TYPE, write_flac
from media.loudness import SAMPLE_BYTES, SAMPLE_RATE, STEP_BYTES, STEP_SECONDS, levels, mono
from models.failures import FailureCode, FailureError, failure

_BYTES_PER_SECOND = SAMPLE_RATE * SAMPLE_BYTES
_HEADER_BYTES = 16_384
"""What a FLAC file needs beside its samples, at most."""
_ABSURD_RATIO = 2
"""A header that says this much more than the limit is believed without decoding."""


def prepared(path: str, folder: str, limits: RecordingLimits) -> Recording:
    """See `media.audio.prepare_recording`."""
    track = open_track(path)
    with contextlib.closing(track.container):
        _check_said_length(track, limits)
        cutter = _Cutter(folder=Path(folder), rules=_rules(limits))
        for window in windows(track):
            _check_length(track, limits)
            cutter.add(mono(window, track.channels), track.start_seconds or 0.0)
        cutter.finish(track.start_seconds or 0.0)
        _check_any(track, limits)
        return Recording(
            duration_seconds=round(track.duration_seconds, 3),
            channels=track.channels,
            clips=tuple(cutter.clips),
            degraded=track.degraded,
            source_format=track.source_format,
        )


def _rules(limits: RecordingLimits) -> CutRules:
    """The limits in steps; stretches that are too long for a short clip shrink with it."""
    longest = min(limits.clip_seconds, (limits.max_bytes - _HEADER_BYTES) / _BYTES_PER_SECOND)
    margin = _steps(limits.margin_seconds)
    return CutRules(
        max_steps=int(longest / STEP_SECONDS),
        search_steps=_steps(min(limits.search_seconds, longest / 2)),
        pause_steps=_steps(limits.pause_seconds),
        gap_steps=max(_steps(limits.gap_seconds), 2 * margin + 1),
        margin_steps=margin,
        overlap_steps=max(_steps(min(limits.overlap_seconds, longest / 4)), margin + 1),
        silence_dbfs=limits.silence_dbfs,
    )


def _steps(seconds: float) -> int:
    return max(1, round(seconds / STEP_SECONDS))


@dataclass(kw_only=True, slots=True)
class _Cutter:
    """Samples that are not in a clip yet, their loudness, and the clips written so far."""

    folder: Path
    rules: CutRules
    clips: list[Clip] = field(default_factory=list)
    _pcm: bytearray = field(default_factory=bytearray)
    _levels: list[float] = field(default_factory=list)
    _origin_steps: int = 0
    """Where the buffer begins, counted from the first sample."""
    _covered_steps: int = 0
    """How much of the buffer's beginning is in the clip before."""

    def add(self, pcm: bytes, start_seconds: float) -> None:
        """Take the next samples (whole steps, but for the last time) and write the clips that they complete."""
        self._pcm += pcm
        self._levels += levels(pcm)
        self._write(start_seconds, is_end=False)

    def finish(self, start_seconds: float) -> None:
        """Write what is left."""
        self._write(start_seconds, is_end=True)

    def _write(self, start_seconds: float, *, is_end: bool) -> None:
        while cut := next_cut(self._levels, self.rules, covered=self._covered_steps, is_end=is_end):
            if cut.clip is not None:
                self.clips.append(self._clip(*cut.clip, start_seconds))
            self._drop(cut)

    def _clip(self, first: int, end: int, start_seconds: float) -> Clip:
        index = len(self.clips)
        path = self.folder / f"clip-{index:04}.flac"
        with memoryview(self._pcm) as view, view[first * STEP_BYTES : end * STEP_BYTES] as pcm:
            size_bytes = write_flac(path, pcm)
            seconds = len(pcm) / _BYTES_PER_SECOND
        begin = start_seconds + (self._origin_steps + first) * STEP_SECONDS
        previous_end = self.clips[-1].end_seconds if self.clips else 0.0
        return Clip(
            index=index,
            start_seconds=round(begin, 3),
            end_seconds=round(begin + seconds, 3),
            overlap_seconds=round(max(0.0, previous_end - begin), 3),
            path=str(path),
            mime_type=MIME_TYPE,
            size_bytes=size_bytes,
        )

    def _drop(self, cut: Cut) -> None:
        del self._pcm[: cut.resume * STEP_BYTES]
        del self._levels[: cut.resume]
        self._origin_steps += cut.resume
        self._covered_steps = cut.covered


def _check_said_length(track: Track, limits: RecordingLimits) -> None:
    said = (track.container.duration or 0) / 1_000_000
    if said > limits.max_seconds * _ABSURD_RATIO:
        raise _too_long(track, said, limits)


def _check_length(track: Track, limits: RecordingLimits) -> None:
    if track.duration_seconds > limits.max_seconds:
        raise _too_long(track, track.duration_seconds, limits)


def _too_long(track: Track, seconds: float, limits: RecordingLimits) -> FailureError:
    words = f"{track.path} is longer than the {limits.max_seconds:g} s allowed; split it or raise the limit."
    return FailureError(failure(FailureCode.MEDIA_TOO_LONG, words, seconds=seconds, max_seconds=limits.max_seconds))


def _check_any(track: Track, limits: RecordingLimits) -> None:
    seconds = track.samples / SAMPLE_RATE
    if seconds >= limits.min_seconds:
        return
    if track.degraded:
        code, words = FailureCode.MEDIA_CORRUPT, "is damaged and cannot be decoded; copy or export it again"
    elif track.samples == 0:
        code, words = FailureCode.MEDIA_EMPTY, "holds no sound at all (0 samples); record or export it again"
    else:
        code, words = FailureCode.MEDIA_TOO_SHORT, f"is only {seconds:.3f} s long; there is nothing to transcribe"
    raise FailureError(failure(code, f"{track.path} {words}.", seconds=seconds))
