"""What counts as sound: a threshold in dBFS that follows how quiet and how loud the recording has been so far.

In most recordings the threshold is where the limits set it (-50 dBFS), so that a chair that creaks in an empty room is not
sent. Where nothing has been loud for a while and the pauses are quieter still, the threshold sinks, by 15 dB at most:
quiet speech is kept. Steady noise is its own pause, so it stays below the threshold however loud it is.

The threshold of a window of 10 s follows from that window and a `Gate`, which sums up all windows before it: planning
along with decoding, in one go or in portions, always sees the same.
"""

from collections.abc import Sequence

from media.audio import Gate

_QUIET_SHARE, _LOUD_SHARE = 0.1, 0.95
"""Pauses are the quietest tenth of the steps; what is louder than all but a twentieth is loud."""
_FLOOR_RISE_DB = 6.0
"""How fast the floor may rise from one window to the next: someone who talks without pausing is no floor."""
_LOUDEST_FALL_DB = 0.5
_ABOVE_FLOOR_DB = 8.0
"""Steady noise keeps within this distance of its quietest tenth."""
_BELOW_LOUDEST_DB = 30.0
"""How far the voices in one recording lie apart."""
_LOWEST_DB = 15.0
"""How far the threshold may sink."""


def next_gate(before: Gate | None, levels: Sequence[float], silence_dbfs: float) -> Gate:
    """What is known with these levels too, in dBFS; there must be one or more."""
    ranked = sorted(levels)
    floor, loudest = (ranked[int(len(ranked) * share)] for share in (_QUIET_SHARE, _LOUD_SHARE))
    if before is not None:
        floor = min(floor, before.floor_dbfs + _FLOOR_RISE_DB)
        loudest = max(loudest, before.loudest_dbfs - _LOUDEST_FALL_DB)
    lowest = silence_dbfs - _LOWEST_DB - _ABOVE_FLOOR_DB  # a floor under this says no more, and takes long to rise
    return Gate(floor_dbfs=max(lowest, floor), loudest_dbfs=loudest)


def threshold(gate: Gate, silence_dbfs: float) -> float:
    """What is not louder than this is no sound, dBFS."""
    follows = max(gate.floor_dbfs + _ABOVE_FLOOR_DB, gate.loudest_dbfs - _BELOW_LOUDEST_DB)
    return min(silence_dbfs, max(silence_dbfs - _LOWEST_DB, follows))


def sound_steps(levels: Sequence[float], gate: Gate, silence_dbfs: float) -> bytes:
    """Which of these steps count as sound, under the gate that knows them too: 1 or 0 for each."""
    least = threshold(gate, silence_dbfs)
    return bytes(level > least for level in levels)
