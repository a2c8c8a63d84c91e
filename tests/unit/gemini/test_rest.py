"""What the Files and Batch API may answer, brought about over a loopback: a value or a failure, whatever comes."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gemini.batches import Batches, BatchState, read_batch
from gemini.connection import Connection
from gemini.files import Files
from gemini.rest import GoneError, Rest, listed
from models.failures import FailureCode, FailureError
from tests.unit.gemini.scripted import KEY, Script, ScriptedGemini, cut_in_body, error, http, reset, scripted_gemini

NAME = "batches/a1"
LISTED = {"name": NAME, "metadata": {"displayName": "d", "state": "BATCH_STATE_RUNNING"}}


@contextmanager
def answering(script: Script) -> Iterator[tuple[Rest, ScriptedGemini]]:
    with scripted_gemini(script) as gemini:
        rest = Rest(Connection(api_key=SecretStr(KEY), base_url=gemini.url))
        yield rest, gemini
        rest.close()


@pytest.mark.parametrize(
    ("script", "code", "is_gone"),
    [
        (http(404, error(404, "NOT_FOUND", "Requested entity was not found.")), FailureCode.GEMINI_UNAVAILABLE, True),
        (
            http(403, error(403, "PERMISSION_DENIED", "You do not have permission to access it or it may not exist.")),
            *(FailureCode.GEMINI_UNAVAILABLE, True),
        ),
        (http(403, error(403, "PERMISSION_DENIED", "Denied.")), FailureCode.GEMINI_AUTH, False),
        (http(404, "<html>Not Found</html>"), FailureCode.GEMINI_MODEL_NOT_FOUND, False),
        (http(404, error(404, "NOT_FOUND", "models/m is not found")), FailureCode.GEMINI_MODEL_NOT_FOUND, False),
        (http(200, "<html>Sign in</html>"), FailureCode.GEMINI_UNAVAILABLE, False),
        (http(200, "[]"), FailureCode.GEMINI_UNAVAILABLE, False),
        (http(200, ""), FailureCode.GEMINI_UNAVAILABLE, False),
        (http(200, "{}"), FailureCode.GEMINI_UNAVAILABLE, False),
        (http(302, "", location="http://127.0.0.1:9/"), FailureCode.GEMINI_UNAVAILABLE, False),
        (http(200, '{"name": "' + "a" * 17_000_000 + '"}'), FailureCode.GEMINI_INVALID_OUTPUT, False),
        (http(503, "x" * 17_000_000), FailureCode.GEMINI_UNAVAILABLE, False),
        (cut_in_body, FailureCode.GEMINI_UNAVAILABLE, False),
        (reset, FailureCode.GEMINI_UNAVAILABLE, False),
    ],
    ids=lambda value: value.name if isinstance(value, FailureCode) else "",
)
def test_every_bad_reply_is_one_request_and_one_failure(script: Script, code: FailureCode, *, is_gone: bool) -> None:
    with answering(script) as (rest, gemini):
        with pytest.raises(FailureError) as raised:
            Batches(rest).get(NAME)
        assert (raised.value.failure.code, isinstance(raised.value, GoneError)) == (code, is_gone)
        assert not is_gone or not raised.value.failure.pauses_lane
        assert len(gemini.requests) == 1
        assert KEY not in str(raised.value)


def test_the_key_goes_in_a_header_to_gemini_and_not_to_where_pieces_are_sent(tmp_path: Path) -> None:
    replies = iter(
        (
            ("{}", {"x_goog_upload_url": "{url}/elsewhere?id=1", "x_goog_upload_status": "active"}),
            ('{"file": {"name": "files/a"}}', {"x_goog_upload_status": "final"}),
        )
    )
    with answering(reset) as (rest, gemini):

        def script(connection: socket.socket) -> None:
            body, headers = next(replies)
            filled = {name: value.replace("{url}", gemini.url) for name, value in headers.items()}
            http(200, body, **filled)(connection)

        gemini.script = script
        path = tmp_path / "a"
        path.write_bytes(b"abc")
        Files(rest).upload(path, display_name="d")
        start, piece = gemini.requests
        assert (start.path, start.headers["x-goog-api-key"]) == ("/upload/v1/files", KEY)
        assert (piece.path, piece.body, "x-goog-api-key" in piece.headers) == ("/elsewhere?id=1", b"abc", False)


def test_a_list_that_goes_round_in_circles_ends() -> None:
    page = json.dumps({"operations": [LISTED, 7, {"name": "files/no"}], "nextPageToken": "again"})
    with answering(http(200, page)) as (rest, gemini):
        assert [batch.name for batch in Batches(rest).all()] == [NAME, NAME]
        assert [request.path for request in gemini.requests] == [
            "/v1/batches?pageSize=100",
            "/v1/batches?pageSize=100&pageToken=again",
        ]
        assert list(listed(rest, "x", "nothing", what="x", page_size=1)) == []


@pytest.mark.parametrize(
    ("state", "done", "read", "is_over"),
    [
        ("BATCH_STATE_PENDING", None, BatchState.PENDING, False),
        ("BATCH_STATE_RUNNING", None, BatchState.RUNNING, False),
        ("JOB_STATE_SUCCEEDED", True, BatchState.SUCCEEDED, True),
        ("BATCH_STATE_FAILED", None, BatchState.FAILED, True),
        ("BATCH_STATE_CANCELLED", True, BatchState.CANCELLED, True),
        ("BATCH_STATE_EXPIRED", None, BatchState.EXPIRED, True),
        ("BATCH_STATE_PAUSED", None, BatchState.UNKNOWN, False),
        ("BATCH_STATE_MERGED", True, BatchState.UNKNOWN, True),
        (None, None, BatchState.UNKNOWN, False),
    ],
)
def test_every_state_is_read_those_too_that_are_new(
    state: str | None, done: object, read: BatchState, *, is_over: bool
) -> None:
    batch = read_batch({"name": NAME, "metadata": {"state": state}, "done": done})
    assert (batch.state, batch.is_over) == (read, is_over)


def test_a_batch_is_read_from_wherever_its_facts_stand() -> None:
    operation = {
        "name": NAME,
        "metadata": {
            "displayName": "d",
            "state": "BATCH_STATE_FAILED",
            "createTime": "2026-11-26T10:00:00.123456789Z",
            "batchStats": {"requestCount": "3", "successfulRequestCount": 2, "failedRequestCount": -1},
            "somethingNew": {},
        },
        "done": True,
        "error": {"code": 7, "message": "No.", "details": [{"@type": "x"}]},
        "response": {"responsesFile": "files/batch-a1"},
    }
    batch = read_batch(operation)
    assert (batch.requests, batch.succeeded, batch.failed, batch.pending) == (3, 2, 0, 0)
    assert batch.output_file == "files/batch-a1"
    assert batch.created_at == datetime(2026, 11, 26, 10, 0, 0, 123456, tzinfo=UTC)
    assert batch.error is not None
    assert (batch.error.code, batch.error.pauses_lane) == (FailureCode.GEMINI_AUTH, False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("name", "displayName", "state", "createTime", "batchStats", "output", "requestCount", "responsesFile")
METADATA = st.dictionaries(st.sampled_from(FIELDS), JSON | st.dictionaries(st.sampled_from(FIELDS), JSON), max_size=6)


@given(
    st.fixed_dictionaries({"name": st.just(NAME)}, optional={"metadata": METADATA, "error": JSON, "response": METADATA})
)
def test_whatever_is_said_of_a_batch_is_read(operation: dict[str, object]) -> None:
    batch = read_batch(operation)
    assert batch.name == NAME
    assert min(batch.requests, batch.succeeded, batch.failed, batch.pending) >= 0
