"""Removing uploads that nobody keeps: those of purged jobs, of refused ones, and of clients or servers that broke off."""

from collections.abc import Sequence

import structlog

from media.storage.base import Storage, StorageError
from media.storage.names import storage_key
from models.database import Database
from models.store.uploads import LeftUpload, forget_uploads, take_left_uploads

log = structlog.get_logger(__name__)


def remove_left_uploads(database: Database, storage: Storage) -> int:
    """Remove all that lapsed; how many. Those that the storage does not let go are tried again next time.

    Raises DatabaseUnavailableError.
    """
    removed = 0
    while left := take_left_uploads(database):
        gone = _remove(database, storage, left)
        removed += gone
        if gone < len(left):
            break
    return removed


def drop_upload(database: Database, storage: Storage, upload_id: str) -> None:
    """Remove one that was not accepted, unless a job keeps it after all. Raises DatabaseUnavailableError."""
    _remove(database, storage, take_left_uploads(database, upload_id=upload_id))


def _remove(database: Database, storage: Storage, left: Sequence[LeftUpload]) -> int:
    gone: list[str] = []
    for upload in left:
        try:
            storage.remove(storage_key(upload.owner, upload.id))
            gone.append(upload.id)
        except StorageError as error:
            log.warning("an upload could not be removed; it is tried again", upload=upload.id, reason=str(error))
    forget_uploads(database, gone)
    return len(gone)
