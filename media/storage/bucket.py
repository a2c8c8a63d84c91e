"""Uploads in an object store: read by any worker that has the operator's credentials."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from media.outbound.patience import Patience
from media.places import BucketRules, Place, read_place
from media.source import LocalFile
from media.storage.base import Incoming, StorageError
from media.stores import ObjectStores, OpenStore, open_from_environment, words_of

if TYPE_CHECKING:
    from obstore import WritableFile
    from obstore.store import ObjectStore

PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes as a part. Up to three of them are in memory, of each upload."""
PARTS_AT_ONCE = 2


class BucketStorage:
    """Keeps objects below the beginning of their keys, such as `s3://bucket/mediascribe`."""

    def __init__(
        self, url: str, *, total_seconds: float, idle_seconds: float, open_store: OpenStore = open_from_environment
    ) -> None:
        """So long writing or removing one may take, and wait for the store."""
        self._url = url.rstrip("/")
        self._stores = ObjectStores(rules=BucketRules(), open_store=open_store)
        self._total_seconds = total_seconds
        self._idle_seconds = idle_seconds

    def begin(self, key: str) -> Incoming:
        """A new object, sent in parts; it is there when all of them are."""
        import obstore

        place = read_place(f"{self._url}/{key}")
        try:
            store = self._store_of(place)
            writer = obstore.open_writer(store, place.key, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        except Exception as error:  # obstore has no base class that holds for all
            raise _failed(error) from error
        return _Object(writer)

    def fetched(self, key: str, *, name: str, path: Path, max_bytes: int, patience: Patience) -> LocalFile:
        """A copy."""
        return self._stores.fetched(
            f"{self._url}/{key}", owner="", path=path, max_bytes=max_bytes, patience=patience, name=name
        )  # fmt: skip

    def remove(self, key: str) -> None:
        """Delete the object. Parts of one that was never finished are the store's to forget (a rule of its lifecycle)."""
        import obstore

        place = read_place(f"{self._url}/{key}")
        try:
            with contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store_of(place), place.key)
        except Exception as error:
            raise _failed(error) from error

    def _store_of(self, place: Place) -> "ObjectStore":
        patience = Patience(total_seconds=self._total_seconds, idle_seconds=self._idle_seconds)
        return self._stores.open(place, patience)


class _Object:
    """An object on its way in."""

    def __init__(self, writer: "WritableFile") -> None:
        self._writer = writer

    def write(self, block: bytes) -> None:
        """Sent when a part is full."""
        try:
            self._writer.write(block)
        except Exception as error:
            raise _failed(error) from error

    def finish(self) -> None:
        """Send the last part, and say that these are all."""
        try:
            self._writer.close()
        except Exception as error:
            raise _failed(error) from error

    def abandon(self) -> None:
        """Without its last part it is none."""


def _failed(error: Exception) -> StorageError:
    return StorageError(f"the store for uploads cannot be used: {words_of(error)}")
