"""pydub's part in preparing a recording: one channel out of several, and how loud each 50 ms of it are.

pydub holds what it works on in memory, so it is only given windows of a few seconds.
"""

import math
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pydub misses an ffmpeg program, which only its file functions would call
    from pydub import AudioSegment
    from pydub.utils import make_chunks

SAMPLE_RATE = 16_000
SAMPLE_BYTES = 2
STEP_SECONDS = 0.05
STEP_BYTES = int(SAMPLE_RATE * STEP_SECONDS) * SAMPLE_BYTES
"""Bytes of one step of one channel."""

_FULL_SCALE = 32_768
_SILENT_DBFS = -120.0
_DEAD_CHANNEL_RATIO = 0.01
_CANCELLED_RATIO = 0.3
"""Two strangers' voices mix to 0.7 of one channel, a channel and its own inverse to nothing."""


def mono(pcm: bytes, channels: int) -> bytes:
    """One channel of 16-bit samples out of several interleaved ones, with every voice in it.

    Channels that are dead beside the others do not thin out the mix; where channels cancel each other, as when one
    was wired the wrong way round, the loudest is taken instead.
    """
    if channels == 1:
        return pcm
    segment = AudioSegment(data=pcm, sample_width=SAMPLE_BYTES, frame_rate=SAMPLE_RATE, channels=channels)
    parts = sorted(segment.split_to_mono(), key=lambda part: part.rms, reverse=True)
    alive = [part for part in parts if part.rms > parts[0].rms * _DEAD_CHANNEL_RATIO] or parts[:1]
    share = -20 * math.log10(len(alive))
    mixed = alive[0].apply_gain(share)
    for part in alive[1:]:
        mixed = mixed.overlay(part.apply_gain(share))
    is_cancelled = mixed.rms < _CANCELLED_RATIO * alive[0].rms / math.sqrt(len(alive) / 2)
    data: bytes = (alive[0] if len(alive) > 1 and is_cancelled else mixed).raw_data
    return data


def levels(pcm: bytes) -> list[float]:
    """The loudness of each step of one channel, dBFS (0 is full scale, -120 stands for nothing at all)."""
    segment = AudioSegment(data=pcm, sample_width=SAMPLE_BYTES, frame_rate=SAMPLE_RATE, channels=1)
    chunks = make_chunks(segment, round(STEP_SECONDS * 1000))
    return [20 * math.log10(chunk.rms / _FULL_SCALE) if chunk.rms else _SILENT_DBFS for chunk in chunks]
