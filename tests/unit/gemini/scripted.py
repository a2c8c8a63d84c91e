"""A loopback HTTP server that answers as a test scripts it, down to the byte, and remembers what it was asked."""

import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase

KEY = "AIzaSyTEST-0123456789-abcdefghij_KLMNOP"
ANSWER_TEXT = '{"caption": "A cat on a mat"}'

Script = Callable[[socket.socket], None]
"""Answers one request on an open connection."""


@dataclass(frozen=True, kw_only=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        decoded = json.loads(self.body)
        assert isinstance(decoded, dict)
        return decoded


@dataclass(kw_only=True)
class ScriptedGemini:
    script: Script
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0


def http(status: int, body: str | bytes, **headers: str) -> Script:
    """A whole and correct HTTP answer."""
    content = body.encode() if isinstance(body, str) else body
    lines = {"content-type": "application/json; charset=UTF-8", "content-length": str(len(content))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return lambda connection: connection.sendall(head.encode() + b"\r\n" + content)


def answer(**changes: object) -> str:
    """The body of a good answer; keywords replace its top-level fields, None removes them."""
    body: dict[str, object] = {
        "candidates": [{"content": {"role": "model", "parts": [{"text": ANSWER_TEXT}]}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 264,
            "candidatesTokenCount": 9,
            "thoughtsTokenCount": 27,
            "totalTokenCount": 300,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 6},
                {"modality": "IMAGE", "tokenCount": "258"},
            ],
        },
        "modelVersion": "gemini-3.8-flash-001",
        "responseId": "r-1",
    }
    body |= changes
    return json.dumps({name: value for name, value in body.items() if value is not None})


def finished(reason: str | None, text: str | None = ANSWER_TEXT) -> str:
    """An answer that ends for this reason."""
    content = {"role": "model", "parts": [{"text": text}]} if text is not None else {}
    return answer(candidates=[{"content": content, "finishReason": reason}])


def error(code: int, status: str, message: str, *details: Mapping[str, object]) -> str:
    """The body of one of Google's errors."""
    return json.dumps({"error": {"code": code, "message": message, "status": status, "details": list(details)}})


def detail(kind: str, **fields: object) -> dict[str, object]:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


def reset(connection: socket.socket) -> None:
    """Drops the connection with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    os.close(connection.detach())  # at once, although the handler still holds the connection


def cut_in_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
    connection.shutdown(socket.SHUT_RDWR)


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def no_http(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example ESMTP\r\n")
    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def scripted_gemini(script: Script) -> Iterator[ScriptedGemini]:
    """Runs the server in threads of its own."""
    gemini = ScriptedGemini(script=script)
    lock = threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with lock:
                gemini.connections += 1
            try:
                while (request := _read_request(self.rfile)) is not None:
                    with lock:
                        gemini.requests.append(request)
                    gemini.script(self.request)
            except OSError:
                return

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False
        request_queue_size = 512

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        gemini.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield gemini
        server.shutdown()


def _read_request(stream: BufferedIOBase) -> Request | None:
    line = stream.readline().decode()
    if not line.strip():
        return None
    headers: dict[str, str] = {}
    while (header := stream.readline().decode().strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Request(path=line.split(" ")[1], headers=headers, body=body)
