"""The storage that an address names: `file:///folder`, `s3://bucket/beginning`, `gs://…`, `az://…`."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from media.places import SCHEMES, read_place
from media.storage.base import Storage
from media.storage.bucket import BucketStorage
from media.storage.folder import FolderStorage
from models.failures import FailureError


def read_storage_url(url: str) -> str:
    """The address, if it names a storage. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and len(parts.path) > 1:
        return url
    if parts.scheme in SCHEMES:
        try:
            read_place(f"{url.rstrip('/')}/key")
        except FailureError as error:
            raise ValueError(f"{url!r} names no bucket that can be; write s3://bucket/beginning-of-keys") from error
        return url
    raise ValueError(f"{url!r} is no storage; write file:///folder, s3://bucket, gs://bucket or az://container")


def open_storage(url: str, *, total_seconds: float, idle_seconds: float) -> Storage:
    """The storage; nothing is connected yet. Writing one file takes `total_seconds` at most. Raises ValueError."""
    parts = urlsplit(read_storage_url(url))
    if parts.scheme == "file":
        return FolderStorage(Path(unquote(parts.path)))
    return BucketStorage(url, total_seconds=total_seconds, idle_seconds=idle_seconds)
