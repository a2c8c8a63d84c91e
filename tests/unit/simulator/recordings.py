"""Stand-in speech as recordings: encoded as people's files are, and decoded as the simulator decodes them."""

import array
import io
import random
from collections.abc import Iterable
from typing import Any

import av

from simulator.speech import Item, Spoken, spoken

RATE = 16_000


def said(script: Iterable[Item], rate: int = RATE) -> tuple[bytes, list[Spoken]]:
    """The whole speech as 16-bit mono samples, and its words."""
    items = list(spoken(script, rate=rate))
    return b"".join(item.block for item in items), [item for item in items if item.word]


def encoded(pcm: bytes, container: str, codec: str, *, rate: int = RATE, bit_rate: int | None = None) -> bytes:
    """16-bit mono samples as a file."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate, layout="mono")
        if bit_rate:
            stream.bit_rate = bit_rate
        for start in range(0, len(pcm), 2 * rate):
            block = pcm[start : start + 2 * rate]
            frame = av.AudioFrame(format="s16", layout="mono", samples=len(block) // 2)
            frame.sample_rate, frame.pts = rate, start // 2
            frame.planes[0].update(block)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target.getvalue()


def decoded(data: bytes) -> bytes:
    """A file as 16-bit mono samples of 16 kHz."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(io.BytesIO(data), "r") as container:
        frames = [*container.decode(audio=0), None]
        return b"".join(
            bytes(mono.planes[0])[: mono.samples * 2] for frame in frames for mono in resampler.resample(frame)
        )


def noise(seconds: float, level: float, seed: int = 1) -> bytes:
    """White noise of that root mean square (of 32,768)."""
    chance = random.Random(seed)
    return array.array("h", (round(chance.gauss(0, level)) for _ in range(round(seconds * RATE)))).tobytes()
