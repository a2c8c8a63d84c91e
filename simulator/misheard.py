"""Transcripts that a fault has spoilt: what models are known to make of sound, as functions of what was said.

Each takes the true segments and the seconds of sound that there are, and gives the segments that are answered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from simulator.transcripts import Segment

LOOP = "Simulated loop, not Gemini. "
LOOPS = 500
REFUSAL = "I'm sorry, but I can't help with that request. (Simulated refusal, not Gemini.)"
NOT_HEARD = "Thank you all for coming today."
FLUENT = "Thank you for watching this video. Please subscribe to the channel and see you next time."

Segments = Sequence[Segment]


def _looped(segments: Segments, _seconds: float) -> list[Segment]:
    first = segments[0] if segments else Segment(start=0.0, end=1.0, text="")
    return [replace(first, text=LOOP * LOOPS, words=())]


def _badly_timed(_segments: Segments, seconds: float) -> list[Segment]:
    """Beyond the end, before the one before, and ending before it starts."""
    end = seconds or 10.0
    stamps = ((end + 60, end + 65), (end / 2, end / 2 + 1), (end / 4 + 2, end / 4))
    text = "Simulated transcript with bad times, not Gemini."
    return [Segment(start=round(start, 2), end=round(stop, 2), text=text) for start, stop in stamps]


def _backward(segments: Segments, _seconds: float) -> list[Segment]:
    """The right words at each other's times, last first; a single segment ends before it starts."""
    if len(segments) == 1:
        return [replace(segments[0], start=segments[0].end, end=segments[0].start)]
    times = [(segment.start, segment.end) for segment in reversed(segments)]
    return [_moved(segment, *time) for segment, time in zip(segments, times, strict=True)]


def _out_of_range(segments: Segments, seconds: float) -> list[Segment]:
    """All of them after the end of the sound."""
    later = seconds + 5
    return [_moved(segment, segment.start + later, segment.end + later) for segment in segments]


def _invented(segments: Segments, seconds: float) -> list[Segment]:
    """Evenly spread over the sound, whatever is in it."""
    each = seconds / max(1, len(segments))
    return [_moved(segment, number * each, (number + 1) * each) for number, segment in enumerate(segments)]


def _half(segments: Segments, seconds: float) -> list[Segment]:
    """What is said in the first half of the sound."""
    return [_until(segment, seconds / 2) for segment in segments if segment.start < seconds / 2]


def _until(segment: Segment, end: float) -> Segment:
    kept = tuple(word for word in segment.words if word.start < end)
    if len(kept) == len(segment.words):
        return segment
    return replace(segment, words=kept, text=" ".join(word.word for word in kept), end=kept[-1].end)


def _said(text: str, share: float = 1.0) -> Callable[[Segments, float], list[Segment]]:
    return lambda _segments, seconds: [Segment(start=0.0, end=round(seconds * share, 2), text=text)]


def _moved(segment: Segment, start: float, end: float) -> Segment:
    """The segment at another time, its words with it."""
    scale = (end - start) / max(segment.end - segment.start, 0.001)
    words = tuple(
        replace(
            word, start=start + (word.start - segment.start) * scale, end=start + (word.end - segment.start) * scale
        )
        for word in segment.words
    )
    return replace(segment, start=start, end=end, words=words)


MISHEARD: Mapping[str, Callable[[Segments, float], list[Segment]]] = {
    "loop": _looped,
    "bad_times": _badly_timed,
    "times_backward": _backward,
    "times_out_of_range": _out_of_range,
    "times_invented": _invented,
    "half_heard": _half,
    "half_tokens": _half,
    "text_on_silence": _said(FLUENT),
    "refusal_json": _said(REFUSAL),
    "audio_not_heard": lambda _segments, _seconds: [Segment(start=0.0, end=4.2, text=NOT_HEARD)],
}
"""By the kind of the fault."""
