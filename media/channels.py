"""What becomes of several channels: one mix without loss, or each by itself, to be cut and transcribed apart.

Everything is decided over one window of 10 s and over nothing else, so it is the same wherever decoding begins.
pydub mixes; it holds what it works on in memory, so it is only given such windows.
"""

import array
import audioop
import math
import warnings
from dataclasses import dataclass

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pydub misses an ffmpeg program, which only its file functions would call
    from pydub import AudioSegment

from media.loudness import SILENT_DBFS, levels
from media.measures import SAMPLE_BYTES, SAMPLE_RATE, STEP_BYTES

_DEAD_CHANNEL_RATIO = 0.01
_CANCELLED_RATIO = 0.3
"""Two strangers' voices mix to 0.7 of one channel, a channel and its own inverse to nothing."""
_COPY_RATIO = 0.1
"""A channel is a copy where no more than this of it is left when another is taken away, at its best level."""
_MUCH_LOUDER = 2
_BLEED_DB = 20.0
"""What is this much quieter than another channel came from there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelWindow:
    """A window of one channel, or of all of them mixed."""

    pcm: bytes
    levels: list[float]
    """The loudness of each step, dBFS; silence where the sound belongs to another channel."""


def mixed(pcm: bytes, channels: int) -> tuple[ChannelWindow, ...]:
    """The window with every voice in one channel."""
    one = mono(pcm, channels)
    return (ChannelWindow(pcm=one, levels=levels(one)),)


def separated(pcm: bytes, channels: int) -> tuple[ChannelWindow, ...]:
    """The window of each channel, in which what belongs to another channel is silent.

    A channel that is a copy of an earlier one, or of one that is much louder, is silent as a whole, inverted or not;
    where another channel is much louder, what is heard is its bleed.
    """
    parts = _apart(pcm, channels)
    loudness = [audioop.rms(part, SAMPLE_BYTES) for part in parts]
    kept = [number for number in range(channels) if loudness[number]]
    for number in tuple(kept):
        others = [other for other in kept if other != number and _goes_before(other, number, loudness)]
        if any(_is_copy(parts[number], parts[other]) for other in others):
            kept.remove(number)
            parts[number] = bytes(len(parts[number]))
    steps = [levels(part) for part in parts]
    loudest = [max(step) for step in zip(*steps, strict=True)]
    return tuple(_without_bleed(part, own, loudest) for part, own in zip(parts, steps, strict=True))


def _apart(pcm: bytes, channels: int) -> list[bytes]:
    """The channels of interleaved 16-bit samples."""
    if channels == 1:
        return [pcm]
    samples = array.array("h", pcm)
    return [samples[number::channels].tobytes() for number in range(channels)]


def _goes_before(one: int, other: int, loudness: list[int]) -> bool:
    """Is this the one of two channels that stays, where they are the same?"""
    if one < other:
        return loudness[other] <= _MUCH_LOUDER * loudness[one]
    return loudness[one] > _MUCH_LOUDER * loudness[other]


def _is_copy(part: bytes, other: bytes) -> bool:
    """Is next to nothing left of a channel when another is taken away from it, as much of it as fits best?"""
    rms = audioop.rms(part, SAMPLE_BYTES)
    taken = audioop.findfactor(part, other) * audioop.rms(other, SAMPLE_BYTES)
    return rms**2 - taken**2 <= (_COPY_RATIO * rms) ** 2


def _without_bleed(pcm: bytes, own: list[float], loudest: list[float]) -> ChannelWindow:
    is_bleed = [level < most - _BLEED_DB for level, most in zip(own, loudest, strict=True)]
    if not any(is_bleed):
        return ChannelWindow(pcm=pcm, levels=own)
    quieted = bytearray(pcm)
    for step, quiet in enumerate(is_bleed):
        if quiet:
            piece = slice(step * STEP_BYTES, min(len(pcm), (step + 1) * STEP_BYTES))
            quieted[piece] = bytes(piece.stop - piece.start)
    kept = [SILENT_DBFS if quiet else level for level, quiet in zip(own, is_bleed, strict=True)]
    return ChannelWindow(pcm=bytes(quieted), levels=kept)


def mono(pcm: bytes, channels: int) -> bytes:
    """One channel of 16-bit samples out of several interleaved ones, with every voice in it.

    Channels that are dead beside the others do not thin out the mix; where channels cancel each other, as when one
    was wired the wrong way round, the loudest is taken instead.
    """
    if channels == 1:
        return pcm
    segments = [AudioSegment(data=part, sample_width=SAMPLE_BYTES, frame_rate=SAMPLE_RATE, channels=1)
                for part in _apart(pcm, channels)]  # fmt: skip
    parts = sorted(segments, key=lambda part: part.rms, reverse=True)
    alive = [part for part in parts if part.rms > parts[0].rms * _DEAD_CHANNEL_RATIO] or parts[:1]
    share = -20 * math.log10(len(alive))
    mix = alive[0].apply_gain(share)
    for part in alive[1:]:
        mix = mix.overlay(part.apply_gain(share))
    is_cancelled = mix.rms < _CANCELLED_RATIO * alive[0].rms / math.sqrt(len(alive) / 2)
    data: bytes = (alive[0] if len(alive) > 1 and is_cancelled else mix).raw_data
    return data
