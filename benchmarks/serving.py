"""Processes of the HTTP API for the benchmarks: started by their command, found by what they say, and told to leave."""

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ground import ROOT

LISTENING = re.compile(r"listening on (http://\S+);")
LEAVE_SECONDS = 60.0
ANSWER_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A process that serves."""

    url: str
    pid: int

    def ask(self, path: str, body: Any = None) -> Any:
        """The document that the API answers with."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(asked, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - an address of ours
            return json.load(answer)


@contextmanager
def serving(command: str, settings: Mapping[str, str], folder: Path) -> Iterator[Serving]:
    """`mediascribe api` or `mediascribe up`, until the block ends. Raises RuntimeError."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "MEDIASCRIBE_HOME": str(folder), **settings}
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", command, "--port", "0"],
        cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stderr is not None
            said = ""
            while (found := LISTENING.search(said)) is None:
                line = process.stderr.readline()
                if not line:
                    raise RuntimeError(f"`mediascribe {command}` did not start:\n{said}")
                said += line
            drain = threading.Thread(
                target=process.stderr.read, daemon=True
            )  # its log, or it would hang on a full pipe
            drain.start()
            yield Serving(url=found[1], pid=process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(LEAVE_SECONDS)
