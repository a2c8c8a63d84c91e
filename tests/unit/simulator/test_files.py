"""The Files API of the simulator: strict, resumable, and each key for itself."""

import base64
import hashlib
import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.simulator.stored import PIECE_BYTES, piece, start, upload

Start = Callable[..., Any]


@pytest.fixture(scope="module")
def small(start: Start) -> Iterator[Any]:
    """Takes little, and keeps it for a short time."""
    flags = ("--max-file-bytes", "1000", "--max-files-bytes", "1500", "--file-seconds", "0.4")
    with start(*flags, "--processing-seconds", "0.2") as client:
        yield client


def test_a_file_is_uploaded_in_pieces_and_described(simulator: Any) -> None:
    data = b"x" * PIECE_BYTES + b"rest"
    asked = {"name": "files/mine-1", "display_name": "d", "mime_type": "audio/wav", "size_bytes": str(len(data))}
    started = start(simulator, len(data), asked)
    assert (started.status, started.json, started.headers["X-Goog-Upload-Status"]) == (200, {}, "active")
    first = piece(simulator, started, 0, data[:PIECE_BYTES], "upload")
    assert (first.headers["X-Goog-Upload-Status"], first.json) == ("active", {})
    last = piece(simulator, started, PIECE_BYTES, data[PIECE_BYTES:])
    assert last.headers["X-Goog-Upload-Status"] == "final"
    file = last.json["file"]
    assert base64.b64decode(file["sha256Hash"]) == hashlib.sha256(data).digest()
    expected = {"name": "files/mine-1", "displayName": "d", "mimeType": "audio/wav", "sizeBytes": str(len(data))}
    assert expected | {"state": "ACTIVE", "source": "UPLOADED"} == {
        name: file[name] for name in (*expected, "state", "source")
    }
    assert simulator.send("GET", "/v1beta/files/mine-1").json["uri"].endswith("/v1beta/files/mine-1")


def test_an_upload_says_how_much_has_arrived_and_goes_on_there(simulator: Any) -> None:
    simulator.script({"match": {"endpoint": "file_upload", "nth": [1]}, "fault": {"kind": "cut"}})
    started = start(simulator, 10)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        piece(simulator, started, 0, b"0123456789")
    asked = piece(simulator, started, 0, b"", "query")
    assert (asked.headers["X-Goog-Upload-Status"], asked.headers["X-Goog-Upload-Size-Received"]) == ("active", "5")
    assert piece(simulator, started, 0, b"0123456789").status == 400
    done = piece(simulator, started, 5, b"56789")
    assert base64.b64decode(done.json["file"]["sha256Hash"]) == hashlib.sha256(b"0123456789").digest()
    assert piece(simulator, started, 0, b"", "query").json["file"] == done.json["file"]


@pytest.mark.parametrize(
    ("offset", "data", "command", "said"),
    [
        (1, b"0123456789", "upload, finalize", "offset 1 is wrong"),
        (0, b"01234", "upload, finalize", "has 5"),
        (0, b"0123456789x", "upload, finalize", "has 11"),
        (0, b"01234", "upload", "multiple of 262144"),
        (0, b"0123456789", "uplaod", "Unknown X-Goog-Upload-Command"),
    ],
)
def test_a_piece_that_does_not_fit_is_refused_and_changes_nothing(
    simulator: Any, offset: int, data: bytes, command: str, said: str
) -> None:
    started = start(simulator, 10)
    refused = piece(simulator, started, offset, data, command)
    assert refused.status == 400
    assert said in refused.error["message"]
    assert piece(simulator, started, 0, b"0123456789").json["file"]["sizeBytes"] == "10"


@pytest.mark.parametrize(
    ("file", "headers", "said"),
    [
        ({"nmae": "files/a"}, {}, 'Unknown name "nmae"'),
        ({"name": "files/A_b"}, {}, "no name of a file"),
        ({"name": "files/" + "a" * 41}, {}, "no name of a file"),
        ({"size_bytes": 11}, {}, "differs from"),
        ({}, {"X-Goog-Upload-Protocol": "raw"}, "resumable"),
        ({}, {"X-Goog-Upload-Header-Content-Length": "ten"}, "whole number"),
        ({}, {"x-goog-api-key": "invalid"}, "API key not valid"),
    ],
)
def test_an_upload_that_is_not_begun_right_is_refused(
    simulator: Any, file: dict[str, Any], headers: dict[str, str], said: str
) -> None:
    refused = start(simulator, 10, file, headers)
    assert refused.status == 400
    assert said in refused.error["message"]


def test_each_key_sees_its_own_files_alone(simulator: Any) -> None:
    mine = upload(simulator, b"a", {"display_name": "mine"})["name"]
    other = {"x-goog-api-key": "other"}
    assert [simulator.send(verb, f"/v1/{mine}", b"", other).status for verb in ("GET", "DELETE")] == [404, 404]
    assert simulator.send("GET", "/v1/files", b"", other).json == {}
    assert simulator.send("GET", f"/v1/{mine}").status == 200
    assert simulator.send("GET", "/v1/files/unknown").error["status"] == "NOT_FOUND"
    assert start(simulator, 1, {"name": mine}).status == 409


def test_files_are_listed_in_pages_and_deleted(simulator: Any) -> None:
    names = {upload(simulator, b"a")["name"] for _ in range(12)}
    first = simulator.send("GET", "/v1/files").json
    second = simulator.send("GET", f"/v1/files?pageToken={first['nextPageToken']}").json
    assert (len(first["files"]), len(second["files"]), "nextPageToken" in second) == (10, 2, False)
    assert {file["name"] for page in (first, second) for file in page["files"]} == names
    for query in ("pageToken=nonsense", "pageSize=two", "limit=3"):
        assert simulator.send("GET", f"/v1/files?{query}").status == 400
    for name in names:
        assert simulator.send("DELETE", f"/v1/{name}").json == {}
    assert simulator.send("GET", "/v1/files").json == {}


def test_what_was_uploaded_cannot_be_downloaded(simulator: Any) -> None:
    name = upload(simulator, b"a")["name"]
    assert "generated" in simulator.send("GET", f"/v1/{name}:download?alt=media").error["message"]


def test_files_are_bounded_wait_to_be_used_and_expire(small: Any) -> None:
    assert start(small, 1001).status == 400
    name = upload(small, b"a" * 1000)["name"]
    full = start(small, 501)
    assert (full.status, full.error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "FileStorageBytesPerProject" in json.dumps(full.error)
    assert start(small, 501, None, {"x-goog-api-key": "other"}).status == 200
    assert small.send("GET", f"/v1/{name}").json["state"] == "PROCESSING"
    body = json.dumps({"batch": {"display_name": "d", "input_config": {"file_name": name}}}).encode()
    early = small.send("POST", "/v1/models/gemini-3.8-flash:batchGenerateContent", body)
    assert (early.status, early.error["status"]) == (400, "FAILED_PRECONDITION")
    while small.send("GET", f"/v1/{name}").status == 200:
        pass
    assert start(small, 1000).status == 200
