"""Requests on files and batches: which goes where, what makes them invalid, how they go wrong by the script.

After https://ai.google.dev/api/files and https://ai.google.dev/api/batch-api. Both versions, `v1` and `v1beta`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.batches import BatchStore
from simulator.errors import CATALOGUE, RefusedError, Reply, catalogue_reply, invalid_argument, json_reply
from simulator.errors import model_not_found as no_such_model
from simulator.faults import BATCH_KINDS, Fault, Rule, next_fault_at
from simulator.files import GRANULARITY_BYTES, FileStore, Upload
from simulator.http import Connection, Request
from simulator.pages import page_of
from simulator.rows import file_rows
from simulator.wire import read_request

INLINE_LIMIT_BYTES = 20 * 1024 * 1024
_METHOD = "batchGenerateContent"
_UPLOAD_ID = "upload_id"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How one request ends."""

    reply: Reply
    fault: Fault | None = None
    body: Path | None = None
    """The file that is sent as the reply's body."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request with the key that asks and what its path names."""

    request: Request
    key: str
    version: str
    name: str

    @property
    def base_url(self) -> str:
        """Where the API is, as the client sees it."""
        return f"http://{self.request.headers.get('host', 'localhost')}/{self.version}"


class Resources:
    """The doors to files and batches."""

    def __init__(
        self,
        files: FileStore,
        batches: BatchStore,
        rules: Callable[[], list[Rule]],
        batch_models: Callable[[str], bool],
    ) -> None:
        self._files = files
        self._batches = batches
        self._rules = rules
        self._offers_batches = batch_models
        self._doors: Mapping[str, Callable[[Asked], Outcome | Awaitable[Outcome]]] = {
            "file_start": self._start,
            "file_list": self._list_files,
            "file_get": self._get_file,
            "file_delete": self._delete_file,
            "file_download": self._download,
            "batch_create": self._create,
            "batch_list": self._list_batches,
            "batch_get": self._get_batch,
            "batch_cancel": self._cancel,
            "batch_delete": self._delete_batch,
        }

    async def handle(self, request: Request, connection: Connection, check_key: Callable[[Request], str]) -> bool:
        """Serve the request; False where it is about something else."""
        found = _door_of(request)
        if found is None:
            return False
        door, path = found
        try:
            if door == "file_start" and _UPLOAD_ID in request.query:
                outcome = self._piece(request, path["version"])
            else:
                asked = Asked(request=request, key=check_key(request), version=path["version"], name=path["name"] or "")
                served = self._doors[door](asked)
                outcome = served if isinstance(served, Outcome) else await served
        except RefusedError as refused:
            outcome = Outcome(reply=refused.reply)
        if outcome.fault is not None and outcome.fault.kind in ("reset", "cut"):
            connection.reset()
        elif outcome.body is not None:
            await connection.reply_file(outcome.reply, outcome.body)
        else:
            await connection.reply(outcome.reply)
        return True

    def _fault(self, endpoint: str, *, model: str = "", display_name: str = "") -> Fault | None:
        """What goes wrong with this valid request. Raises RefusedError where it is refused by the script."""
        fault = next_fault_at(self._rules(), endpoint, model=model, display_name=display_name)
        if fault is not None and fault.kind in CATALOGUE:
            wait = fault.retry_after_seconds
            raise RefusedError(catalogue_reply(fault.kind, model=model, retry_after_seconds=wait))
        return fault

    def _start(self, asked: Asked) -> Outcome:
        headers = asked.request.headers
        if headers.get("x-goog-upload-protocol") != "resumable" or headers.get("x-goog-upload-command") != "start":
            raise invalid_argument("An upload begins with X-Goog-Upload-Protocol: resumable and -Command: start.")
        size = _whole_number(headers.get("x-goog-upload-header-content-length"), "X-Goog-Upload-Header-Content-Length")
        file = read_request(asked.request.body or b"{}", "CreateFileRequest").get("file", {})
        file.setdefault("mime_type", headers.get("x-goog-upload-header-content-type", ""))
        fault = self._fault("file_start", display_name=file.get("display_name", ""))
        upload_id = self._files.start(asked.key, file, size)
        address = f"{asked.base_url.removesuffix(asked.version)}upload/{asked.version}/files"
        started = {
            "X-Goog-Upload-URL": f"{address}?{_UPLOAD_ID}={upload_id}&upload_protocol=resumable",
            "X-Goog-Upload-Status": "active",
            "X-Goog-Upload-Chunk-Granularity": str(GRANULARITY_BYTES),
        }
        return Outcome(reply=_with_headers({}, started), fault=fault)

    def _piece(self, request: Request, version: str) -> Outcome:
        """A piece of a file, or the question how much of it has arrived. Needs no key: the address is the secret."""
        upload = self._files.upload(request.query[_UPLOAD_ID][-1])
        commands = {part.strip() for part in request.headers.get("x-goog-upload-command", "").split(",")}
        if commands == {"query"}:
            size = {"X-Goog-Upload-Size-Received": str(upload.received_bytes)}
            return Outcome(reply=self._upload_reply(upload, request, version, size))
        if commands not in ({"upload"}, {"upload", "finalize"}):
            raise invalid_argument(f"Unknown X-Goog-Upload-Command: {sorted(commands)}")
        if request.too_large:
            raise invalid_argument("The piece is too large.")
        offset = _whole_number(request.headers.get("x-goog-upload-offset"), "X-Goog-Upload-Offset")
        is_last = "finalize" in commands
        self._files.check_piece(upload, offset, request.body, is_last=is_last)
        fault = self._fault("file_upload", display_name=upload.display_name)
        if fault is not None and fault.kind == "cut":
            self._files.add(upload, request.body[: len(request.body) // 2])
            return Outcome(reply=json_reply({}), fault=fault)
        self._files.add(upload, request.body)
        if is_last:
            self._files.finish(upload)
        return Outcome(reply=self._upload_reply(upload, request, version, {}), fault=fault)

    def _upload_reply(self, upload: Upload, request: Request, version: str, more: Mapping[str, str]) -> Reply:
        if upload.file is None:
            return _with_headers({}, {"X-Goog-Upload-Status": "active", **more})
        asked = Asked(request=request, key=upload.owner, version=version, name="")
        body = {"file": self._files.described(upload.file, asked.base_url)}
        return _with_headers(body, {"X-Goog-Upload-Status": "final", **more})

    def _list_files(self, asked: Asked) -> Outcome:
        page, following = page_of(self._files.of(asked.key), asked.request, default=10, most=100)
        shown = [self._files.described(file, asked.base_url) for file in page]
        body = ({"files": shown} if shown else {}) | following
        return Outcome(reply=json_reply(body), fault=self._fault("file_list"))

    def _get_file(self, asked: Asked) -> Outcome:
        file = self._files.get(asked.key, f"files/{asked.name}")
        fault = self._fault("file_get", display_name=file.display_name)
        return Outcome(reply=json_reply(self._files.described(file, asked.base_url)), fault=fault)

    def _delete_file(self, asked: Asked) -> Outcome:
        file = self._files.get(asked.key, f"files/{asked.name}")
        fault = self._fault("file_delete", display_name=file.display_name)
        self._files.delete(file)
        return Outcome(reply=json_reply({}), fault=fault)

    def _download(self, asked: Asked) -> Outcome:
        file = self._files.get(asked.key, f"files/{asked.name}")
        if asked.request.query.get("alt") != ["media"]:
            raise invalid_argument("A file is downloaded with ?alt=media.")
        if file.source != "GENERATED":
            raise invalid_argument("Only generated files can be downloaded.")
        fault = self._fault("file_download", display_name=file.display_name)
        return Outcome(reply=Reply(status=200, body=b"", content_type=file.mime_type), fault=fault, body=file.path)

    async def _create(self, asked: Asked) -> Outcome:
        model = asked.name
        if not self._offers_batches(model):
            raise RefusedError(no_such_model(model, asked.version, _METHOD))
        batch = read_request(asked.request.body, "BatchGenerateContentRequest").get("batch", {})
        count = await self._request_count(asked, batch)
        fault = self._fault("batch_create", model=model, display_name=batch["display_name"])
        is_of_batch = fault is not None and fault.kind in BATCH_KINDS
        made = self._batches.create(asked.key, model, batch, count, fault if is_of_batch else None)
        if fault is not None and fault.kind == "500_created":
            return Outcome(reply=catalogue_reply("500", model=model))
        return Outcome(reply=json_reply(made.described()), fault=fault)

    async def _request_count(self, asked: Asked, batch: dict[str, Any]) -> int:
        """How many rows the batch has. Raises RefusedError where it is not valid."""
        source = batch.get("input_config", {})
        if not batch.get("display_name"):
            raise invalid_argument("* BatchGenerateContentRequest.batch.display_name: is required.")
        if len(source) != 1:
            raise invalid_argument(
                "* BatchGenerateContentRequest.batch.input_config: one of file_name, requests is required."
            )
        if batch.get("model") not in (None, f"models/{asked.name}"):
            raise invalid_argument("* BatchGenerateContentRequest.batch.model: differs from the model in the address.")
        if "file_name" in source:
            file = self._files.usable(asked.key, source["file_name"])
            count = await asyncio.to_thread(lambda: sum(1 for _ in file_rows(file.path)))
        else:
            if len(asked.request.body) >= INLINE_LIMIT_BYTES or asked.request.too_large:
                raise invalid_argument(f"Inlined requests must be smaller than {INLINE_LIMIT_BYTES} bytes; use a file.")
            count = len(source["requests"].get("requests", []))
        if not count:
            raise invalid_argument("* BatchGenerateContentRequest.batch.input_config: there are no requests in it.")
        return count

    def _list_batches(self, asked: Asked) -> Outcome:
        page, following = page_of(self._batches.of(asked.key), asked.request, default=50, most=100)
        shown = [batch.described(has_results=False) for batch in page]
        body = ({"operations": shown} if shown else {}) | following
        return Outcome(reply=json_reply(body), fault=self._fault("batch_list"))

    def _get_batch(self, asked: Asked) -> Outcome:
        batch = self._batches.get(asked.key, f"batches/{asked.name}")
        fault = self._fault("batch_get", display_name=batch.display_name)
        return Outcome(reply=json_reply(batch.described()), fault=fault)

    def _cancel(self, asked: Asked) -> Outcome:
        batch = self._batches.get(asked.key, f"batches/{asked.name}")
        self._batches.check_running(batch)
        fault = self._fault("batch_cancel", display_name=batch.display_name)
        self._batches.cancel(batch)
        return Outcome(reply=json_reply({}), fault=fault)

    def _delete_batch(self, asked: Asked) -> Outcome:
        batch = self._batches.get(asked.key, f"batches/{asked.name}")
        fault = self._fault("batch_delete", display_name=batch.display_name)
        self._batches.delete(batch)
        return Outcome(reply=json_reply({}), fault=fault)


_PATH = re.compile(
    r"/(?P<upload>upload/)?(?P<version>v1|v1beta)/(?P<what>files|batches|models)(?:/(?P<name>[^/:]+))?(?::(?P<verb>[A-Za-z]+))?"
)
_DOORS = {
    ("POST", "upload/", "files", False, None): "file_start",
    ("GET", None, "files", False, None): "file_list",
    ("GET", None, "files", True, None): "file_get",
    ("DELETE", None, "files", True, None): "file_delete",
    ("GET", None, "files", True, "download"): "file_download",
    ("POST", None, "models", True, _METHOD): "batch_create",
    ("GET", None, "batches", False, None): "batch_list",
    ("GET", None, "batches", True, None): "batch_get",
    ("POST", None, "batches", True, "cancel"): "batch_cancel",
    ("DELETE", None, "batches", True, None): "batch_delete",
}


def _door_of(request: Request) -> tuple[str, re.Match[str]] | None:
    path = _PATH.fullmatch(request.path)
    if path is None:
        return None
    door = _DOORS.get((request.method, path["upload"], path["what"], path["name"] is not None, path["verb"]))
    return None if door is None else (door, path)


def _with_headers(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
    plain = json_reply(body)
    return Reply(status=plain.status, body=plain.body, headers=headers)


def _whole_number(text: str | None, header: str) -> int:
    if text is None or not re.fullmatch(r"[0-9]{1,15}", text):
        raise invalid_argument(f"The header {header} must be a whole number of bytes.")
    return int(text)
