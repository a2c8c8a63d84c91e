"""Our files at Gemini: sent in pieces, listed, fetched, deleted. Nothing is ever whole in memory.

Files are kept there for 48 hours and count against 20 GB of the project, so that what is done with is deleted
(https://ai.google.dev/gemini-api/docs/files). An upload that breaks goes on where Gemini says that it stopped.
"""

import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from gemini.attached import AttachmentError
from gemini.exceptions import failure_of_exception
from gemini.failures import failure_of_text
from gemini.reply import Json
from gemini.rest import GoneError, Rest, RestReply, at, blocks, count_at, listed, text_at, time_at
from models.failures import FailureCode, FailureError, failure

LINES = "application/jsonl"
PIECE_BYTES = 8 * 1024 * 1024
"""A multiple of 256 KiB, as Gemini asks for."""
UPLOAD_SECONDS = 3_600.0
DOWNLOAD_SECONDS = 3_600.0
PAUSES_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Between a piece that failed and the question how much has arrived; after as many failures without progress it is over."""
_PAGE_SIZE = 100
_NAME = re.compile(r"files/[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file at Gemini."""

    name: str
    """`files/…`"""
    display_name: str
    state: str
    """`PROCESSING`, `ACTIVE`, `FAILED`; only an active one can be used."""
    size_bytes: int
    created_at: datetime | None
    expires_at: datetime | None


class Files:
    """The Files API. Every method raises FailureError."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def upload(
        self, path: Path, *, display_name: str, mime_type: str = LINES, timeout_seconds: float = UPLOAD_SECONDS
    ) -> RemoteFile:
        """The file of that path, at Gemini.

        Raises:
            FailureError: it did not get there whole. What did is thrown away by Gemini.
            OSError: the file cannot be read.

        """
        with path.open("rb") as file:
            sending = _Sending(self._rest, file, f"the upload of {display_name}", time.monotonic() + timeout_seconds)
            name = sending.start(display_name, mime_type)
            stored = sending.send()
        return _file(stored) if stored else self.get(name)

    def get(self, name: str) -> RemoteFile:
        """The file of that name (`files/…`). Raises GoneError where it is not there."""
        return _file(self._rest.ask("GET", _checked(name), what=name))

    def delete(self, name: str) -> None:
        """Deletes it; one that is not there is none that is left."""
        try:
            self._rest.ask("DELETE", _checked(name), what=name)
        except GoneError:
            return

    def ours(self, prefix: str) -> Iterator[RemoteFile]:
        """The files whose display name begins so."""
        for item in listed(self._rest, "files", "files", what="the list of files", page_size=_PAGE_SIZE):
            if text_at(item, "displayName").startswith(prefix) and _NAME.fullmatch(text_at(item, "name")):
                yield _file(item)

    def download(self, name: str, path: Path, *, max_bytes: int, timeout_seconds: float = DOWNLOAD_SECONDS) -> int:
        """Writes what a batch wrote to that path, whole or not at all, and says how many bytes it has.

        Raises:
            GoneError: the file is not there any more.
            FailureError: it did not come whole, cannot be written (`internal`), or is larger than `max_bytes`
                (`gemini_invalid_output`).
            OSError: it cannot be made or renamed.

        """
        part, size = path.with_name(f"{path.name}.part"), 0
        try:
            with part.open("wb") as file, self._rest.download(f"{_checked(name)}:download", what=name) as response:
                for block in blocks(response, most_bytes=max_bytes, seconds=timeout_seconds, what=name):
                    _write(file, block, name)
                    size += len(block)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return size


class _Sending:
    """One upload: https://ai.google.dev/gemini-api/docs/files, the resumable protocol."""

    def __init__(self, rest: Rest, file: BinaryIO, what: str, ends: float) -> None:
        self._rest = rest
        self._file = file
        self._what = what
        self._ends = ends
        """When it must be over, on the monotonic clock."""
        self._size_bytes = os.fstat(file.fileno()).st_size
        self._sent_bytes = 0
        self._troubles = 0

    def start(self, display_name: str, mime_type: str) -> str:
        """Announces the file; its name, which is ours to choose."""
        name = f"files/{secrets.token_hex(16)}"
        size = str(self._size_bytes)
        body = {"file": {"name": name, "displayName": display_name, "mimeType": mime_type, "sizeBytes": size}}
        headers = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": size,
            "X-Goog-Upload-Header-Content-Type": mime_type,
        }
        reply = self._rest.start_upload(headers, body=body, what=self._what)
        self._address = reply.headers.get("x-goog-upload-url", "")
        if not self._address:
            raise FailureError(failure_of_text("no address for the upload", model=self._what))
        return name

    def send(self) -> Json | None:
        """Sends all of it; what Gemini then says of the file, or None where that reply was lost."""
        is_unsure = False
        while True:
            try:
                reply = self._ask_what_arrived() if is_unsure else self._send_piece()
                if self._is_final(reply):
                    file = at(reply.body, "file")
                    return file if isinstance(file, Mapping) else None
                is_unsure = False
            except FailureError as error:
                self._bear(error)
                is_unsure = True

    def _send_piece(self) -> RestReply:
        self._file.seek(self._sent_bytes)
        piece = self._file.read(PIECE_BYTES)
        after = self._sent_bytes + len(piece)
        if after < self._size_bytes and len(piece) < PIECE_BYTES:
            raise FailureError(failure_of_exception(AttachmentError("it became shorter"), model=self._what))
        command = "upload" if after < self._size_bytes else "upload, finalize"
        headers = {"X-Goog-Upload-Offset": str(self._sent_bytes), "X-Goog-Upload-Command": command}
        reply = self._rest.send_piece(self._address, headers, piece, what=self._what)
        self._sent_bytes, self._troubles = after, 0
        return reply

    def _ask_what_arrived(self) -> RestReply:
        headers = {"X-Goog-Upload-Command": "query"}
        reply = self._rest.send_piece(self._address, headers, b"", what=self._what)
        arrived = count_at(reply.headers, "x-goog-upload-size-received")
        if arrived > self._sent_bytes:
            self._troubles = 0
        self._sent_bytes = min(arrived, self._size_bytes)
        return reply

    def _is_final(self, reply: RestReply) -> bool:
        """Is the file whole? Raises FailureError where Gemini does not say, and so does not vouch for what was sent."""
        status = reply.headers.get("x-goog-upload-status")
        if status not in ("active", "final"):
            raise FailureError(failure_of_text("no state of the upload", model=self._what))
        return status == "final"

    def _bear(self, error: FailureError) -> None:
        """Waits a little, or raises where going on is no use."""
        reason = error.failure
        is_final = isinstance(error, GoneError) or reason.pauses_lane or reason.code in _USELESS
        if is_final or self._troubles >= len(PAUSES_SECONDS):
            raise error
        pause = PAUSES_SECONDS[self._troubles]
        if time.monotonic() + pause > self._ends:
            raise error
        self._troubles += 1
        time.sleep(pause)


_USELESS = frozenset({FailureCode.GEMINI_QUOTA, FailureCode.INTERNAL})


def _write(file: BinaryIO, block: bytes, name: str) -> None:
    try:
        file.write(block)
    except OSError as error:  # not to be taken for one of the connection
        words = f"{name} cannot be kept here: {error.strerror}. Make room on the disk."
        raise FailureError(failure(FailureCode.INTERNAL, words)) from error


def _checked(name: str) -> str:
    """The name, fit for an address. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no name of a file at Gemini")
    return name


def _file(body: Json) -> RemoteFile:
    return RemoteFile(
        name=text_at(body, "name"),
        display_name=text_at(body, "displayName"),
        state=text_at(body, "state"),
        size_bytes=count_at(body, "sizeBytes"),
        created_at=time_at(body, "createTime"),
        expires_at=time_at(body, "expirationTime"),
    )
