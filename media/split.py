"""One clip becomes two, for the model that could not cope with the whole."""

import contextlib
from pathlib import Path

from media.audio import Clip, Gate, RecordingLimits
from media.clips import longest_pause
from media.cutter import sounds_in
from media.decode import windows
from media.flac import MIME_TYPE, write_flac
from media.gate import next_gate, sound_steps
from media.loudness import levels
from media.measures import SECOND_BYTES, STEP_BYTES, STEP_SECONDS
from media.tracks import open_track

_SHORTEST_SECONDS = 10.0


def halves(path: str, folder: str, *, prefix: str, limits: RecordingLimits) -> tuple[Clip, ...]:
    """See `media.audio.split_clip`."""
    pcm, loudness, sound = bytearray(), list[float](), bytearray()
    gate: Gate | None = None
    track = open_track(path)
    with contextlib.closing(track.container):
        for window in windows(track):
            part = levels(window)
            gate = next_gate(gate, part, limits.silence_dbfs)
            pcm += window
            loudness += part
            sound += sound_steps(part, gate, limits.silence_dbfs)
    if len(pcm) < _SHORTEST_SECONDS * SECOND_BYTES:
        return ()
    first_end, second_start = _bounds(loudness, sound, limits)
    spans = ((0, first_end, 0.0), (second_start, len(sound), (first_end - second_start) * STEP_SECONDS))
    return tuple(
        _clip(
            index,
            pcm[start * STEP_BYTES : end * STEP_BYTES],
            sound[start:end],
            begin=start * STEP_SECONDS,
            overlap=overlap,
            path=Path(folder) / f"{prefix}-{index}.flac",
        )
        for index, (start, end, overlap) in enumerate(spans)
    )


def _bounds(loudness: list[float], sound: bytearray, limits: RecordingLimits) -> tuple[int, int]:
    """Where the first half ends and where the second begins, in steps."""
    steps = len(sound)
    quarter = steps // 4
    middle = slice(quarter, steps - quarter)
    pause = longest_pause(loudness[middle], sound[middle], max(1, round(limits.pause_seconds / STEP_SECONDS)))
    if pause is not None:
        cut = quarter + (pause[0] + pause[1]) // 2
        return cut, cut
    overlap = min(round(limits.overlap_seconds / STEP_SECONDS), quarter)
    return steps // 2 + overlap // 2, steps // 2 + overlap // 2 - overlap


def _clip(index: int, pcm: bytearray, sound: bytearray, *, begin: float, overlap: float, path: Path) -> Clip:
    size_bytes = write_flac(path, pcm)
    seconds = len(pcm) / SECOND_BYTES
    return Clip(
        index=index,
        start_seconds=round(begin, 3),
        end_seconds=round(begin + seconds, 3),
        overlap_seconds=round(overlap, 3),
        sounds=sounds_in(sound, seconds),
        path=str(path),
        mime_type=MIME_TYPE,
        size_bytes=size_bytes,
    )
