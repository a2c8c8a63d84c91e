"""Bytes from elsewhere as one bounded file on this machine: written, hashed and looked at in one go."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from media.sniff import HEAD_BYTES, MediaType
from media.source import LocalFile, refusal, sniffed
from models.failures import Failure, FailureCode, FailureError, failure

ROOM_BYTES = 64 * 1024 * 1024
"""So much stays free on the disk for what others write there."""
NO_ROOM_SECONDS = 30.0
"""After so long there may be room."""
_LOOKS_EVERY_BYTES = 16 * 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def copied(blocks: Iterable[bytes | memoryview], path: Path, *, name: str) -> LocalFile:
    """A new file of the blocks. What is no media is found out after the first few kilobytes.

    Raises FailureError: media_empty, media_unsupported, source_unreachable (no room on the disk).
    """
    digest, head, size_bytes = hashlib.sha256(), b"", 0
    media_type: MediaType | None = None
    try:
        with path.open("xb", buffering=0) as file:
            for block in blocks:
                if size_bytes // _LOOKS_EVERY_BYTES != (size_bytes + len(block)) // _LOOKS_EVERY_BYTES:
                    check_room(path.parent, name)
                size_bytes += len(block)
                digest.update(block)
                _write(file.fileno(), block)
                if media_type is None:
                    head = (head + bytes(block[:HEAD_BYTES]))[:HEAD_BYTES]
                    media_type = sniffed(name, head) if len(head) == HEAD_BYTES else None
    except OSError as error:
        raise _not_written(name, error) from error
    if size_bytes == 0:
        raise refusal(FailureCode.MEDIA_EMPTY, name, "is empty (0 bytes); check what its server sends")
    return LocalFile(
        path=path, size_bytes=size_bytes, sha256=digest.hexdigest(), media_type=media_type or sniffed(name, head),
        modified_ns=path.stat().st_mtime_ns, name=name,
    )  # fmt: skip


def check_room(folder: Path, name: str, size_bytes: int | None = None) -> None:
    """Is there room for so many bytes more? Raises FailureError(source_unreachable) if not."""
    if room_bytes(folder) < ROOM_BYTES + (size_bytes or 0):
        raise FailureError(_no_room(name))


def room_bytes(folder: Path) -> int:
    """What is free on the folder's disk."""
    return shutil.disk_usage(folder).free


def _write(descriptor: int, block: bytes | memoryview) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _not_written(name: str, error: OSError) -> FailureError:
    if error.errno in _FULL:
        return FailureError(_no_room(name))
    words = f"could not be kept ({error.strerror}); check the folder for temporary files"
    return refusal(FailureCode.SOURCE_UNREACHABLE, name, words)


def _no_room(name: str) -> Failure:
    words = "finds no room in the folder for temporary files; make room there, or read fewer sources at once"
    return failure(FailureCode.SOURCE_UNREACHABLE, f"{name} {words}.", retry_after_seconds=NO_ROOM_SECONDS)
