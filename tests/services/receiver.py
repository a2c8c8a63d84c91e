"""A receiver of webhooks as a process of its own: `with receiver(folder) as hook`. `receiver_program.py` is what runs there."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services.process import LOOPBACK, ServerProcess, start_on_free_port

PROGRAM = Path(__file__).with_name("receiver_program.py")


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """The receiver, as tests see it."""

    url: str
    """Where webhooks are sent."""

    def knows(self, secret: str) -> None:
        """From now on this is its secret."""
        self._ask("/secret", {"secret": secret})

    def answers(self, *answers: Mapping[str, Any]) -> None:
        """The next answers: `status`, `headers`, `body`, and after how many `seconds`; then 204 again."""
        self._ask("/answers", {"answers": answers})

    def got(self) -> list[dict[str, Any]]:
        """What came: `event` of what was verified, else `refused` with the reason; headers and body as they came."""
        found: list[dict[str, Any]] = self._ask("/got", {})["got"]
        return found

    def is_sent(self, body: bytes, headers: Mapping[str, str]) -> int:
        """What it answers to such a request, which anybody may send."""
        request = urllib.request.Request(self.url, body, dict(headers))  # noqa: S310 - an address of this test
        try:
            with urllib.request.urlopen(request, timeout=20.0) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def _ask(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(self.url.removesuffix("/hook") + path, json.dumps(body).encode())  # noqa: S310
        with urllib.request.urlopen(request, timeout=20.0) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    """A receiver that answers 204 to what it can verify and 401 to the rest."""

    def make(port: int) -> ServerProcess:
        def is_ready() -> bool:
            try:
                Receiver(url=f"http://{LOOPBACK}:{port}/hook").got()
            except OSError:
                return False
            return True

        command = [sys.executable, str(PROGRAM), str(port)]
        return ServerProcess(command=command, log=folder / "receiver.log", is_ready=is_ready)

    process, port = start_on_free_port(make)
    try:
        yield Receiver(url=f"http://{LOOPBACK}:{port}/hook")
    finally:
        process.stop()
