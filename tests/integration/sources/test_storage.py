"""Uploads in an object store: obstore's own in memory. Those in a folder are proved by the API's tests."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from media.outbound.patience import Patience
from media.source import LocalFile
from media.storage.base import StorageError
from media.storage.bucket import PART_BYTES, BucketStorage
from media.storage.opening import read_storage_url
from models.failures import FailureCode, FailureError
from tests.unit.media.pictures import encoded, scene

LARGE = encoded(scene(), "PNG") + os.urandom(2 * PART_BYTES + 1)


def bucket(store: MemoryStore) -> BucketStorage:
    return BucketStorage("s3://bucket/mediascribe/", total_seconds=10, idle_seconds=10, open_store=lambda *_: store)


def fetched(storage: BucketStorage, key: str, path: Path) -> LocalFile:
    patience = Patience(total_seconds=10, idle_seconds=10)
    return storage.fetched(key, name="cat.png", path=path, max_bytes=10**8, patience=patience)


def write(storage: BucketStorage, key: str) -> None:
    incoming = storage.begin(key)
    for start in range(0, len(LARGE), 300_000):
        incoming.write(LARGE[start : start + 300_000])
    incoming.finish()


def test_uploads_lie_below_the_address_of_the_storage_and_come_back_as_they_were(tmp_path: Path) -> None:
    """As many at once as there may be, none of which waits for another."""
    store = MemoryStore()
    storage = bucket(store)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write(storage, f"o/upl_{number}"), range(8)))
    (names,) = obstore.list(store)
    assert {each["path"] for each in names} == {f"mediascribe/o/upl_{number}" for number in range(8)}
    file = fetched(storage, "o/upl_3", tmp_path / "copy")
    assert (file.sha256, file.name) == (hashlib.sha256(LARGE).hexdigest(), "cat.png")
    storage.remove("o/upl_3")
    storage.remove("o/upl_3")
    with pytest.raises(FailureError, match=r"cat\.png does not exist") as caught:
        fetched(storage, "o/upl_3", tmp_path / "again")
    assert caught.value.failure.code is FailureCode.SOURCE_NOT_FOUND


def test_what_is_not_finished_is_not_there() -> None:
    store = MemoryStore()
    incoming = bucket(store).begin("o/upl_1")
    incoming.write(LARGE)
    incoming.abandon()
    assert list(obstore.list(store)) == []


def test_a_store_that_is_not_there_is_told_without_secrets() -> None:
    def broken(*_: object) -> MemoryStore:
        raise ValueError("no such endpoint ?X-Signature=hush")

    storage = BucketStorage("s3://bucket", total_seconds=10, idle_seconds=10, open_store=broken)
    for act in (lambda: storage.begin("o/upl_1"), lambda: storage.remove("o/upl_1")):
        with pytest.raises(StorageError, match="no such endpoint") as caught:
            act()
        assert "hush" not in str(caught.value)


def test_an_address_that_is_no_storage_is_refused() -> None:
    for url in (
        "media",
        "/srv/media",
        "file://other/media",
        "file:",
        "https://x/y",
        "s3://",
        "s3://b",
        "s3://bucket/../x",
    ):
        with pytest.raises(ValueError, match=r"storage|bucket"):
            read_storage_url(url)
