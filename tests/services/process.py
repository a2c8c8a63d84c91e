"""One server process: started, waited for, killed, started again on the same port and data.

Promises: `start` returns only when the server answers, or raises with the end of the server's log; nothing but the
process that was started here is ever signalled.
"""

import contextlib
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

LOOPBACK = "127.0.0.1"
_PORTS = range(20_000, 32_000)
"""Below the ports that Linux and macOS lend to outgoing connections. A client that reconnects to a dead server's
port could else be lent that very port, meet itself there, and keep the server from coming back."""
_READY_SECONDS = 30.0
_STOP_SECONDS = 30.0
_LOG_LINES = 20
_PORT_TRIES = 5


class ServerFailedError(RuntimeError):
    """A server did not start or did not stop."""


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    for _ in range(100):
        port = secrets.choice(_PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    message = f"no free loopback port among {_PORTS}: end the servers that you no longer need"
    raise ServerFailedError(message)


def start_on_free_port(make: Callable[[int], "ServerProcess"], port: int | None = None) -> tuple["ServerProcess", int]:
    """Start what `make` makes for that port, or for a free one; one that is taken in the meantime is given up."""
    for _ in range(0 if port else _PORT_TRIES - 1):
        chosen = free_port()
        process = make(chosen)
        with contextlib.suppress(ServerFailedError):
            process.start()
            return process, chosen
    chosen = port or free_port()
    process = make(chosen)
    process.start()
    return process, chosen


class ServerProcess:
    """A server's process and its log; `stop_signal` is the one on which this server leaves cleanly and at once."""

    def __init__(
        self,
        *,
        command: Sequence[str],
        log: Path,
        is_ready: Callable[[], bool],
        stop_signal: signal.Signals = signal.SIGTERM,
        user: int | None = None,
    ) -> None:
        self._command = list(command)
        self.log = log
        self._is_ready = is_ready
        self._stop_signal = stop_signal
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the running process."""
        if self._process is None:
            message = f"{self._command[0]} is not running: call start() first"
            raise ServerFailedError(message)
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Was it started, and has it not ended since?"""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers; nothing happens when it runs already."""
        if self.is_running:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                start_new_session=True,  # Ctrl-C at the terminal is for the tests, which then stop their servers
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Let it leave cleanly; nothing happens when it does not run."""
        self._end(self._stop_signal)

    def kill(self) -> None:
        """End it and its children as a crash would (SIGKILL); `start` brings it back on the same port and data."""
        if not self.is_running:
            return
        children = psutil.Process(self.pid).children(recursive=True)
        self._end(signal.SIGKILL)
        for child in children:  # an orphan would hold on to the data and keep the next start from it
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=_STOP_SECONDS)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # looks whether it has ended before: a reused id is never hit

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        self._signal(signal.SIGCONT)  # a frozen process obeys nothing but SIGKILL
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ServerFailedError(self._report("did not stop in time and was killed")) from None
        finally:
            self._process = None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            if not self.is_running:
                raise ServerFailedError(self._report("ended while it started"))
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailedError(self._report(f"did not answer within {_READY_SECONDS:g} seconds"))
            time.sleep(0.01)

    def _report(self, what: str) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join([f"{self._command[0]} {what}; the end of its log:", *lines])
