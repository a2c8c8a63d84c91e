"""A long recording: nine hours of MP3 at 48 kbit/s, spoken by code, through preparation alone and through a whole worker.

    python -m benchmarks.recording [--hours 9]

The speech is stand-in speech with pauses (`simulator/speech.py`), so that cuts are found where they are in speech and the
transcript can be compared with what was said. Preparation is measured in a process of its own: how many times faster
than real time, and its peak memory. The worker is the embedded one with a simulator that takes two seconds for an answer:
its memory above that of an idle worker, all its processes together, and the clips that lie on disk at a time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.ground import ROOT
from benchmarks.report import Row, at_least, at_most, show_and_save
from benchmarks.sizes import size
from benchmarks.tree import own_peak_bytes, resident_bytes
from tests.services.databases import migrated
from tests.services.simulator import simulator
from tests.services.speech import Speech, record_random, word_errors, worst_time_error

RATE = 22_050
BIT_RATE = 48_000
MOST_MB, MOST_DISK_MB = 300, 200
LEAST_TIMES_REAL_TIME = 300
MOST_SECONDS_OFF = 0.3
LATENCY = "2"
LOOK_SECONDS = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the recording, prepare it, transcribe it; print and save what that took."""
    given = _given(arguments)
    if given.prepare:
        print(json.dumps(prepared(given.prepare)))
        return 0
    with tempfile.TemporaryDirectory(prefix="mediascribe-bench-") as folder:
        speech = record_random(
            Path(folder) / "recording.mp3", given.hours * 3_600, codec="libmp3lame", rate=RATE, bit_rate=BIT_RATE
        )
        figures: dict[str, float] = {"megabytes": round(speech.path.stat().st_size / 1e6, 1)}
        figures |= _in_fresh_process(speech.path)
        figures |= transcribed(speech, Path(folder))
    print(
        f"a recording of {figures['seconds'] / 3_600:.1f} h ({figures['megabytes']} MB of MP3, {figures['words']} words) "
        f"became {figures['clips']} clips, and a transcript in {figures['transcribed_seconds']:.0f} s"
    )
    show_and_save("recording", figures, rows_of(figures))
    return 0


def rows_of(figures: dict[str, float]) -> list[Row]:
    """What the table of targets says of a recording."""
    what = f"recording of {figures['seconds'] / 3_600:.1f} h"
    megabytes = {name: figures[name] / 1e6 for name in ("peak_bytes", "worker_bytes_above_idle", "disk_bytes")}
    return [
        at_least(f"{what}, times real time a core", figures["times_real_time"], LEAST_TIMES_REAL_TIME, digits=0),
        at_most(f"{what}, memory of preparing", megabytes["peak_bytes"], MOST_MB, " MB", digits=0),
        at_most(f"{what}, worker above an idle one", megabytes["worker_bytes_above_idle"], MOST_MB, " MB", digits=0),
        at_most(f"{what}, clips on disk", megabytes["disk_bytes"], MOST_DISK_MB, " MB", digits=0),
        at_most(f"{what}, words lost, added or changed", figures["word_errors"], 0, digits=0),
        at_most(f"{what}, largest error of a time", figures["worst_time_error_seconds"], MOST_SECONDS_OFF, " s"),
    ]


def prepared(path: str) -> dict[str, float]:
    """Prepare that recording in this process, portion by portion; peak memory is that of the whole life of the process."""
    from media.audio import RecordingLimits, prepare_recording

    rest, clips, portions = None, 0, 0
    begun, cpu = time.perf_counter(), time.process_time()
    while True:
        with tempfile.TemporaryDirectory(prefix="mediascribe-bench-") as folder:
            recording = prepare_recording(path, folder, RecordingLimits(), begin=rest)
        rest, clips, portions = recording.rest, clips + len(recording.clips), portions + 1
        if rest is None:
            break
    took = time.perf_counter() - begun
    return {
        "seconds": recording.duration_seconds,
        "clips": clips,
        "portions": portions,
        "took_seconds": round(took, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "times_real_time": round(recording.duration_seconds / took, 1),
        "peak_bytes": own_peak_bytes(),
    }


def transcribed(speech: Speech, folder: Path) -> dict[str, float]:
    """Let a worker transcribe it; what that took, and how well it was understood."""
    from models.store import queries
    from models.store.submit import NewBatch
    from worker.environment import load_settings
    from worker.submit import Item, accept

    scratch = folder / "scratch"
    scratch.mkdir()
    database_url = f"sqlite:///{folder}/jobs.db"
    database = migrated(database_url)
    settings = load_settings(environment={}, dotenv=folder / "none").settings
    with simulator(latency=LATENCY) as gemini:
        own = {"MEDIASCRIBE_DATABASE_URL": database_url, "MEDIASCRIBE_HOME": str(folder), "TMPDIR": str(scratch)}
        with _worker(gemini.environment() | own) as pid:
            time.sleep(1.0)  # let it come to rest
            idle = resident_bytes([pid])
            begun = time.perf_counter()
            item = Item(kind="transcribe", source=str(speech.path))
            (job_id,) = accept(database, settings, NewBatch(), [item]).job_ids
            with _Watch(pid=pid, scratch=scratch) as watch:
                while (job := queries.get_jobs(database, [job_id])[job_id]).finished_at is None:
                    time.sleep(LOOK_SECONDS)
            took = time.perf_counter() - begun
    database.close()
    assert job.output is not None, job.error_message
    errors = word_errors(speech.text, job.output["text"].split())
    off = worst_time_error(speech, job.output["segments"]) if not errors else float("inf")
    return {
        "words": len(speech.words),
        "transcribed_seconds": round(took, 1),
        "worker_bytes_idle": idle,
        "worker_bytes_above_idle": watch.resident_bytes - idle,
        "disk_bytes": watch.disk_bytes,
        "word_errors": errors,
        "worst_time_error_seconds": round(off, 3),
    }


@dataclass(kw_only=True)
class _Watch:
    """Looks at a worker's memory and at its files as long as it is entered; the largest of both."""

    pid: int
    scratch: Path
    resident_bytes: int = 0
    disk_bytes: int = 0
    _left: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._left.wait(LOOK_SECONDS):
            self.resident_bytes = max(self.resident_bytes, resident_bytes([self.pid]))
            self.disk_bytes = max(self.disk_bytes, sum(_sizes(self.scratch)))


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        try:
            yield path.stat().st_size
        except FileNotFoundError:  # sent and removed meanwhile
            continue


@contextmanager
def _worker(own: dict[str, str]) -> Iterator[int]:
    """A worker of the embedded mode at work; its process id."""
    command = [sys.executable, "-m", "benchmarks.contestants.embedded"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MEDIASCRIBE_LOG_LEVEL": "warning", **own}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("the worker did not start; see above")
            yield process.pid
        finally:
            process.terminate()


def _in_fresh_process(path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.recording", "--prepare", str(path)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recording", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--hours", type=float, default=size("HOURS", full=9, short=0.5))
    parser.add_argument("--prepare", metavar="PATH", help="only prepare this recording, and print JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
