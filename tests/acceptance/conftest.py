"""Real processes from the command line in to the stored result out, against one simulator for all tests."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.services.simulator import Simulator, simulator
from tests.unit.media.sounds import tone, write_sound

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A folder to stand in, and the environment of the commands."""

    folder: Path
    gemini: Simulator
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self, changes: dict[str, str]) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(ROOT)} | self.environment | changes

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "cli.main", *map(str, arguments)]

    def __call__(self, *arguments: str | Path, stdin: str = "", **changes: str) -> Ran:
        """Run a command to its end; `changes` are environment variables."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.variables(changes), input=stdin, capture_output=True,
            text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(code=done.returncode, out=done.stdout, err=done.stderr)

    def start(self, *arguments: str | Path, **changes: str) -> "subprocess.Popen[str]":
        """Start a command and leave it running."""
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.variables(changes), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def pictures(self, count: int, folder: str = "photos") -> Path:
        """A folder with so many pictures, no two alike."""
        place = self.folder / folder
        place.mkdir(exist_ok=True)
        for number in range(count):
            Image.new("RGB", (48 + number, 40), (number * 9 % 256, 90, 160)).save(place / f"{number:03}.jpg")
        return place

    def recording(self, name: str = "talk.wav", seconds: float = 3.0) -> Path:
        return write_sound(self.folder / name, tone(seconds))

    def wait_for_calls_in_flight(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.gemini.summary()["in_flight"] < count:
            assert time.monotonic() < deadline, f"never {count} calls in flight"
            time.sleep(0.02)


def ended(process: "subprocess.Popen[str]", *signals: signal.Signals) -> Ran:
    """Send the signals, the later ones once the process has answered the one before, and wait for its end."""
    said: list[str] = []
    assert process.stderr is not None
    for number in signals:
        process.send_signal(number)
        if number is not signals[-1]:
            while "in flight" not in (line := process.stderr.readline()):
                assert line, "".join(said)
                said.append(line)
            said.append(line)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Ran(code=process.returncode, out=out, err="".join(said) + err)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def shell(shared_simulator: Simulator, tmp_path: Path) -> Iterator[Shell]:
    """Commands in an empty folder, answered by a simulator without faults."""
    shared_simulator.set_faults()
    yield quick_shell(tmp_path, shared_simulator)
    shared_simulator.set_faults()


def quick_shell(folder: Path, gemini: Simulator) -> Shell:
    """A shell in this folder, with one decoding process and short waits."""
    quick = {
        "MEDIASCRIBE_DECODER_PROCESSES": "1", "MEDIASCRIBE_RETRY_BASE_SECONDS": "0.05", "MEDIASCRIBE_RETRY_MAX_SECONDS": "0.2",
        "MEDIASCRIBE_HOME": str(folder / ".mediascribe"),
    }  # fmt: skip
    return Shell(folder=folder, gemini=gemini, environment=quick | gemini.environment())


def calls_of(shell: Shell, before: Sequence[object] = ()) -> int:
    """Calls that were made since the ledger had that length."""
    return len(shell.gemini.ledger()) - len(before)
