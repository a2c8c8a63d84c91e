"""Starting a contestant, giving it jobs and reading what it stored: what all of them have in common.

A contestant starts with no work. It is given a small batch to warm up, then the batch that counts; times are those
that it stored with each job itself, from the first begin to the last end. `benchmarks.entries` lists them.
"""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ground import ROOT, Ground, environment

READY_SECONDS = 60.0
LEAVE_SECONDS = 30.0

Spans = list[tuple[float, float, Mapping[str, Any] | None]]
"""Of each stored job: begin and end, seconds since 1970, and what was stored."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One that runs and waits for work."""

    pid: int
    startup_seconds: float
    submit: Callable[[str, Sequence[Path]], None]
    """Give it a batch, by name."""
    count: Callable[[str], int]
    """How many jobs of the batch are stored."""
    stored: Callable[[str], Spans]


@contextmanager
def running(
    command: Sequence[str], ground: Ground, own: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[str]", float]]:
    """The process, once it says that it is ready, and how long that took. Its log goes with the ground's folder."""
    started = time.monotonic()
    log = ground.folder / "contestant.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(ground, own), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        try:
            wait_for_ready(process, log)
            yield process, time.monotonic() - started
        finally:
            end(process)


def wait_for_ready(process: "subprocess.Popen[str]", log: Path) -> None:
    """Returns when it has said so (Celery prints a banner before). Raises RuntimeError with the end of its log."""
    assert process.stdout is not None
    patience = threading.Timer(READY_SECONDS, process.kill)
    patience.start()
    try:
        for line in process.stdout:
            if line.strip() == "ready":
                return
    finally:
        patience.cancel()
    raise RuntimeError(f"a contestant did not start:\n{log.read_text()[-2_000:]}")


def end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
