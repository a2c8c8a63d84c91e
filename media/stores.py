"""Media in object stores: `s3://bucket/key`, `gs://bucket/key`, `az://container/key`, by obstore.

Credentials, region and endpoint are the operator's, read by obstore from the environment (`AWS_…`, `GOOGLE_…`,
`AZURE_STORAGE_…`); a job names bucket and key alone, and where owners share the credentials, `BucketRules` say which
buckets each may name. A store is made once for each bucket and keeps its connections.
"""

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from media.copy import check_room, copied
from media.outbound.errors import OutboundError
from media.outbound.patience import Patience
from media.places import BucketRules, Place, read_place
from media.source import LocalFile, refusal, unanswered
from models.failures import FailureCode, FailureError, failure

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

MOST_STORES = 64
"""Stores that are kept open, of the buckets that were used last."""
CONNECT_SECONDS = 10
_RETRIES = 2
"""Within one attempt at a job, which has more of its own."""
_BLOCK_BYTES = 1024 * 1024
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_SECRET = re.compile(r"\?[^\s\"'<>]*|(?i:(?:key|token|signature|sig|secret)[=:]\s*)\S+")


_ALLOW_HTTP = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}
"""Variables with which an operator allows an endpoint without TLS."""

OpenStore = Callable[[str, str, Patience], "ObjectStore"]
"""A store for scheme and bucket, which waits no longer than that patience."""


def open_from_environment(scheme: str, bucket: str, patience: Patience) -> "ObjectStore":
    """The store with the credentials of the environment. Raises obstore's errors, ValueError."""
    from obstore.store import AzureStore, GCSStore, S3Store

    client: ClientConfig = {
        "allow_http": os.environ.get(_ALLOW_HTTP[scheme], "").lower()
        in {"1", "true"},  # obstore asks the options alone
        "connect_timeout": timedelta(seconds=min(CONNECT_SECONDS, patience.total_seconds)),
        "read_timeout": timedelta(seconds=patience.idle_seconds),
        "timeout": timedelta(seconds=patience.total_seconds),
    }
    retry: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=patience.idle_seconds)}
    if scheme == "s3":
        return S3Store(bucket, client_options=client, retry_config=retry)
    if scheme == "gs":
        return GCSStore(bucket, client_options=client, retry_config=retry)
    return AzureStore(bucket, client_options=client, retry_config=retry)


class ObjectStores:
    """The stores of one process. Any thread may use it."""

    def __init__(self, *, rules: BucketRules, open_store: OpenStore = open_from_environment) -> None:
        self._rules = rules
        self._open_store = open_store
        self._open: OrderedDict[tuple[str, str], ObjectStore] = OrderedDict()
        self._lock = threading.Lock()

    def fetched(
        self, source: str, *, owner: str, path: Path, max_bytes: int, patience: Patience, name: str | None = None
    ) -> LocalFile:
        """The object, as a new file; `name` is what messages call it, if not by its place.

        Raises FailureError: source_not_found; source_forbidden (the credentials, or the rules); source_unreachable;
        source_changed (while it was read); media_too_large; media_empty; media_unsupported.
        """
        import obstore

        place = read_place(source)
        self._rules.check(place, owner)
        name = name or str(place)
        try:
            found = obstore.get(self.open(place, patience), place.key)
            _check_size(name, found.meta["size"], max_bytes)
            check_room(path.parent, name, found.meta["size"])
            file = copied(_blocks(found, found.meta["size"], patience), path, name=name)
        except OutboundError as error:
            raise unanswered(error, name) from error
        except FailureError:
            raise
        except Exception as error:  # obstore has no base class that holds for all
            raise _failed(error, name) from error
        if file.size_bytes != found.meta["size"]:
            raise refusal(FailureCode.SOURCE_CHANGED, name, "changed while it was read; try again when it is complete")
        return file

    def open(self, place: Place, patience: Patience) -> "ObjectStore":
        """The store of the place. Raises obstore's errors, ValueError."""
        wanted = place.scheme, place.bucket
        with self._lock:
            store = self._open.pop(wanted, None) or self._open_store(*wanted, patience)
            self._open[wanted] = store
            if len(self._open) > MOST_STORES:
                self._open.popitem(last=False)
            return store


def _check_size(name: str, size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        words = f"has {size_bytes} bytes, more than the {max_bytes} allowed; make it smaller or raise the limit"
        raise refusal(FailureCode.MEDIA_TOO_LARGE, name, words)


def _blocks(found: Any, size_bytes: int, patience: Patience) -> Iterator[memoryview]:
    """The object, and no more of it than it was said to have."""
    left = size_bytes
    for block in found.stream(min_chunk_size=_BLOCK_BYTES):
        patience.check()
        yield memoryview(block)
        left -= len(block)
        if left < 0:
            return


_CODES: Mapping[str, tuple[FailureCode, str]] = {
    "FileNotFoundError": (FailureCode.SOURCE_NOT_FOUND, "does not exist; check bucket and key"),
    "InvalidPathError": (FailureCode.SOURCE_NOT_FOUND, "is a key that no object can have; check it"),
    "PermissionDeniedError": (
        FailureCode.SOURCE_FORBIDDEN, "may not be read with the worker's credentials; give them the right to"
    ),
    "UnauthenticatedError": (
        FailureCode.SOURCE_FORBIDDEN, "is refused: the worker's credentials are missing, wrong or over; set them anew"
    ),
    "PreconditionError": (FailureCode.SOURCE_CHANGED, "changed while it was read; try again when it is complete"),
    "UnknownConfigurationKeyError": (
        FailureCode.SOURCE_FORBIDDEN, "is in a store that is set up wrongly; correct its variables in the environment"
    ),
}  # fmt: skip
"""What obstore's exceptions mean, by name, as importing them takes a while; any other may pass by itself."""


def _failed(error: Exception, name: str) -> FailureError:
    unknown = FailureCode.SOURCE_UNREACHABLE, "could not be read from its store; it is tried again"
    code, words = _CODES.get(type(error).__name__, unknown)
    return FailureError(failure(code, f"{name} {words}.", cause=words_of(error)))


def words_of(error: Exception) -> str:
    """What obstore said, without secrets."""
    first_line = str(error).partition("\n")[0][:500]
    return _SECRET.sub("…", _UNWRITABLE.sub("?", first_line))
