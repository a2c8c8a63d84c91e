"""A web server that says what a test wants it to, byte by byte: true answers and lies."""

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.services.process import LOOPBACK

SOCKET_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""


Script = Callable[[Asked], Iterable[bytes]]
"""What is sent on the wire, part by part; then the connection is closed."""


@dataclass(kw_only=True)
class Web:
    """The server, as tests see it. What is not scripted is not found."""

    port: int
    scripts: dict[str, Script] = field(default_factory=dict)
    """By path, without the query."""
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://{LOOPBACK}:{self.port}"

    def says(self, path: str, *parts: bytes | Script) -> str:
        """From now on this is the answer for the path; its URL."""
        self.scripts[path] = (
            parts[0] if callable(parts[0]) else lambda _: [part for part in parts if isinstance(part, bytes)]
        )
        return self.url + path


def answer(status: int, body: bytes = b"", **headers: object) -> bytes:
    """A whole answer; `_` in the name of a header is a hyphen. The length is said unless a header says otherwise."""
    said: dict[str, object] = {"content-length": len(body), "connection": "close"}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in said.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _not_found(_: Asked) -> Iterable[bytes]:
    return [answer(404)]


class _Handler(socketserver.StreamRequestHandler):
    """One request on a connection of its own."""

    timeout = SOCKET_SECONDS
    server: "_Server"

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # who asks goes away in the middle: many tests are about that
            method, target, _ = self._line().split(" ", 2)
            lines = iter(self._line, "")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            asked = Asked(method=method, target=target, headers=headers)
            self.server.said.asked.append(asked)
            for part in self.server.said.scripts.get(target.partition("?")[0], _not_found)(asked):
                self.connection.sendall(part)

    def _line(self) -> str:
        return self.rfile.readline().decode().strip()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.said = Web(port=self.server_address[1])


@contextmanager
def web() -> Iterator[Web]:
    """A server for as long as the block lasts."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.said
        finally:
            server.shutdown()
            thread.join()
