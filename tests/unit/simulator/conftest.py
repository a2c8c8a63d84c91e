"""The simulator as a process of its own, and a client that speaks plain HTTP to it."""

import base64
import http.client
import io
import json
import subprocess
import sys
import wave
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import pi, sin
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return str(self.json["candidates"][0]["content"]["parts"][0]["text"])

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        return error


class Client:
    """Speaks to one running simulator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._address = urlsplit(url).netloc
        self.model = "gemini-3.8-flash"

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, **options: float
    ) -> Answered:
        connection = http.client.HTTPConnection(self._address, timeout=options.get("timeout", DEADLINE_SECONDS))
        try:
            connection.request(method, path, body, {"x-goog-api-key": "k", **(headers or {})})
            response = connection.getresponse()
            return Answered(status=response.status, headers=dict(response.getheaders()), body=response.read())
        finally:
            connection.close()

    def ask(self, body: Any, *, model: str | None = None, headers: dict[str, str] | None = None) -> Answered:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", f"/v1/models/{model or self.model}:generateContent", content, headers)

    def script(self, *rules: Any) -> Answered:
        return self.send("POST", "/simulator/faults", json.dumps(rules).encode())

    def calls(self) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self.send("GET", "/simulator/ledger").json["calls"]
        return calls

    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = self.send("GET", "/simulator/summary").json
        return summary


@contextmanager
def started(*flags: str) -> Iterator[Client]:
    """A simulator with these flags, for as long as the block lasts."""
    command = [sys.executable, "-m", "simulator", "--port", "0", *flags]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            assert "(not Gemini: answers are made up)" in line, process.stderr.read()
            yield Client(line.split("listening on ")[1].split()[0])
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)
            assert process.stderr.read() == ""


@pytest.fixture(scope="session")
def start() -> Callable[..., Any]:
    """Starts a simulator with flags of its own, as a context manager."""
    return started


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[Client]:
    with started() as client:
        yield client


@pytest.fixture
def simulator(shared_simulator: Client) -> Client:
    """A simulator without faults and with an empty ledger."""
    shared_simulator.script()
    shared_simulator.send("POST", "/simulator/reset")
    return shared_simulator


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Makes a picture of one colour."""

    def made(
        name: str = "JPEG", size: tuple[int, int] = (640, 480), colour: str = "blue", orientation: int = 1
    ) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        stream = io.BytesIO()
        Image.new("RGB", size, colour).save(stream, name, exif=exif)
        return stream.getvalue()

    return made


@pytest.fixture(scope="session")
def sound() -> Callable[..., bytes]:
    """Makes a WAV of a 440 Hz tone in the stretches given (seconds), silent elsewhere."""

    def made(duration: float, *voiced: tuple[float, float], rate: int = 16_000) -> bytes:
        times = (index / rate for index in range(int(duration * rate)))
        loud = (any(start <= time < end for start, end in voiced) and sin(2 * pi * 440 * time) for time in times)
        stream = io.BytesIO()
        with wave.open(stream, "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes(array("h", (int(12_000 * value) for value in loud)).tobytes())
        return stream.getvalue()

    return made


@pytest.fixture(scope="session")
def request_with() -> Callable[..., dict[str, Any]]:
    """Makes a request about one medium (and a text), with these other top-level fields."""

    def made(data: bytes, mime_type: str = "image/jpeg", text: str = "Describe.", **fields: Any) -> dict[str, Any]:
        inline = {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(data).decode()}}
        return {"contents": [{"role": "user", "parts": [inline, {"text": text}]}], **fields}

    return made
