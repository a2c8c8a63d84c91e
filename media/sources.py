"""Every way to name a media item: a path, `file://`, `http(s)://`, `s3://`, `gs://`, `az://`, `upload://`; each ends as one local file.

What is not on this machine is copied into a folder of the caller, who removes it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from media.outbound.client import Call, OutboundClient
from media.outbound.patience import Patience
from media.outbound.target import PORTS
from media.places import SCHEMES
from media.source import LocalFile, open_local, refusal, scheme_of
from media.source_rules import unknown_scheme
from media.storage.base import Storage
from media.storage.names import SCHEME, storage_key, upload_id_of
from media.stores import ObjectStores
from media.web import fetched
from models.failures import FailureCode


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceLimits:
    """How much of a source is read, and for how long."""

    max_bytes: int
    total_seconds: float
    idle_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A source that is to be read."""

    source: str
    owner: str
    folder: Path | None
    """Where a copy may be put; None only where `media.source_rules.is_remote` says that there will be none."""
    stop: threading.Event
    """Set when nobody waits for it any more."""


_Way = Callable[[Wanted], LocalFile]


class Sources:
    """Reads sources; a thread waits as long as that takes. Any thread may use it."""

    def __init__(
        self, *, client: OutboundClient, stores: ObjectStores, limits: SourceLimits, storage: Storage | None = None
    ) -> None:
        """Without a `storage` there are no uploads."""
        self._client = client
        self._stores = stores
        self._limits = limits
        self._ways: dict[str | None, _Way] = {
            None: self._local,
            "file": self._local,
            **dict.fromkeys(PORTS, self._web),
            **dict.fromkeys(SCHEMES, self._object),
        }
        if storage is not None:
            self._ways[SCHEME] = lambda wanted: self._upload(wanted, storage)

    def open(self, wanted: Wanted) -> LocalFile:
        """The source as a file on this machine, read once to its end. Raises FailureError alone."""
        way = self._ways.get(scheme_of(wanted.source))
        if way is None:
            raise unknown_scheme(wanted.source)
        return way(wanted)

    def _local(self, wanted: Wanted) -> LocalFile:
        return open_local(wanted.source, max_bytes=self._limits.max_bytes)

    def _web(self, wanted: Wanted) -> LocalFile:
        call = Call(
            url=wanted.source, owner=wanted.owner, max_bytes=self._limits.max_bytes, patience=self._patience(wanted)
        )  # fmt: skip
        return fetched(self._client, call, _copy_in(wanted))

    def _object(self, wanted: Wanted) -> LocalFile:
        return self._stores.fetched(
            wanted.source, owner=wanted.owner, path=_copy_in(wanted), max_bytes=self._limits.max_bytes,
            patience=self._patience(wanted),
        )  # fmt: skip

    def _upload(self, wanted: Wanted, storage: Storage) -> LocalFile:
        upload_id = upload_id_of(wanted.source)
        if upload_id is None:
            raise refusal(FailureCode.SOURCE_NOT_FOUND, wanted.source[:300], "names no upload that can be")
        return storage.fetched(
            storage_key(wanted.owner, upload_id), name=wanted.source, path=_copy_in(wanted),
            max_bytes=self._limits.max_bytes, patience=self._patience(wanted),
        )  # fmt: skip

    def _patience(self, wanted: Wanted) -> Patience:
        return Patience(
            total_seconds=self._limits.total_seconds, idle_seconds=self._limits.idle_seconds, stop=wanted.stop
        )  # fmt: skip


def _copy_in(wanted: Wanted) -> Path:
    assert wanted.folder is not None
    return wanted.folder / "source"
