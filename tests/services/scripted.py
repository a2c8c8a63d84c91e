"""A server that answers request by request what a test wrote down, and keeps what it was asked."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.services.process import LOOPBACK


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer; without a status the connection is closed instead."""

    status: int | None = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks_off: bool = False
    """Is less sent than was said?"""


@dataclass(kw_only=True)
class Scripted:
    """The server, as tests see it. The last answer is given again and again."""

    url: str
    replies: list[Reply] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    def says(self, *replies: Reply) -> None:
        """From now on these are the answers, in this order; what was asked before is forgotten."""
        self.replies, self.asked = list(replies), []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    said: Scripted

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = b"".join(self._body(headers))
        self.said.asked.append(Request(method=self.command, path=self.path, headers=headers, body=body))
        self._answer(self.said.replies.pop(0) if len(self.said.replies) > 1 else self.said.replies[0])

    def _body(self, headers: Mapping[str, str]) -> Iterator[bytes]:
        if headers.get("transfer-encoding") != "chunked":
            yield self.rfile.read(int(headers.get("content-length", 0)))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, reply: Reply) -> None:
        if reply.status is None:
            self.close_connection = True
            return
        length = len(reply.body) + reply.breaks_off
        lines = [f"HTTP/1.1 {reply.status} Said", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + reply.body)
        self.close_connection = reply.breaks_off


@contextmanager
def scripted() -> Iterator[Scripted]:
    """Such a server, as long as the block lasts."""

    class Handler(_Handler):
        """Of this server alone."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    Handler.said = said = Scripted(url=f"http://{LOOPBACK}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield said
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
