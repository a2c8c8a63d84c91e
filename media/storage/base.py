"""What a storage does, whichever it is."""

from pathlib import Path
from typing import Protocol

from media.outbound.patience import Patience
from media.source import LocalFile


class StorageError(Exception):
    """The storage did not keep or remove something; it says why. Nothing half-written can be read."""

    def __init__(self, words: str, *, is_full: bool = False) -> None:
        super().__init__(words)
        self.is_full = is_full


class Incoming(Protocol):
    """A file on its way in. For one thread at a time; each call waits for the disk or the network."""

    def write(self, block: bytes) -> None:
        """The next bytes. Raises StorageError."""

    def finish(self) -> None:
        """From now on it can be read, also after a power cut. Raises StorageError."""

    def abandon(self) -> None:
        """It will not be finished: give back what it holds. Never raises."""


class Storage(Protocol):
    """Keeps files under keys. Any thread may use it."""

    def begin(self, key: str) -> Incoming:
        """A new file. Raises StorageError."""

    def fetched(self, key: str, *, name: str, path: Path, max_bytes: int, patience: Patience) -> LocalFile:
        """The file on this machine, as a copy at `path` if it has to be; `name` is what messages call it.

        Raises FailureError as other sources do.
        """

    def remove(self, key: str) -> None:
        """Whole or not, it is no longer there; nor was it, perhaps. Raises StorageError."""
