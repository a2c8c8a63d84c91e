"""Uploads in a folder: of this machine, or of a file server that all machines have mounted at the same place."""

import contextlib
import errno
import os
from pathlib import Path

from media.copy import ROOM_BYTES, room_bytes
from media.outbound.patience import Patience
from media.source import LocalFile, open_local, refusal
from media.storage.base import Incoming, StorageError
from models.failures import FailureCode, FailureError

PART = ".part"
"""How the name of a file ends that is not complete."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LOOKS_EVERY_BYTES = 16 * 1024 * 1024


class FolderStorage:
    """Keeps files below a folder, which it makes when it is needed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self, key: str) -> Incoming:
        """A new file, under another name until it is complete."""
        place = self._root / key
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            return _File(place)
        except OSError as error:
            raise _failed(error) from error

    def fetched(self, key: str, *, name: str, path: Path, max_bytes: int, patience: Patience) -> LocalFile:  # noqa: ARG002 - it needs no copy
        """The file where it lies."""
        try:
            return open_local(str(self._root / key), max_bytes=max_bytes, name=name)
        except FailureError as error:
            if error.failure.code is not FailureCode.SOURCE_NOT_FOUND:
                raise
            words = (
                "is not in the storage of this worker; MEDIASCRIBE_STORAGE_URL must name the same place on all machines"
            )
            raise refusal(FailureCode.SOURCE_NOT_FOUND, name, words) from error

    def remove(self, key: str) -> None:
        """Remove the file and what there is of it."""
        place = self._root / key
        try:
            for each in (place, _part_of(place)):
                each.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(error) from error


class _File:
    """A file on its way in."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._file = _part_of(place).open("xb", buffering=0)
        self._size_bytes = 0

    def write(self, block: bytes) -> None:
        """Write all of it, as long as there is room for others beside it."""
        try:
            if self._size_bytes % _LOOKS_EVERY_BYTES + len(block) >= _LOOKS_EVERY_BYTES or not self._size_bytes:
                self._check_room()
            self._size_bytes += len(block)
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._file.fileno(), rest) :]
        except OSError as error:
            raise _failed(error) from error

    def finish(self) -> None:
        """Flushed, then named: after a power cut it is whole or not there."""
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            _part_of(self._place).rename(self._place)
            _flush_folder(self._place.parent)
        except OSError as error:
            raise _failed(error) from error

    def abandon(self) -> None:
        """Close it; `remove` does the rest."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _check_room(self) -> None:
        if room_bytes(self._place.parent) < ROOM_BYTES:
            raise StorageError("there is no room left for uploads", is_full=True)


def _part_of(place: Path) -> Path:
    return place.with_name(place.name + PART)


def _flush_folder(folder: Path) -> None:
    """A name is on the disk when its folder is, and a new folder's when that above it is."""
    for each in (folder, folder.parent):
        descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _failed(error: OSError) -> StorageError:
    if error.errno in _FULL:
        return StorageError("there is no room left for uploads", is_full=True)
    return StorageError(f"the folder for uploads cannot be used ({error.strerror})")
