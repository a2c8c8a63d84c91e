"""Cuts one channel of a recording, or all of them mixed, into clips while it is being decoded, over one bounded buffer."""

from dataclasses import dataclass, field
from pathlib import Path

from media.audio import CutterPosition
from media.clips import CutRules, Sound, next_cut, stretches
from media.flac import write_flac
from media.measures import SECOND_BYTES, STEP_BYTES, STEP_SECONDS, WINDOW_STEPS

_PAUSE_STEPS = 10
"""Shorter pauses are not told apart in what is said of a clip's sound."""
_BEGINNING = CutterPosition(origin_steps=0, covered_steps=0, previous_end_steps=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class CutClip:
    """A clip that is written, on the clock that begins with the first sample."""

    channel: int | None
    start_steps: int
    seconds: float
    overlap_seconds: float
    sounds: tuple[tuple[float, float], ...]
    path: Path
    size_bytes: int
    before: CutterPosition
    """Where the cutter stood when this clip was next."""


@dataclass(kw_only=True, slots=True)
class Cutter:
    """Samples that are not in a clip yet, and their loudness."""

    folder: Path
    rules: CutRules
    channel: int | None
    position: CutterPosition = _BEGINNING
    _pcm: bytearray = field(default_factory=bytearray)
    _levels: list[float] = field(default_factory=list)
    _sound: bytearray = field(default_factory=bytearray)

    def add(self, window: int, pcm: bytes, levels: list[float], sound: bytes) -> list[CutClip]:
        """Take a window (whole steps, but for the last one) and write the clips that it completes."""
        known = max(0, self.position.origin_steps + len(self._levels) - window * WINDOW_STEPS)
        self._pcm += memoryview(pcm)[known * STEP_BYTES :]
        self._levels += levels[known:]
        self._sound += sound[known:]
        return self._written(is_end=False)

    def finish(self) -> list[CutClip]:
        """Write what is left."""
        return self._written(is_end=True)

    @property
    def next_start_steps(self) -> int:
        """No clip that is still to come begins earlier."""
        first = self._sound.find(1)
        ahead = len(self._sound) if first < 0 else first
        return self.position.origin_steps + max(0, ahead - self.rules.margin_steps)

    def _written(self, *, is_end: bool) -> list[CutClip]:
        clips: list[CutClip] = []
        covered = self.position.covered_steps
        while cut := next_cut(self._levels, self._sound, self.rules, covered=covered, is_end=is_end):
            end = self.position.previous_end_steps
            if cut.clip is not None:
                clips.append(self._clip(*cut.clip))
                end = self.position.origin_steps + cut.clip[1]
            self._drop(cut.resume)
            origin = self.position.origin_steps + cut.resume
            covered = cut.covered
            self.position = CutterPosition(origin_steps=origin, covered_steps=covered, previous_end_steps=end)
        return clips

    def _clip(self, first: int, end: int) -> CutClip:
        start = self.position.origin_steps + first
        path = self.folder / f"clip-{self.channel or 0}-{start:07}.flac"
        with memoryview(self._pcm) as view, view[first * STEP_BYTES : end * STEP_BYTES] as pcm:
            size_bytes = write_flac(path, pcm)
            seconds = len(pcm) / SECOND_BYTES
        return CutClip(
            channel=self.channel,
            start_steps=start,
            seconds=seconds,
            overlap_seconds=max(0, self.position.previous_end_steps - start) * STEP_SECONDS,
            sounds=sounds_in(self._sound[first:end], seconds),
            path=path,
            size_bytes=size_bytes,
            before=self.position,
        )

    def _drop(self, steps: int) -> None:
        del self._pcm[: steps * STEP_BYTES]
        del self._levels[:steps]
        del self._sound[:steps]


def sounds_in(sound: Sound, seconds: float) -> tuple[tuple[float, float], ...]:
    """Where in a clip of that length there is sound, in seconds from its start."""
    return tuple(
        (round(start * STEP_SECONDS, 3), round(min(seconds, end * STEP_SECONDS), 3))
        for start, end in stretches(sound, _PAUSE_STEPS)
    )
