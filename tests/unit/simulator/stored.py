"""Files and batches of a running simulator, asked for over plain HTTP."""

import json
import time
from typing import Any
from urllib.parse import urlsplit

MODEL = "gemini-3.8-flash"
PIECE_BYTES = 256 * 1024
OVER = {"BATCH_STATE_SUCCEEDED", "BATCH_STATE_FAILED", "BATCH_STATE_CANCELLED", "BATCH_STATE_EXPIRED"}
DEADLINE_SECONDS = 20


def start(client: Any, size: int, file: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Any:
    """Begin an upload."""
    usual = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": str(size),
        "X-Goog-Upload-Header-Content-Type": "application/jsonl",
    }
    return client.send("POST", "/upload/v1/files", json.dumps({"file": file or {}}).encode(), usual | (headers or {}))


def piece(client: Any, started: Any, offset: int, data: bytes, command: str = "upload, finalize") -> Any:
    """Send a piece of a file to the address that `start` was given, without a key."""
    address = urlsplit(started.headers["X-Goog-Upload-URL"])
    headers = {"X-Goog-Upload-Offset": str(offset), "X-Goog-Upload-Command": command, "x-goog-api-key": ""}
    return client.send("POST", f"{address.path}?{address.query}", data, headers)


def upload(client: Any, data: bytes, file: dict[str, Any] | None = None, key: str = "k") -> dict[str, Any]:
    """A whole file."""
    stored: dict[str, Any] = piece(client, start(client, len(data), file, {"x-goog-api-key": key}), 0, data).json[
        "file"
    ]
    return stored


def lines(*rows: object) -> bytes:
    return b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)


def asking(text: str, **fields: Any) -> dict[str, Any]:
    return {"contents": [{"parts": [{"text": text}]}], **fields}


def named(*names: str) -> bytes:
    """One row for each name, which is its key and its text."""
    return lines(*({"key": name, "request": asking(name)} for name in names))


def create(client: Any, source: dict[str, Any], at: str = MODEL, version: str = "v1", **more: Any) -> Any:
    body = {"batch": {"displayName": "d", "inputConfig": source} | more}
    return client.send("POST", f"/{version}/models/{at}:batchGenerateContent", json.dumps(body).encode())


def created(client: Any, *names: str) -> str:
    """The name of a new batch with one row for each name."""
    return str(create(client, {"fileName": upload(client, named(*names))["name"]}).json["name"])


def until(client: Any, name: str, *states: str) -> dict[str, Any]:
    """The batch once it is in one of the states, or is over."""
    wanted = {f"BATCH_STATE_{state}" for state in states} or OVER
    ends = time.monotonic() + DEADLINE_SECONDS
    while (batch := client.send("GET", f"/v1/{name}").json)["metadata"]["state"] not in wanted:
        assert time.monotonic() < ends, batch
        time.sleep(0.01)
    shown: dict[str, Any] = batch
    return shown


def output(client: Any, batch: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that the batch wrote."""
    name = batch["metadata"]["output"]["responsesFile"]
    body = client.send("GET", f"/v1/{name}:download?alt=media").body
    return [json.loads(line) for line in body.splitlines()]
