"""What a person does at a terminal: a folder of media, the command, a look at the result. Real processes only."""

import io
import json
import math
import os
import random
import struct
import subprocess
import sys
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from tests.services.simulator import Simulator

COMMAND = Path(sys.executable).with_name("mediascribe")
LONGEST_SECONDS = 100.0


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody in a folder of their own, with settings of their own."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def runs(self, *arguments: str, seconds: float = LONGEST_SECONDS) -> "subprocess.CompletedProcess[str]":
        """The command, to its end, which must come within so many seconds."""
        return subprocess.run(
            [COMMAND, *arguments], cwd=self.folder, env=self._environment(), capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=seconds,
        )  # fmt: skip

    def starts(self, *arguments: str) -> "subprocess.Popen[str]":
        """The command, left running; whoever starts it ends it."""
        return subprocess.Popen(
            [COMMAND, *arguments], cwd=self.folder, env=self._environment(), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def reads(self, *arguments: str) -> Any:
        """What the command prints with --json."""
        done = self.runs(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.settings, "NO_COLOR": "1"}


def person(folder: Path, gemini: Simulator, **settings: str) -> Person:
    """Somebody whose Gemini is the simulator; settings without their prefix. One decoding process, unless they say more."""
    own = {f"MEDIASCRIBE_{name.upper()}": value for name, value in {"decoder_processes": "1", **settings}.items()}
    return Person(folder=folder, settings={**gemini.environment(), **own})


def make_pictures(folder: Path, count: int, *, seed: int = 7) -> list[Path]:
    """So many small JPEGs, no two alike."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        picture = Image.new("RGB", (160, 120), tuple(chance.randrange(256) for _ in range(3)))
        picture.paste(tuple(chance.randrange(256) for _ in range(3)), (10, 10, 20 + number % 100, 60 + number // 100))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        path = folder / f"picture-{number:04}.jpg"
        path.write_bytes(buffer.getvalue())
        paths.append(path)
    return paths


def make_recordings(folder: Path, count: int, *, seconds: float = 4.0) -> list[Path]:
    """So many WAV files with two tones and a pause between them, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"recording-{number}.wav"
        _write_wave(path, pitch=300 + 40 * number, seconds=seconds)
        paths.append(path)
    return paths


def _write_wave(path: Path, *, pitch: float, seconds: float) -> None:
    rate = 16_000
    third = seconds / 3

    def sample(position: int) -> int:
        moment = position / rate
        sounds = moment < third or moment > 2 * third
        return int(9_000 * math.sin(2 * math.pi * pitch * moment)) if sounds else 0

    frames = b"".join(struct.pack("<h", sample(position)) for position in range(int(rate * seconds)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(frames)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The lines of a results file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def paid_calls(ledger: Sequence[Mapping[str, Any]]) -> int:
    """Answers that Google would have billed."""
    return sum(1 for call in ledger if call["paid"])


def paid_questions(ledger: Sequence[Mapping[str, Any]]) -> set[str]:
    """Different questions among them."""
    return {call["question_sha256"] for call in ledger if call["paid"]}
