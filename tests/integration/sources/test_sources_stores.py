"""Media in object stores: obstore's own in memory and on disk, and a server that speaks as much of S3 as a read needs."""

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore

from media.outbound.client import OutboundClient
from media.outbound.patience import Patience
from media.outbound.rules import read_rules
from media.places import Place, read_bucket_rules, read_place
from media.source import LocalFile
from media.sources import SourceLimits, Sources, Wanted
from media.stores import ObjectStores, OpenStore, open_from_environment
from models.failures import Failure, FailureCode, FailureError
from tests.services.web import Asked, Web, answer, web
from tests.unit.media.pictures import encoded, scene

PICTURE = encoded(scene(), "PNG")
MAX_BYTES = 3_000_000


def sources(open_store: OpenStore, *, buckets: str = "", seconds: float = 5.0) -> Sources:
    return Sources(
        client=OutboundClient(rules=read_rules("443", "")),
        stores=ObjectStores(rules=read_bucket_rules(buckets), open_store=open_store),
        limits=SourceLimits(max_bytes=MAX_BYTES, total_seconds=seconds, idle_seconds=seconds),
    )


def opened(reader: Sources, source: str, folder: Path, owner: str = "default") -> LocalFile:
    return reader.open(Wanted(source=source, owner=owner, folder=folder, stop=threading.Event()))


def failed(reader: Sources, source: str, folder: Path, owner: str = "default") -> Failure:
    with pytest.raises(FailureError) as caught:
        opened(reader, source, folder, owner)
    return caught.value.failure


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
@pytest.mark.parametrize("key", ["a.png", "2026/a b/ü.png", "a%20b?x#y.png"])
def test_an_object_is_copied_from_the_store_of_its_bucket(tmp_path: Path, scheme: str, key: str) -> None:
    store, asked = MemoryStore(), list[tuple[str, str]]()
    obstore.put(store, key, PICTURE)

    def open_store(scheme: str, bucket: str, _: Patience) -> ObjectStore:
        asked.append((scheme, bucket))
        return store

    reader = sources(open_store)
    file = opened(reader, f"{scheme}://a-bucket/{key}", tmp_path)
    assert (file.path.read_bytes(), file.name) == (PICTURE, f"{scheme}://a-bucket/{key}")
    file.path.unlink()
    opened(reader, f"{scheme}://a-bucket/{key}", tmp_path)
    assert asked == [(scheme, "a-bucket")]  # and keeps its connections


def test_a_large_object_comes_in_parts(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a.png").write_bytes(PICTURE + bytes(2_500_000))
    store = LocalStore(tmp_path / "store")
    assert opened(sources(lambda *_: store), "s3://bucket/a.png", tmp_path).size_bytes == len(PICTURE) + 2_500_000


def test_what_is_not_there_empty_or_too_large_is_told(tmp_path: Path) -> None:
    store = MemoryStore()
    obstore.put(store, "empty", b"")
    obstore.put(store, "large", bytes(MAX_BYTES + 1))
    obstore.put(store, "page", b"<html>")
    reader = sources(lambda *_: store)
    codes = {}
    for key in ("none", "empty", "large", "page"):
        codes[key] = failed(reader, f"s3://bucket/{key}", tmp_path).code
        (tmp_path / "source").unlink(missing_ok=True)
    assert codes == {
        "none": FailureCode.SOURCE_NOT_FOUND, "empty": FailureCode.MEDIA_EMPTY,
        "large": FailureCode.MEDIA_TOO_LARGE, "page": FailureCode.MEDIA_UNSUPPORTED,
    }  # fmt: skip


@pytest.mark.parametrize(
    "source",
    ["s3://", "s3://b", "s3://bucket", "s3://bucket/", "s3://bucket//a", "s3://bucket/a/", "s3://bucket/../a", "s3:///a",
     "s3://bucket/a/./b", "s3://a..b/c", "s3://u@bucket/a", "s3://bucket:80/a", "s3://buc ket/a", "s3://bucket/a\nb",
     "gs://bucket/" + "k" * 1_025],
)  # fmt: skip
def test_a_place_that_cannot_be_is_refused_before_any_store_is_asked(tmp_path: Path, source: str) -> None:
    def never(*_: object) -> ObjectStore:
        raise AssertionError

    failure = failed(sources(never), source, tmp_path)
    assert failure.code is FailureCode.SOURCE_NOT_FOUND
    assert failure.message.isprintable()


@pytest.mark.parametrize(
    ("rules", "owner", "may"),
    [
        ("", "anybody", True),
        ("s3://photos", "anybody", True),
        ("s3://photos/2026/", "anybody", True),
        ("s3://photos/2025/", "anybody", False),
        ("gs://photos", "anybody", False),
        ("s3://photo", "anybody", False),
        ("ours=s3://photos", "ours", True),
        ("ours=s3://photos", "theirs", False),
        ("ours=s3://other, s3://photos/2026/a", "theirs", True),
    ],
)
def test_buckets_may_be_bound_to_owners(rules: str, owner: str, *, may: bool) -> None:
    place = read_place("s3://photos/2026/a.jpg")
    assert place == Place(scheme="s3", bucket="photos", key="2026/a.jpg")
    if may:
        read_bucket_rules(rules).check(place, owner)
    else:
        with pytest.raises(FailureError, match="MEDIASCRIBE_ALLOWED_BUCKETS"):
            read_bucket_rules(rules).check(place, owner)


def test_a_bucket_of_others_is_not_read(tmp_path: Path) -> None:
    store = MemoryStore()
    obstore.put(store, "a.png", PICTURE)
    reader = sources(lambda *_: store, buckets="ours=s3://bucket")
    assert failed(reader, "s3://bucket/a.png", tmp_path, "theirs").code is FailureCode.SOURCE_FORBIDDEN
    assert opened(reader, "s3://bucket/a.png", tmp_path, "ours").size_bytes == len(PICTURE)


@pytest.mark.parametrize("text", ["photos", "http://photos", "s3://", "=s3://photos", "s3://a b"])
def test_a_list_of_buckets_with_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no bucket"):
        read_bucket_rules(text)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server for S3's protocol, which the environment names as an operator would."""
    with web() as server:
        for name, value in {
            "AWS_ENDPOINT_URL": server.url, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield server


def stored(body: bytes, **headers: object) -> bytes:
    modified = datetime(2026, 1, 1, tzinfo=UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return answer(200, body, etag='"1"', last_modified=modified, **headers)


def test_credentials_and_endpoint_come_from_the_environment(s3: Web, tmp_path: Path) -> None:
    s3.says("/bucket/a/b.png", stored(PICTURE))
    assert opened(sources(open_from_environment), "s3://bucket/a/b.png", tmp_path).path.read_bytes() == PICTURE
    assert "Credential=id/" in s3.asked[0].headers["authorization"]


def error(status: int, code: str) -> bytes:
    return answer(status, f"<Error><Code>{code}</Code><Message>?X-Amz-Signature=hunter2</Message></Error>".encode())


def broken_off(_: Asked) -> Iterable[bytes]:
    return [stored(PICTURE[:200], content_length=len(PICTURE))]


def silent(_: Asked) -> Iterable[bytes]:
    threading.Event().wait(3)
    return []


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (error(404, "NoSuchKey"), FailureCode.SOURCE_NOT_FOUND),
        (error(403, "AccessDenied"), FailureCode.SOURCE_FORBIDDEN),
        (error(401, "InvalidToken"), FailureCode.SOURCE_FORBIDDEN),
        (error(400, "ExpiredToken"), FailureCode.SOURCE_UNREACHABLE),
        (error(503, "SlowDown"), FailureCode.SOURCE_UNREACHABLE),
        (broken_off, FailureCode.SOURCE_UNREACHABLE),
        (silent, FailureCode.SOURCE_UNREACHABLE),
    ],
)
def test_a_store_s_refusals_are_failures_without_secrets(
    s3: Web, tmp_path: Path, said: bytes, code: FailureCode
) -> None:
    s3.says("/bucket/a.png", said)
    failure = failed(sources(open_from_environment, seconds=0.5), "s3://bucket/a.png", tmp_path)
    assert failure.code is code
    assert failure.message.startswith("s3://bucket/a.png ")
    assert "hunter2" not in f"{failure.message} {failure.detail}"
