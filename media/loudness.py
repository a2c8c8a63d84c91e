"""How loud each step of 50 ms is.

The root mean square comes from `audioop`, on which pydub is built too: pydub makes a segment of each step, which took
a fifth of the time of preparing a recording.
"""

import math
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Python 3.11 and 3.12 say that it goes; from 3.13 on, audioop-lts stands in
    import audioop

from media.measures import SAMPLE_BYTES, STEP_BYTES

SILENT_DBFS = -120.0
"""Stands for nothing at all."""
_FULL_SCALE = 32_768


def levels(pcm: bytes) -> list[float]:
    """The loudness of each step of one channel, dBFS (0 is full scale)."""
    view = memoryview(pcm)
    return [dbfs(audioop.rms(view[at : at + STEP_BYTES], SAMPLE_BYTES)) for at in range(0, len(pcm), STEP_BYTES)]


def dbfs(rms: int) -> float:
    """A root mean square of 16-bit samples as loudness."""
    return 20 * math.log10(rms / _FULL_SCALE) if rms else SILENT_DBFS
