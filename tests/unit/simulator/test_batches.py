"""The Batch API of the simulator: strict, answered row by row as calls are, and wrong in every way that users reported."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google import genai
from google.genai import types

from tests.unit.simulator.stored import MODEL, asking, create, created, lines, named, output, until, upload

Start = Callable[..., Any]


@pytest.fixture(scope="module")
def quick(start: Start) -> Iterator[Any]:
    with start("--batch-seconds", "0.08") as client:
        yield client


@pytest.fixture
def client(quick: Any) -> Any:
    """A simulator whose batches take a moment, without faults and empty."""
    quick.script()
    quick.send("POST", "/simulator/reset")
    return quick


def fault(kind: str, **more: Any) -> dict[str, Any]:
    return {"match": {"endpoint": "batch_create"}, "fault": {"kind": kind, **more}}


def test_a_batch_from_a_file_is_answered_row_by_row(client: Any) -> None:
    made = create(client, {"fileName": upload(client, named("a", "b"))["name"]}, version="v1beta").json
    assert made["metadata"]["state"] == "BATCH_STATE_PENDING"
    assert "done" not in made
    over = until(client, made["name"])
    assert (over["done"], over["metadata"]["state"]) == (True, "BATCH_STATE_SUCCEEDED")
    assert over["response"]["responsesFile"] == over["metadata"]["output"]["responsesFile"]
    stats = over["metadata"]["batchStats"]
    assert (stats["requestCount"], stats["successfulRequestCount"], stats["pendingRequestCount"]) == ("2", "2", "0")
    online = client.ask(asking("b")).json
    rows = output(client, over)
    assert [row["key"] for row in rows] == ["a", "b"]
    assert rows[1]["response"]["candidates"] == online["candidates"]
    assert rows[1]["response"]["usageMetadata"] == {
        name: value for name, value in online["usageMetadata"].items() if name != "serviceTier"
    }


def test_the_real_client_uploads_creates_polls_and_downloads(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", client.url)
    options = types.HttpOptions(api_version="v1", timeout=60_000, retry_options=types.HttpRetryOptions(attempts=1))
    sdk = genai.Client(api_key="k", http_options=options)
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(named("a", "b"))
    file = sdk.files.upload(file=str(rows), config={"mime_type": "application/jsonl", "display_name": "rows"})
    assert [item.display_name for item in sdk.files.list()] == ["rows"]
    batch = sdk.batches.create(model=MODEL, src=file.name or "", config={"display_name": "d"})
    until(client, batch.name or "")
    batch = sdk.batches.get(name=batch.name or "")
    assert batch.state is types.JobState.JOB_STATE_SUCCEEDED
    assert [item.name for item in sdk.batches.list()] == [batch.name]
    assert batch.dest is not None
    downloaded = sdk.files.download(file=batch.dest.file_name or "")
    assert [json.loads(line)["key"] for line in downloaded.splitlines()] == ["a", "b"]
    sdk.batches.delete(name=batch.name or "")
    sdk.files.delete(name=file.name or "")
    assert client.send("GET", "/v1/batches").json == {}


def test_rows_are_billed_at_half_the_price(client: Any) -> None:
    client.ask(asking("a"))
    until(client, created(client, "a"))
    online, row = client.calls()
    assert (online["tier"], row["tier"], row["status"], row["billed"]) == ("standard", "batch", 200, True)
    assert Decimal(row["cost_usd"]) * 2 == Decimal(online["cost_usd"])


def test_a_bad_row_fails_alone(client: Any, picture: Callable[..., bytes], request_with: Callable[..., Any]) -> None:
    data = lines(
        {"key": "good", "request": request_with(picture())},
        b"this is no JSON\n",
        {"key": "flat", "request": asking("a", thinking_config={"thinking_level": "LOW"})},
        {"key": "tier", "request": asking("a", service_tier="flex")},
        {"key": "empty", "request": {}},
        {"key": "unknown", "request": asking("a"), "more": 1},
        {"key": "picture", "request": request_with(b"no picture")},
    )
    over = until(client, create(client, {"fileName": upload(client, data)["name"]}).json["name"])
    assert over["metadata"]["batchStats"]["failedRequestCount"] == "6"
    good, *bad = output(client, over)
    assert good["response"]["candidates"]
    assert [row["error"]["code"] for row in bad] == [3] * 6
    assert "key" not in bad[0]
    assert bad[1] == {"key": "flat", "error": {"code": 3, "message": bad[1]["error"]["message"]}}
    assert "no such field: 'thinking_config'" in bad[1]["error"]["message"]
    assert [call["billed"] for call in client.calls()] == [True] + [False] * 6


def test_inlined_requests_are_answered_with_the_batch_but_not_in_lists(client: Any) -> None:
    requests = [{"request": asking(name), "metadata": {"key": name}} for name in "ab"]
    over = until(client, create(client, {"requests": {"requests": requests}}).json["name"])
    inlined = over["metadata"]["output"]["inlinedResponses"]["inlinedResponses"]
    assert [row["metadata"] for row in inlined] == [{"key": "a"}, {"key": "b"}]
    assert all("candidates" in row["response"] for row in inlined)
    (listed,) = client.send("GET", "/v1/batches").json["operations"]
    assert "output" not in listed["metadata"]
    assert "response" not in listed


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ({"displayNmae": "d"}, 'Unknown name "displayNmae"'),
        ({"displayName": ""}, "display_name: is required"),
        ({"inputConfig": {}}, "one of file_name, requests"),
        ({"inputConfig": {"fileName": "files/x", "requests": {"requests": []}}}, "one of file_name, requests"),
        ({"inputConfig": {"requests": {"requests": []}}}, "no requests in it"),
        ({"inputConfig": {"requests": {"requests": [{"request": {"temperature": 0}}]}}}, 'Unknown name "temperature"'),
        ({"inputConfig": {"fileName": "files/unknown"}}, "does not exist"),
        ({"model": "models/gemini-2.5-pro"}, "differs from the model"),
        ({"inputConfig": {"requests": {"requests": [{"request": asking("a" * 21_000_000)}]}}}, "smaller than"),
    ],
)
def test_a_batch_that_is_not_valid_is_refused(client: Any, batch: dict[str, Any], said: str) -> None:
    one = {"requests": {"requests": [{"request": asking("a")}]}}
    refused = create(client, **({"source": one} | batch))
    assert refused.status == (404 if "does not exist" in said else 400)
    assert said in refused.error["message"]
    assert client.send("GET", "/v1/batches").json == {}


def test_an_empty_file_is_no_batch(client: Any) -> None:
    refused = create(client, {"fileName": upload(client, b"\n\n")["name"]})
    assert "no requests in it" in refused.error["message"]


def test_a_model_without_batches_says_so_and_lists_what_it_offers(client: Any) -> None:
    source = {"fileName": upload(client, named("a"))["name"]}
    refused = create(client, source, at="gemini-3.5-transcribe")
    assert refused.status == 404
    assert "not supported for batchGenerateContent" in refused.error["message"]
    assert create(client, source, at="gemini-none").status == 404
    offered = {
        model["name"].removeprefix("models/"): model["supportedGenerationMethods"]
        for model in client.send("GET", "/v1/models").json["models"]
    }
    assert offered["gemini-3.5-transcribe"] == ["generateContent"]
    assert offered[MODEL] == ["generateContent", "batchGenerateContent"]


def test_each_key_has_batches_and_input_files_of_its_own(client: Any) -> None:
    name = created(client, "a")
    other = {"x-goog-api-key": "other"}
    assert client.send("GET", f"/v1/{name}", b"", other).status == 404
    assert client.send("POST", f"/v1/{name}:cancel", b"", other).status == 404
    assert client.send("DELETE", f"/v1/{name}", b"", other).status == 404
    assert client.send("GET", "/v1/batches", b"", other).json == {}
    theirs = upload(client, named("a"), key="other")["name"]
    assert create(client, {"fileName": theirs}).status == 404


def test_batches_are_listed_in_pages_and_deleted(client: Any) -> None:
    names = [created(client, "a") for _ in range(3)]
    first = client.send("GET", "/v1/batches?pageSize=2").json
    second = client.send("GET", f"/v1/batches?pageSize=2&pageToken={first['nextPageToken']}").json
    assert sorted(item["name"] for page in (first, second) for item in page["operations"]) == sorted(names)
    assert client.send("DELETE", f"/v1/{names[0]}").json == {}
    assert client.send("GET", f"/v1/{names[0]}").status == 404


@pytest.mark.parametrize(("reason", "done", "calls"), [("PENDING", 0, 0), ("RUNNING", 1, 1)])
def test_a_batch_can_be_stuck_and_is_cancelled(client: Any, reason: str, done: int, calls: int) -> None:
    client.script(fault("batch_stuck", reason=reason))
    name = created(client, "a", "b")
    if done:
        until(client, name, "RUNNING")
    while len(client.calls()) < calls:
        pass
    until(client, created(client, "c"), reason)
    assert client.send("POST", f"/v1/{name}:cancel").json == {}
    over = until(client, name)
    assert over["metadata"]["state"] == "BATCH_STATE_CANCELLED"
    assert over["metadata"]["batchStats"]["pendingRequestCount"] == str(2 - done)
    assert ("output" in over["metadata"]) is bool(done)
    assert client.send("POST", f"/v1/{name}:cancel").error["status"] == "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    ("kind", "state", "answered"),
    [("batch_failed", "FAILED", 0), ("batch_expired", "EXPIRED", 0), ("batch_expired_half", "EXPIRED", 2)],
)
def test_a_batch_can_end_badly(client: Any, kind: str, state: str, answered: int) -> None:
    client.script(fault(kind))
    over = until(client, created(client, "a", "b", "c", "d"))
    assert (over["metadata"]["state"], "error" in over) == (f"BATCH_STATE_{state}", state == "FAILED")
    assert len(client.calls()) == answered
    assert (len(output(client, over)) if answered else "output" not in over["metadata"]) == (answered or True)


def test_the_input_must_stay_until_the_batch_has_read_it(client: Any) -> None:
    file = upload(client, named("a"))["name"]
    name = create(client, {"fileName": file}).json["name"]
    client.send("DELETE", f"/v1/{file}")
    assert until(client, name)["error"]["code"] == 5


@pytest.mark.parametrize(
    ("kind", "keys", "failed", "billed"),
    [
        ("rows_failed", ["a", "b", "c", "d"], 2, 2),
        ("rows_all_failed", ["a", "b", "c", "d"], 4, 0),
        ("rows_missing", ["a", "c"], 0, 4),
        ("rows_shuffled", ["d", "c", "b", "a"], 0, 4),
        ("rows_without_key", [None] * 4, 0, 4),
    ],
)
def test_rows_can_come_back_otherwise(client: Any, kind: str, keys: list[str | None], failed: int, billed: int) -> None:
    client.script(fault(kind))
    over = until(client, created(client, "a", "b", "c", "d"))
    assert over["metadata"]["state"] == "BATCH_STATE_SUCCEEDED"
    rows = output(client, over)
    assert [row.get("key") for row in rows] == keys
    assert sum("error" in row for row in rows) == failed
    assert sum(call["billed"] for call in client.calls()) == billed


def test_answers_can_be_swapped_between_keys(client: Any) -> None:
    config = {"responseMimeType": "application/json"}
    schemas = [{"type": "object", "properties": {"ref": {"enum": [name]}}} for name in "abc"]
    rows = [
        {"key": name, "request": asking(name, generationConfig={**config, "responseJsonSchema": schema})}
        for name, schema in zip("abc", schemas, strict=True)
    ]
    client.script(fault("rows_swapped"))
    over = until(client, create(client, {"fileName": upload(client, lines(*rows))["name"]}).json["name"])
    said = {
        row["key"]: json.loads(row["response"]["candidates"][0]["content"]["parts"][0]["text"])["ref"]
        for row in output(client, over)
    }
    assert said == {"a": "b", "b": "a", "c": "c"}


def test_a_create_can_be_refused_or_be_answered_with_an_error_and_exist(client: Any) -> None:
    client.script(
        {"match": {"endpoint": "batch_create", "nth": [1]}, "fault": {"kind": "429_help"}},
        {"match": {"endpoint": "batch_create"}, "fault": {"kind": "500_created"}},
    )
    source = {"fileName": upload(client, named("a"))["name"]}
    assert create(client, source).status == 429
    assert client.send("GET", "/v1/batches").json == {}
    assert create(client, source).status == 500
    assert len(client.send("GET", "/v1/batches").json["operations"]) == 1


def test_faults_of_calls_befall_rows_as_errors_of_the_row(client: Any) -> None:
    client.script(
        {"match": {"tier": "batch", "text_contains": "b"}, "fault": {"kind": "503"}},
        {"match": {"tier": "batch", "text_contains": "c"}, "fault": {"kind": "finish", "reason": "SAFETY"}},
        {"match": {"tier": "batch"}, "fault": {"kind": "hang"}},
    )
    rows = output(client, until(client, created(client, "a", "b", "c")))
    assert rows[0]["response"]["candidates"][0]["finishReason"] == "STOP"
    assert rows[1]["error"]["code"] == 14
    assert rows[2]["response"]["candidates"][0]["finishReason"] == "SAFETY"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"match": {"endpoint": "batch_make"}, "fault": {"kind": "503"}}, "unknown endpoint 'batch_make'"),
        ({"match": {"endpoint": "batch_get"}, "fault": {"kind": "cut"}}, "unknown kind 'cut' for batch_get"),
        ({"fault": {"kind": "batch_stuck"}}, "unknown kind 'batch_stuck' for generate"),
        ({"match": {"endpoint": "batch_get", "tier": "flex"}, "fault": {"kind": "503"}}, "tier cannot be matched"),
        (fault("batch_stuck", reason="FAILED"), "reason cannot be 'FAILED'"),
    ],
)
def test_rules_about_files_and_batches_are_checked(client: Any, rule: dict[str, Any], said: str) -> None:
    assert said in client.script(rule).error["message"]
