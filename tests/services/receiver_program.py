"""A receiver of webhooks. It believes nothing but what the package `standardwebhooks` verifies.

What it is to answer next, and what it has got, is asked over HTTP too. It imports nothing of ours, as a receiver would not.
"""

import http.server
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


class _Handler(http.server.BaseHTTPRequestHandler):
    secret = ""
    answers: list[dict[str, Any]] = []  # noqa: RUF012 - of the one server of this process
    got: list[dict[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/hook":
            self._receive(body)
            return
        asked = json.loads(body)
        _Handler.secret = asked.get("secret", _Handler.secret)
        _Handler.answers = asked.get("answers", _Handler.answers)
        self._say(200, json.dumps({"got": _Handler.got}).encode())

    def _receive(self, body: bytes) -> None:
        came: dict[str, Any] = {
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(),
        }
        _Handler.got.append(came)
        try:
            came["event"] = Webhook(_Handler.secret).verify(body, came["headers"])
        except WebhookVerificationError as error:
            came["refused"] = str(error)
            self._say(401)
            return
        answer = _Handler.answers.pop(0) if _Handler.answers else {}
        time.sleep(answer.get("seconds", 0.0))
        self._say(answer.get("status", 204), answer.get("body", "").encode(), answer.get("headers", {}))

    def _say(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """The log is for what goes wrong."""


if __name__ == "__main__":
    with http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler) as server:
        server.serve_forever()
