"""One upload on its way into the storage: counted, hashed and looked at while it comes, never whole in memory.

It is known before its first byte is stored, so that nothing is left of one that breaks off, whatever breaks: what is not
accepted is removed at once, and what could not be (the process was killed) when its lease has ended.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.parts import Parts
from api.problems import FieldError, ProblemCode, ProblemError
from media.sniff import HEAD_BYTES
from media.source import sniffed
from media.storage.names import plain_name, storage_key
from models.database import DatabaseNotReadyError, DatabaseUnavailableError
from models.failures import FailureError
from models.store.uploads import NewUpload, begin_upload, renew_upload
from worker.uploads import drop_upload

if TYPE_CHECKING:
    from media.storage.base import Incoming

FIELD = "file"
LEASE_SECONDS = 150.0
"""An upload that is not renewed for so long is taken for abandoned. It is longer than any wait for the next bytes."""
RENEW_SECONDS = 30.0
WRITE_BYTES = 1 << 18
"""So much is collected before it is worth a thread."""


class Room:
    """Counts the uploads under way. Lives on the server's loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One more as long as the block lasts. Raises ProblemError(unavailable)."""
        if self._taken >= self._most:
            words = f"{self._most} uploads are under way already; send it again in a moment"
            raise ProblemError(ProblemCode.UNAVAILABLE, words, headers={"Retry-After": "2"})
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


async def room_of(request: Request) -> Room:
    """That of the app that serves this request."""
    room: Room = request.app.state.room
    return room


class Upload:
    """One file. What it does as it comes may raise ProblemError, StorageError, DatabaseUnavailableError, UploadLostError."""

    def __init__(self, parts: Parts, owner: str, filename: str | None) -> None:
        self._parts = parts
        self._owner = owner
        self.name = plain_name(filename)
        self.id: str | None = None
        self._incoming: Incoming | None = None
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._head: bytes | None = b""
        """The first bytes, until it was seen what the file is."""
        self._waiting = bytearray()
        self._renew_at = time.monotonic() + RENEW_SECONDS

    async def begin(self) -> None:
        """Make it known, and open it."""
        await run_in_threadpool(self._begin)

    async def renew(self) -> None:
        """Something came, if only a little: whoever takes it in is still at work."""
        if self.id is not None and time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + RENEW_SECONDS
            await run_in_threadpool(renew_upload, self._parts.database, self.id, lease_seconds=LEASE_SECONDS)

    async def take(self, data: bytes) -> None:
        """The next bytes."""
        self._size_bytes += len(data)
        most = self._parts.settings.api_max_upload_bytes
        if self._size_bytes > most:
            words = f"file has more than the {most:,} bytes of MEDIASCRIBE_API_MAX_UPLOAD_BYTES"
            raise ProblemError(ProblemCode.TOO_LARGE, words, errors=[FieldError(field=FIELD, detail=words)])
        self._waiting += data
        if len(self._waiting) >= WRITE_BYTES:
            await run_in_threadpool(self._write)

    async def finish(self) -> NewUpload:
        """It is whole."""
        return await run_in_threadpool(self._finish)

    async def drop(self) -> None:
        """It was not accepted: leave nothing of it."""
        await run_in_threadpool(self._drop)

    def _begin(self) -> None:
        database = self._parts.database
        self.id = begin_upload(database, owner=self._owner, name=self.name, lease_seconds=LEASE_SECONDS)
        self._incoming = self._parts.storage.begin(storage_key(self._owner, self.id))

    def _write(self) -> None:
        assert self._incoming is not None
        block = bytes(self._waiting)
        self._waiting.clear()
        self._look_at(block)
        self._digest.update(block)
        self._incoming.write(block)

    def _look_at(self, block: bytes, *, is_last: bool = False) -> None:
        """Refuse what is no media as soon as that can be seen."""
        if self._head is None:
            return
        self._head += block[:HEAD_BYTES]
        if len(self._head) < HEAD_BYTES and not is_last:
            return
        try:
            sniffed(FIELD, self._head[:HEAD_BYTES])
        except FailureError as error:
            raise wrong_file(error.failure.message, code=str(error.failure.code)) from error
        self._head = None

    def _finish(self) -> NewUpload:
        assert self._incoming is not None
        assert self.id is not None
        if self._waiting:
            self._write()
        if not self._size_bytes:
            raise wrong_file("file is empty (0 bytes)", code="media_empty")
        self._look_at(b"", is_last=True)
        self._incoming.finish()
        return NewUpload(id=self.id, sha256=self._digest.hexdigest(), size_bytes=self._size_bytes)

    def _drop(self) -> None:
        if self._incoming is not None:
            self._incoming.abandon()
        if self.id is not None:
            with suppress(DatabaseUnavailableError, DatabaseNotReadyError):  # the sweep does it
                drop_upload(self._parts.database, self._parts.storage, self.id)


def wrong_file(words: str, *, code: str) -> ProblemError:
    """The file itself cannot be accepted."""
    error = FieldError(field=FIELD, code=code, detail=words)
    return ProblemError(ProblemCode.INVALID_REQUEST, words, errors=[error])
