"""Recordings of stand-in speech with the truth beside them: what is said in them, when, and by which voice."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream

from simulator.speech import Item, random_script, spoken


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word that was said."""

    word: str
    start: float
    end: float
    voice: int


@dataclass(frozen=True, kw_only=True)
class Speech:
    """A recording, and all that is said in it."""

    path: Path
    words: Sequence[Word]

    @property
    def text(self) -> list[str]:
        """The words alone."""
        return [word.word for word in self.words]


def record(
    path: Path,
    script: Iterable[Item],
    *,
    codec: str = "flac",
    rate: int = 16_000,
    bit_rate: int | None = None,
    options: dict[str, str] | None = None,
) -> Speech:
    """Speak the script into a file, whose container follows from its name; no more than a second is in memory.

    `options` are those of the container.
    """
    words: list[Word] = []
    with av.open(str(path), "w", options=options or {}) as out:
        quick = {"compression_level": "9"} if codec == "libmp3lame" else {}
        stream = out.add_stream(codec, rate=rate, layout="mono", options=quick)
        assert isinstance(stream, AudioStream)
        if bit_rate:
            stream.bit_rate = bit_rate
        waiting, written = bytearray(), 0
        for piece in spoken(script, rate=rate):
            waiting += piece.block
            if piece.word is not None and piece.voice is not None:
                words.append(Word(word=piece.word, start=piece.start, end=piece.end, voice=piece.voice))
            if len(waiting) >= 2 * rate:
                written = _encode(out, stream, waiting, written)
        _encode(out, stream, waiting, written)
        out.mux(stream.encode(None))
    return Speech(path=path, words=words)


def record_random(path: Path, seconds: float, *, seed: int = 1, pauses: bool = True, **how: Any) -> Speech:
    """Sentences of one voice for so many seconds; `how` goes to `record`."""
    return record(path, random_script(seconds, seed, pauses=pauses), **how)


def word_errors(truth: Sequence[str], heard: Sequence[str]) -> int:
    """Words lost, added and changed."""
    blocks = SequenceMatcher(None, truth, heard, autojunk=False).get_opcodes() if truth != heard else []
    return sum(max(b - a, d - c) for kind, a, b, c, d in blocks if kind != "equal")


def worst_time_error(speech: Speech, segments: Sequence[Mapping[str, Any]]) -> float:
    """By how many seconds the times of lines lie beside those of their first and last words; the words must all be there."""
    worst, at = 0.0, 0
    for segment in segments:
        count = len(segment["text"].split())
        first, last = speech.words[at], speech.words[at + count - 1]
        worst = max(worst, abs(segment["start"] - first.start), abs(segment["end"] - last.end))
        at += count
    assert at == len(speech.words)
    return worst


def _encode(out: av.container.OutputContainer, stream: AudioStream, waiting: bytearray, written: int) -> int:
    """Encode and clear what waits; how many samples are written then."""
    samples = len(waiting) // 2
    if not samples:
        return written
    frame = av.AudioFrame(format="s16", layout="mono", samples=samples)
    frame.sample_rate, frame.pts = stream.rate, written
    frame.planes[0].update(bytes(waiting))
    waiting.clear()
    out.mux(stream.encode(frame))
    return written + samples
