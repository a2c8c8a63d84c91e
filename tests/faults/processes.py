"""Worker processes as the fault tests start and signal them: by the command that people use, and by their own id alone."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

LOG_LINES = 25


@dataclass(kw_only=True, eq=False)
class WorkerProcess:
    """One worker process and all that it starts."""

    process: "subprocess.Popen[bytes]"
    log: Path
    concurrency: int

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Has it not ended?"""
        return self.process.poll() is None

    def children(self) -> list[psutil.Process]:
        """The processes that it started: decoders, isolated workers."""
        try:
            return list(psutil.Process(self.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def freeze(self) -> None:
        """SIGSTOP: it keeps everything and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def end_of_log(self) -> str:
        """The last lines of what it said."""
        return "\n".join([f"--- worker {self.pid}", *self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]])

    def end(self) -> None:
        """SIGKILL to it and to all that it started."""
        remains = self.children()
        if self.is_running:
            self.process.kill()
            self.process.wait()
        for child in remains:
            if child.is_running():
                child.kill()


def launch(command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> WorkerProcess:
    """Start a worker; what it says goes to a file in the folder."""
    log = folder / f"worker-{len(list(folder.glob('worker-*.log')))}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    return WorkerProcess(process=process, log=log, concurrency=int(environment["MEDIASCRIBE_CONCURRENCY"]))
