"""Listening to a recording: how long it is, where there is sound in it, and the tone words that are said.

Recordings of any sort are heard as 16 kHz mono, as Gemini hears them.
"""

import audioop
import io
from collections.abc import Iterator
from dataclasses import dataclass

import av

from simulator.hearing import RATE, Heard, hear

WINDOW_SAMPLES = 320
"""Sound is judged in windows of 20 ms."""
VOICED_PEAK = 164
"""A window is voiced from -46 dBFS (of 32,768)."""
JOIN_SECONDS = 0.3
"""Shorter pauses do not end a voiced stretch."""
SHORTEST_SECONDS = 0.06
"""Shorter bursts are no voiced stretch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """What was heard."""

    duration: float
    """Seconds."""
    voiced: tuple[tuple[float, float], ...]
    """Stretches with sound in them: (start, end) in seconds from the start."""
    words: tuple[Heard, ...] = ()
    """The tone words in it, those included that its edges cut."""


def listen(data: bytes, decoder: str) -> Sound:
    """What is in a recording that this decoder reads. Raises whatever FFmpeg raises."""
    pcm = b"".join(_decoded(data, decoder))
    return Sound(duration=round(len(pcm) / 2 / RATE, 2), voiced=_voiced(pcm), words=tuple(hear(pcm, fragments=True)))


def _voiced(pcm: bytes) -> tuple[tuple[float, float], ...]:
    voiced: list[tuple[float, float]] = []
    for at in range(0, len(pcm), 2 * WINDOW_SAMPLES):
        window = pcm[at : at + 2 * WINDOW_SAMPLES]
        if audioop.max(window, 2) < VOICED_PEAK:
            continue
        start, end = at / 2 / RATE, (at + len(window)) / 2 / RATE
        if voiced and start - voiced[-1][1] < JOIN_SECONDS:
            voiced[-1] = (voiced[-1][0], end)
        else:
            voiced.append((start, end))
    return tuple((round(start, 2), round(end, 2)) for start, end in voiced if end - start >= SHORTEST_SECONDS)


def _decoded(data: bytes, decoder: str) -> Iterator[bytes]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(io.BytesIO(data), mode="r", format=decoder) as container:
        for frame in container.decode(container.streams.audio[0]):
            for mono in resampler.resample(frame):
                yield bytes(mono.planes[0])[: mono.samples * 2]
        for mono in resampler.resample(None):
            yield bytes(mono.planes[0])[: mono.samples * 2]
