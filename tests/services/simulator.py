"""The simulator as a process of its own: `with simulator(faults=[...]) as gemini` runs one on a free port.

What it answers and how it can fail is told in `simulator/faults.py`; `gemini.environment()` points a worker at it.
"""

import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.services.process import ServerFailedError

ROOT = Path(__file__).resolve().parents[2]
ANSWER_SECONDS = 20.0

Rule = Mapping[str, Any]
"""One rule of a fault script."""


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """A running simulator."""

    url: str
    process: "subprocess.Popen[str]"

    def environment(self, *, key: str = "test-key") -> dict[str, str]:
        """The variables under which google-genai calls this simulator."""
        return {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": self.url}

    def ledger(self) -> list[dict[str, Any]]:
        """Every call that has ended, first to last."""
        calls: list[dict[str, Any]] = self._request("GET", "/simulator/ledger")["calls"]
        return calls

    def summary(self) -> dict[str, Any]:
        """Counts and sums over the calls, and how many are in flight."""
        summary: dict[str, Any] = self._request("GET", "/simulator/summary")
        return summary

    def set_faults(self, rules: Sequence[Rule] = ()) -> None:
        """Replace the script of faults; all counts start anew. Without rules all goes well from now on."""
        self._request("POST", "/simulator/faults", json.dumps(list(rules)))

    def set_key(self, api_key: str | None) -> None:
        """From now on only this key is right; None: any but `invalid`."""
        self._request("POST", "/simulator/key", json.dumps({"api_key": api_key}))

    def reset(self) -> None:
        """Forget the calls so far and what they used of the quotas; the script's counts start anew, the first key is right."""
        self._request("POST", "/simulator/reset")

    def _request(self, method: str, path: str, body: str = "") -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        assert response.status == http.HTTPStatus.OK, content
        return json.loads(content)


@contextmanager
def simulator(
    *,
    faults: Sequence[Rule] = (),
    latency: str = "0",
    ledger: Path | None = None,
    api_key: str | None = None,
    requests_per_minute: int | None = None,
    input_tokens_per_minute: int | None = None,
    requests_per_day: int | None = None,
    minute_seconds: float | None = None,
    batch_seconds: float | None = None,
) -> Iterator[Simulator]:
    """A simulator for as long as the block lasts.

    `latency` is in seconds, or a range such as `0.2-0.9`; `ledger` is a file to append every call to; `api_key` the only
    key that is right; `minute_seconds` how long a minute of quota lasts; `batch_seconds` how long a batch takes. Raises ServerFailedError, with what it wrote, where it did not start.
    """
    flags = {
        "--latency": latency,
        "--ledger": ledger,
        "--api-key": api_key,
        "--rpm": requests_per_minute,
        "--tpm": input_tokens_per_minute,
        "--rpd": requests_per_day,
        "--minute-seconds": minute_seconds,
        "--batch-seconds": batch_seconds,
    }
    given = [str(part) for name, value in flags.items() if value is not None for part in (name, value)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "--port", "0", *given],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C at the terminal is for the tests
        )
        try:
            running = Simulator(url=_announced_url(process), process=process)
            if faults:
                running.set_faults(faults)
            yield running
        finally:
            process.terminate()
            process.communicate(timeout=ANSWER_SECONDS)
            log.seek(0)
            complaints = log.read()
    if complaints:
        raise ServerFailedError(f"the simulator complained:\n{complaints}")


def _announced_url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    _, found, rest = process.stdout.readline().partition("listening on ")
    if not found:
        raise ServerFailedError("the simulator ended while it started")
    return rest.split()[0]
