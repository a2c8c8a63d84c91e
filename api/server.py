"""Serving the API by uvicorn until somebody asks it to leave.

uvicorn would raise the signal anew when it is done, which would end the process before an embedded worker has given back its
jobs; so the signals are taken here. A second one ends the patience.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from api.app import create_app
from api.parts import Parts

BACKLOG = 2_048
LEAVE_SECONDS = 10
"""How long answers under way may take when the server is told to leave."""
KEEP_ALIVE_SECONDS = 30


class _Server(uvicorn.Server):
    """Tells streams and long waits to end, when it is told to leave."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """SIGINT, SIGTERM and SIGHUP ask to leave."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._leave) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _leave(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        if self.should_exit:  # nothing that takes a lock: the first signal's handler may be at it
            self.force_exit = True
            return
        self.should_exit = True
        self._parts.leaving.set()


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 is any that is free. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, for asyncio turns Nagle's delay off for such sockets alone: 40 ms an answer otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(parts: Parts, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; answers under way are finished. Belongs to the main thread."""
    app = create_app(parts)
    _forget_garbage_of_the_start()
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=LEAVE_SECONDS,
    )  # fmt: skip
    asyncio.run(_Server(config, parts).serve(sockets=[listener]))


def _forget_garbage_of_the_start() -> None:
    """Let no later collection walk what the libraries made when they were loaded: every answer would wait 100 ms for it."""
    gc.collect()
    gc.freeze()
