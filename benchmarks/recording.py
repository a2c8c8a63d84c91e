"""Memory and speed of preparing a long recording: two hours of MP3, made by code, in a process of its own.

    python -m benchmarks.recording [--hours 2]

The recording is bursts of noise, as loud and as long as spoken sentences, with pauses between them, so that cuts are
found where they are in speech. What is measured is one decoding process: peak memory, and how many times faster than
real time it is.
"""

import argparse
import array
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.ground import ROOT
from benchmarks.report import save, verdict

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

RATE = 44_100
SEED = 20_260_101
BLOCK_SECONDS = 60
MOST_BYTES = 300_000_000
"""The target for peak memory."""
_FRAME_SAMPLES = 11_520
_LOUD = 6_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the recording, prepare it in a fresh process, print and save what that took."""
    given = _given(arguments)
    if given.prepare:
        print(json.dumps(measured(given.prepare)))
        return 0
    with tempfile.TemporaryDirectory(prefix="mediascribe-bench-") as folder:
        path = Path(folder) / "recording.mp3"
        write_recording(path, seconds=round(given.hours * 3_600))
        figures = _in_fresh_process(path) | {"megabytes": round(path.stat().st_size / 1e6, 1)}
    print(
        f"a recording of {figures['seconds'] / 3_600:.1f} h ({figures['megabytes']} MB of MP3) became "
        f"{figures['clips']} clips in {figures['took_seconds']:.1f} s: {figures['times_real_time']:.0f} times real time"
    )
    print(verdict(figures["peak_bytes"] < MOST_BYTES, f"peak memory {figures['peak_bytes'] / 1e6:.0f} MB (target 300)"))
    save("recording", figures)
    return 0


def measured(path: str) -> dict[str, float]:
    """Prepare that recording in this process; what it took. Peak memory is that of the whole life of the process."""
    from media.audio import RecordingLimits, prepare_recording

    with tempfile.TemporaryDirectory(prefix="mediascribe-bench-") as folder:
        begun, cpu = time.perf_counter(), time.process_time()
        recording = prepare_recording(path, folder, RecordingLimits())
        clips = len(recording.clips)
        while recording.rest is not None:
            recording = prepare_recording(path, folder, RecordingLimits(), begin=recording.rest)
            clips += len(recording.clips)
        took = time.perf_counter() - begun
    unit = 1 if sys.platform == "darwin" else 1_024
    return {
        "seconds": recording.duration_seconds,
        "clips": clips,
        "took_seconds": round(took, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "times_real_time": round(recording.duration_seconds / took, 1),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    }


def write_recording(path: Path, *, seconds: int) -> None:
    """An MP3 of that length, mono, 44.1 kHz, 64 kbit/s."""
    import av

    with av.open(str(path), "w") as container:
        stream: AudioStream = container.add_stream(
            "libmp3lame", rate=RATE, layout="mono", options={"compression_level": "9"}
        )
        stream.bit_rate = 64_000
        for number, samples in enumerate(_pieces(seconds)):
            frame = av.AudioFrame(format="s16p", layout="mono", samples=len(samples) // 2)
            frame.sample_rate, frame.pts = RATE, number * _FRAME_SAMPLES
            frame.planes[0].update(samples)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _pieces(seconds: int) -> Iterator[bytes]:
    """The samples (16 bits) in pieces of one frame. A minute is drawn once and begun at other places each time."""
    chance = random.Random(SEED)
    minute = _minute(chance)
    left = seconds * RATE
    while left > 0:
        start = chance.randrange(0, len(minute) // 2) // 2 * 2
        for at in range(start, len(minute), 2 * _FRAME_SAMPLES):
            piece = minute[at : at + 2 * min(_FRAME_SAMPLES, left)]
            if len(piece) < 2 * min(_FRAME_SAMPLES, left):
                break  # the end of the minute: go on somewhere else
            yield piece
            left -= len(piece) // 2
            if left <= 0:
                return


def _minute(chance: random.Random) -> bytes:
    """Sentences of one to six seconds, pauses of a fifth of a second to one and a half."""
    samples = array.array("h")
    while len(samples) < BLOCK_SECONDS * RATE:
        length = round(chance.uniform(1.0, 6.0) * RATE)
        samples.extend(round(_LOUD * (sample - 128) / 128) for sample in chance.randbytes(length))
        samples.extend([0] * round(chance.uniform(0.2, 1.5) * RATE))
    return samples[: BLOCK_SECONDS * RATE].tobytes()


def _in_fresh_process(path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.recording", "--prepare", str(path)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recording", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--hours", type=float, default=float(os.environ.get("HOURS", "2")))
    parser.add_argument("--prepare", metavar="PATH", help="only prepare this recording, and print JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
