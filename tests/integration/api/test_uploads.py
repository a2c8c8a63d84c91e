"""Jobs whose file comes with them: kept whole or not at all, for their owner alone, as long as they are there."""

import asyncio
import hashlib
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from api import uploads
from api.forms import PartBegins, PartEnds, PartGoesOn
from api.job_form import JobForm
from media.outbound.client import OutboundClient
from media.outbound.rules import read_rules
from media.places import read_bucket_rules
from media.sources import SourceLimits, Sources, Wanted
from media.storage.names import plain_name
from media.stores import ObjectStores
from models.failures import FailureCode, FailureError
from models.store import admin
from models.upload import Upload
from tests.integration.api.forms import BOUNDARY, END, FILE, HEADERS, KIND, PICTURE, form, part
from tests.services.api import Site, item
from worker.uploads import remove_left_uploads


def send(api: Site, body: bytes, **headers: str) -> Any:
    return api.client.post("/v1/jobs", content=body, headers=HEADERS | headers)


def kept(api: Site) -> list[Path]:
    return sorted(path for path in (api.parts.settings.home / "media").rglob("*") if path.is_file())


def rows(api: Site) -> list[Any]:
    with api.database.read() as connection:
        return list(connection.execute(select(Upload.id, Upload.job_id)))


def read(api: Site, source: str, owner: str) -> bytes:
    """What a worker reads for a job of that owner."""
    sources = Sources(
        client=OutboundClient(rules=read_rules("443", "")), stores=ObjectStores(rules=read_bucket_rules("")),
        limits=SourceLimits(max_bytes=10_000_000, total_seconds=5, idle_seconds=5), storage=api.parts.storage,
    )  # fmt: skip
    folder = api.parts.settings.home
    return sources.open(Wanted(source=source, owner=owner, folder=folder, stop=threading.Event())).path.read_bytes()


def test_a_file_becomes_a_job_that_reads_it(api: Site) -> None:
    fields = (part("options", '{"language": "de"}'), part("priority", "5"), part("reuse", "false"), KIND)
    answer = send(api, form(FILE, *fields, part("client_ref", "größe")))
    assert answer.status_code == 202, answer.text
    job = answer.json()
    sha256 = hashlib.sha256(PICTURE).hexdigest()
    assert job["upload"] == {"sha256": sha256, "size_bytes": len(PICTURE), "name": "cat.png"}
    assert (job["kind"], job["priority"], job["client_ref"]) == ("caption", 5, "größe")
    assert job["source"].endswith("/cat.png")
    assert read(api, job["source"], "default") == PICTURE
    assert [row.job_id for row in rows(api)] == [job["id"]]


@pytest.mark.parametrize("api", ["sqlite"], indirect=True)
def test_a_file_is_nobodys_but_its_owners(api: Site) -> None:
    """Neither by naming it as a source, nor in a job that got past that."""
    ada, bob = api.key("ada"), api.key("bob")
    source = send(api, form(), **ada).json()["source"]
    for headers in (ada, bob):
        refused = api.client.post("/v1/jobs", json=item(source=source), headers=headers)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "source")
    with pytest.raises(FailureError) as caught:
        read(api, source, "bob")
    assert caught.value.failure.code is FailureCode.SOURCE_NOT_FOUND
    assert read(api, source, "ada") == PICTURE


LARGE = part("file", PICTURE + bytes(3_000_000), "cat.png")
WRONG = {
    "no file": (form(KIND), 422, "file"),
    "two files": (form(FILE, FILE, KIND), 422, "file"),
    "an empty file": (form(part("file", b"", "cat.png"), KIND), 422, "file"),
    "no media": (form(part("file", b"%PDF-1.7 " + bytes(9_000), "cat.png"), KIND), 422, "file"),
    "too large a file": (form(LARGE, KIND), 413, "file"),
    "no kind": (form(FILE), 422, "kind"),
    "an unknown kind after the file": (form(FILE, part("kind", "dance")), 422, "kind"),
    "a kind twice": (form(KIND, KIND, FILE), 422, "kind"),
    "a field that is none": (form(KIND, FILE, part("knd", "x")), 422, "knd"),
    "a source beside the file": (form(KIND, FILE, part("source", "/a.jpg")), 422, "source"),
    "options that are no JSON": (form(FILE, KIND, part("options", "{")), 422, "options"),
    "options that are a list": (form(FILE, KIND, part("options", "[1]")), 422, "options"),
    "an option that is none": (form(FILE, KIND, part("options", '{"zoom": 1}')), 422, "zoom"),
    "options without end": (form(FILE, KIND, part("options", "[" * 100_000)), 422, "options"),
    "a priority that is none": (form(FILE, KIND, part("priority", "high")), 422, "priority"),
    "text that is none": (form(FILE, KIND, part("client_ref", b"\xff")), 422, "client_ref"),
    "text that no database stores": (form(FILE, KIND, part("client_ref", b"\0")), 422, "client_ref"),
    "too long a field": (form(FILE, part("client_ref", "x" * 1_100_000), KIND), 413, "client_ref"),
    "too long a reference": (form(FILE, KIND, part("client_ref", "x" * 201)), 422, "client_ref"),
    "no last boundary": (FILE + KIND, 400, None),
    "half a file": (FILE[:-300], 400, None),
    "no first boundary": (b"kind=caption&file=x", 400, None),
    "a part without a name": (b"--" + BOUNDARY.encode() + b"\r\nX: y\r\n\r\nz\r\n" + END, 400, None),
    "too many parts": (form(*(part(f"{number}", "") for number in range(100))), 400, None),
    "an endless header": (f"--{BOUNDARY}\r\nX: ".encode() + b"y" * 100_000, 400, None),
}


@pytest.fixture
def small(api: Site) -> Iterator[Site]:
    """The API with small limits."""
    changed = {"api_max_upload_bytes": 2_000_000, "api_max_body_bytes": 1_000_000}
    before = api.parts.settings
    object.__setattr__(api.parts, "settings", before.model_copy(update=changed))
    yield api
    object.__setattr__(api.parts, "settings", before)


@pytest.mark.parametrize("api", ["sqlite"], indirect=True)
def test_what_is_refused_names_its_field_and_leaves_nothing(small: Site) -> None:
    for what, (body, status, field) in WRONG.items():
        answer = send(small, body)
        problem = answer.json()
        named = problem["errors"][0]["field"] if problem["errors"] else None
        assert (answer.status_code, named) == (status, field), f"{what}: {problem}"
        assert (kept(small), rows(small)) == ([], []), what
    assert small.client.get("/v1/stats").json()["total"] == 0


HEADS = {
    "multipart/form-data": 400,
    "multipart/form-data; boundary=": 400,
    f"multipart/form-data; boundary={'x' * 300}": 400,
    "multipart/mixed; boundary=b": 415,
    "text/plain": 415,
}


@pytest.mark.parametrize("api", ["sqlite"], indirect=True)
def test_a_form_has_a_boundary_and_says_how_long_it_is(small: Site) -> None:
    for content_type, status in HEADS.items():
        assert send(small, form(), **{"Content-Type": content_type}).status_code == status, content_type
    assert send(small, form(), **{"Content-Encoding": "gzip"}).status_code == 415
    assert send(small, form(), **{"Content-Length": str(10**12)}).status_code == 413
    assert send(small, form(), **{"Idempotency-Key": "a\tb"}).status_code == 400
    assert rows(small) == []


@pytest.mark.parametrize("api", ["sqlite"], indirect=True)
def test_the_same_form_with_the_same_key_is_one_job_and_one_file(api: Site) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = send(api, form(), **key), send(api, form(KIND, FILE), **key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert again.json() == first.json()
    for other in (form(FILE, part("kind", "transcribe")), form(part("file", PICTURE + b"x", "cat.png"), KIND)):
        assert send(api, other, **key).json()["code"] == "idempotency_key_reused"
    assert (len(kept(api)), len(rows(api))) == (1, 1)


def test_a_file_goes_with_its_job(api: Site) -> None:
    """And only then: what is kept by a job, or still comes in, is not touched."""
    first, second = (send(api, form()).json() for _ in range(2))
    admin.cancel(api.database, [first["id"]])
    assert remove_left_uploads(api.database, api.parts.storage) == 0
    assert admin.purge(api.database, older_than_seconds=-1.0) == 1
    with api.database.write() as connection:
        connection.execute(update(Upload).values(expires_at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert remove_left_uploads(api.database, api.parts.storage) == 1
    assert read(api, second["source"], "default") == PICTURE
    assert [row.job_id for row in rows(api)] == [second["id"]]


@contextmanager
def files_up_to(size_bytes: int) -> Iterator[None]:
    """No file of this process grows larger: to whoever writes, the same as a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("api", ["sqlite"], indirect=True)
def test_an_upload_that_comes_drop_by_drop_is_not_taken_for_abandoned(
    api: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little comes, and behind the file too: its lease is renewed as long as anything does."""
    monkeypatch.setattr(uploads, "RENEW_SECONDS", 0.0)
    pieces = (
        PartGoesOn(PICTURE[:1]), PartGoesOn(PICTURE[1:]), PartEnds(), PartBegins(name="kind", filename=None),
        PartGoesOn(b"caption"),
    )  # fmt: skip

    async def come() -> None:
        form = JobForm(api.parts, "default")
        await form.take(PartBegins(name="file", filename="cat.png"))
        for piece in pieces:
            with api.database.write() as connection:
                connection.execute(update(Upload).values(expires_at=datetime(2000, 1, 1, tzinfo=UTC)))
            await form.take(piece)
            assert remove_left_uploads(api.database, api.parts.storage) == 0

    asyncio.run(come())


@pytest.mark.parametrize("api", ["sqlite"], indirect=True)
def test_a_full_disk_is_told_and_keeps_no_half_file(api: Site) -> None:
    with files_up_to(24_000_000):
        answer = send(api, form(part("file", PICTURE + bytes(25_000_000), "cat.png"), KIND))
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (507, "no_room", True)
    assert (kept(api), rows(api)) == ([], [])
    assert send(api, form()).status_code == 202


NAMES = {
    None: "file",
    "": "file",
    "../../etc/passwd": "passwd",
    "C:\\fotos\\Kätzchen.jpg": "Kätzchen.jpg",
    "a\0\nb.jpg": "ab.jpg",
    "x" * 300 + ".jpg": "x" * 96 + ".jpg",
}


def test_the_name_of_a_file_is_a_name_and_nothing_else() -> None:
    assert {given: plain_name(given) for given in NAMES} == NAMES
