"""From a recording to its clips, portion by portion: decoding, planning and encoding go hand in hand over bounded buffers."""

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from media.audio import Clip, CutterPosition, Gate, Position, Recording, RecordingLimits, SoundWish
from media.channels import mixed, separated
from media.clips import CutRules
from media.cutter import CutClip, Cutter
from media.decode import trusted_seconds, windows
from media.flac import MIME_TYPE
from media.gate import next_gate, sound_steps
from media.measures import SAMPLE_RATE, SECOND_BYTES, STEP_SECONDS, WINDOW_SAMPLES, WINDOW_STEPS
from media.tracks import Track, open_track
from models.failures import FailureCode, FailureError, failure

_HEADER_BYTES = 16_384
"""What a FLAC file needs beside its samples, at most."""
_TOLERANCE = 1.02
"""A header that says this much more than the limit is believed without decoding."""
_ABSURD_RATIO = 2
"""So is a guess of FFmpeg's that says this much more."""


def prepared(path: str, folder: str, limits: RecordingLimits, wish: SoundWish, begin: Position | None) -> Recording:
    """See `media.audio.prepare_recording`."""
    track = open_track(path, limits, wish)
    with contextlib.closing(track.container):
        _check_said_length(track, limits)
        portion = _Portion.begun(track, Path(folder), limits, wish, begin)
        for window in windows(track, begin.checkpoint if begin else None, portion.window):
            _check_length(track, limits)
            portion.add(window)
            if portion.is_full:
                break
        else:
            portion.finish()
            _check_any(track, limits)
        return Recording(
            duration_seconds=round(track.duration_seconds, 3),
            said_seconds=track.said_seconds,
            channels=track.channels,
            clips=tuple(portion.clips),
            degraded=track.degraded,
            source_format=track.source_format,
            track=track.number,
            tracks=track.tracks,
            track_language=track.stream.language,
            rest=portion.rest,
        )


def cut_rules(limits: RecordingLimits, wish: SoundWish) -> CutRules:
    """The limits in steps; stretches that are too long for a short clip shrink with it."""
    longest = min(limits.clip_seconds, (limits.max_bytes - _HEADER_BYTES) / SECOND_BYTES)
    margin = _steps(limits.margin_seconds)
    return CutRules(
        max_steps=int(longest / STEP_SECONDS),
        search_steps=_steps(min(limits.search_seconds, longest / 2)),
        pause_steps=_steps(limits.pause_seconds),
        gap_steps=max(_steps(limits.gap_seconds), 2 * margin + 1),
        margin_steps=margin,
        overlap_steps=max(_steps(min(limits.overlap_seconds, longest / 4)), margin + 1),
        overlaps_always=wish.overlaps_always,
    )


def _steps(seconds: float) -> int:
    return max(1, round(seconds / STEP_SECONDS))


@dataclass(kw_only=True, slots=True)
class _Portion:
    """The clips of one portion, in order of their start, and what it takes to go on after the last of them."""

    track: Track
    limits: RecordingLimits
    wish: SoundWish
    cutters: tuple[Cutter, ...]
    """One for each channel, or one for all of them mixed."""
    window: int
    """The next window that comes."""
    index: int
    gates: deque[tuple[Gate | None, ...]]
    """Of each cutter, before each window that a next portion might begin with; the last is before the next window."""
    clips: list[Clip] = field(default_factory=list)
    rest: Position | None = None
    _waiting: list[deque[CutClip]] = field(default_factory=list)
    """Clips that are cut while another cutter may still have an earlier one."""
    _bytes: int = 0

    @classmethod
    def begun(
        cls, track: Track, folder: Path, limits: RecordingLimits, wish: SoundWish, begin: Position | None
    ) -> "_Portion":
        rules = cut_rules(limits, wish)
        numbers = range(1, track.channels + 1) if wish.channels == "separate" and track.channels > 1 else (None,)
        cutters = tuple(Cutter(folder=folder, rules=rules, channel=number) for number in numbers)
        gates: tuple[Gate | None, ...] = (None,) * len(cutters)
        if begin is not None:
            track.degraded, gates = begin.degraded, begin.gates
            for cutter, position in zip(cutters, begin.cutters, strict=True):
                cutter.position = position
        return cls(
            track=track, limits=limits, wish=wish, cutters=cutters, window=begin.window if begin else 0,
            index=begin.index if begin else 0, gates=deque([gates]), _waiting=[deque() for _ in cutters],
        )  # fmt: skip

    @property
    def is_full(self) -> bool:
        return self.rest is not None

    def add(self, window: bytes) -> None:
        """Take the next window and keep the clips that it completes, unless the portion is full before."""
        split = separated if len(self.cutters) > 1 else mixed
        channels, silence = split(window, self.track.channels), self.limits.silence_dbfs
        gates = tuple(
            next_gate(gate, each.levels, silence) for gate, each in zip(self.gates[-1], channels, strict=True)
        )
        for cutter, waiting, each, gate in zip(self.cutters, self._waiting, channels, gates, strict=True):
            sound = sound_steps(each.levels, gate, silence)
            waiting.extend(cutter.add(self.window, each.pcm, each.levels, sound))
        self.window += 1
        self.gates.append(gates)
        self._keep(is_end=False)
        self._forget()

    def finish(self) -> None:
        """Keep what is left."""
        for cutter, waiting in zip(self.cutters, self._waiting, strict=True):
            waiting.extend(cutter.finish())
        self._keep(is_end=True)

    def _keep(self, *, is_end: bool) -> None:
        while self.rest is None and (waiting := self._first(is_end=is_end)):
            cut = waiting.popleft()
            self._bytes += cut.size_bytes
            self.clips.append(self._clip(cut))
            self.index += 1
            if self._bytes >= self.limits.portion_bytes and not (is_end and not any(self._waiting)):
                self.rest = self._position()

    def _first(self, *, is_end: bool) -> deque[CutClip] | None:
        """Where the earliest clip waits; None where it is not known yet."""
        ready = [waiting for waiting in self._waiting if waiting]
        if not ready:
            return None
        first = min(ready, key=lambda waiting: (waiting[0].start_steps, waiting[0].channel or 0))
        start = first[0].start_steps
        idle = (cutter for cutter, waiting in zip(self.cutters, self._waiting, strict=True) if not waiting)
        return first if is_end or all(cutter.next_start_steps > start for cutter in idle) else None

    def _clip(self, cut: CutClip) -> Clip:
        if self.index >= self.limits.max_clips:
            words = (
                f"{self.track.path} falls into more than {self.limits.max_clips} clips; split it or raise the limit."
            )
            raise FailureError(failure(FailureCode.MEDIA_TOO_LARGE, words, max_clips=self.limits.max_clips))
        start = self.track.start_seconds + cut.start_steps * STEP_SECONDS
        return Clip(
            index=self.index,
            start_seconds=round(start, 3),
            end_seconds=round(start + cut.seconds, 3),
            overlap_seconds=round(cut.overlap_seconds, 3),
            channel=cut.channel,
            sounds=cut.sounds,
            path=str(cut.path),
            mime_type=MIME_TYPE,
            size_bytes=cut.size_bytes,
        )

    def _position(self) -> Position:
        cutters = tuple(self._positions())
        for cut in (cut for waiting in self._waiting for cut in waiting):
            cut.path.unlink()  # the next portion makes it again
        window = self._first_window(cutters)
        return Position(
            checkpoint=self.track.checkpoint_for(window * WINDOW_SAMPLES),
            window=window,
            index=self.index,
            degraded=self.track.degraded,
            gates=self.gates[window - self.window - 1],
            cutters=cutters,
        )

    def _positions(self) -> Iterator[CutterPosition]:
        for cutter, waiting in zip(self.cutters, self._waiting, strict=True):
            yield waiting[0].before if waiting else cutter.position

    def _first_window(self, positions: tuple[CutterPosition, ...]) -> int:
        return min(self.window, *(position.origin_steps // WINDOW_STEPS for position in positions))

    def _forget(self) -> None:
        window = self._first_window(tuple(self._positions()))
        while len(self.gates) > self.window - window + 1:
            self.gates.popleft()
        self.track.forget_before(window * WINDOW_SAMPLES)


def _check_said_length(track: Track, limits: RecordingLimits) -> None:
    """Before anything is decoded, let alone sent."""
    for said, ratio in ((trusted_seconds(track), _TOLERANCE), (track.said_seconds, _ABSURD_RATIO)):
        if said is not None and said > limits.max_seconds * ratio:
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
