"""Frames of any rate and format become 16-bit samples at 16 kHz, counted exactly, so that it can be taken up again.

A resampler remembers the samples before. One that is to go on where another stopped begins at a whole second of the
other's input, where both count in step, and its first second of output is not used.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout

from media.audio import Checkpoint
from media.measures import SAMPLE_BYTES, SAMPLE_RATE

_WARM_UP_SAMPLES = SAMPLE_RATE
_MANY_SAMPLES = 32_768


@dataclass(kw_only=True, slots=True)
class Feed:
    """Takes frames, gives samples."""

    layout: AudioLayout
    base: int = 0
    """Samples that were out when the resampler in use began."""
    fed: int = 0
    """Samples, at their own rate, that it has taken."""
    delivered: int = 0
    _resampler: av.AudioResampler | None = None
    _waiting: av.AudioFifo = field(default_factory=av.AudioFifo)
    """Frames are resampled many at a time: each call costs as much as a frame of MP3 itself."""
    _shape: tuple[str, str, int] | None = None
    _skip: int = 0

    @property
    def seconds(self) -> Fraction:
        """How much sound has been taken in all."""
        rate = self._shape[2] if self._shape else 1
        return Fraction(self.base, SAMPLE_RATE) + Fraction(self.fed, rate)

    def checkpoint(self, *, packets: int, kept: int, first_time: float | None) -> Checkpoint:
        """Where another feed could go on, before the next frame is taken."""
        rate = self._shape[2] if self._shape else 1
        seconds = -(-self.fed // rate)
        from_sample = self.base + (seconds * SAMPLE_RATE + _WARM_UP_SAMPLES if seconds else 0)
        return Checkpoint(
            packets=packets, kept=kept, base=self.base, fed=self.fed, from_sample=from_sample, first_time=first_time
        )

    def adopt(self, frame: AudioFrame) -> Iterator[bytes]:
        """Get ready for a frame: where it is not like the one before, what came before is finished."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape == self._shape:
            return
        if self._resampler is not None:
            yield from self.finish()
            self.base, self.fed = self.delivered, 0
        self._shape = shape
        self._skip = -self.fed % frame.sample_rate
        if self.fed:
            self.delivered = self.base + (self.fed + self._skip) // frame.sample_rate * SAMPLE_RATE
        self._waiting = av.AudioFifo()
        self._resampler = av.AudioResampler(format="s16", layout=self.layout, rate=SAMPLE_RATE, frame_size=SAMPLE_RATE)

    def take(self, frame: AudioFrame) -> Iterator[bytes]:
        """The samples that this frame completes; it must have been adopted, or be like the one that was."""
        self.fed += frame.samples
        if self._skip:
            left_out = min(self._skip, frame.samples)
            self._skip -= left_out
            if left_out == frame.samples:
                return
            frame = _without_beginning(frame, left_out)
        frame.pts = None  # where stamps jump, FFmpeg would warn and go on all the same
        self._waiting.write(frame)
        if self._waiting.samples >= _MANY_SAMPLES:
            yield from self._resampled(self._waiting.read())

    def finish(self) -> Iterator[bytes]:
        """What is still held."""
        if self._waiting.samples:
            yield from self._resampled(self._waiting.read())
        yield from self._resampled(None)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[bytes]:
        if self._resampler is None:
            return
        frame_bytes = SAMPLE_BYTES * self.layout.nb_channels
        for out in self._resampler.resample(frame):
            self.delivered += out.samples
            yield bytes(out.planes[0])[: out.samples * frame_bytes]  # a plane may be padded


def silence_like(frame: AudioFrame, samples: int) -> AudioFrame:
    """A frame of nothing in the same shape."""
    quiet = _frame_like(frame, samples)
    nothing = b"\x80" if frame.format.name in {"u8", "u8p"} else b"\0"
    for plane in quiet.planes:
        plane.update(nothing * plane.buffer_size)
    return quiet


def _without_beginning(frame: AudioFrame, samples: int) -> AudioFrame:
    rest = _frame_like(frame, frame.samples - samples)
    width = frame.format.bytes * (1 if frame.format.is_planar else frame.layout.nb_channels)
    for plane, whole in zip(rest.planes, frame.planes, strict=True):
        kept = bytes(whole)[samples * width : frame.samples * width]
        plane.update(kept.ljust(plane.buffer_size, b"\0"))
    return rest


def _frame_like(frame: AudioFrame, samples: int) -> AudioFrame:
    made = av.AudioFrame(format=frame.format.name, layout=frame.layout, samples=samples)
    made.sample_rate = frame.sample_rate
    return made
