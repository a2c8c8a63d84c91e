"""The server as such: HTTP, the ledger, and the real client library against it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from google import genai
from google.genai import errors, types

ROOT = Path(__file__).resolve().parents[3]
HELLO = {"contents": [{"parts": [{"text": "hello"}]}]}
PATH = "/v1/models/gemini-3.8-flash:generateContent"

Make = Callable[..., Any]


@pytest.fixture
def sdk(simulator: Any, monkeypatch: pytest.MonkeyPatch) -> genai.Client:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", simulator.url)
    options = types.HttpOptions(api_version="v1", timeout=60_000, retry_options=types.HttpRetryOptions(attempts=1))
    return genai.Client(api_key="k", http_options=options)


def asked(picture: bytes) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"caption": {"type": "string"}}}
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        temperature=0,
        seed=1,
        max_output_tokens=2000,
        response_mime_type="application/json",
        response_json_schema=schema,
        labels={"job": "1"},
        thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.MINIMAL),
        safety_settings=[
            types.SafetySetting(
                category=types.HarmCategory.HARM_CATEGORY_HARASSMENT, threshold=types.HarmBlockThreshold.OFF
            )
        ],
    )
    part = types.Part.from_bytes(data=picture, mime_type="image/jpeg")
    return {"model": "gemini-3.8-flash", "contents": [part, "Describe."], "config": config}


def test_the_real_client_is_answered(sdk: genai.Client, simulator: Any, picture: Make) -> None:
    response = sdk.models.generate_content(**asked(picture()))
    assert list(json.loads(response.text or "")) == ["caption"]
    assert response.usage_metadata is not None
    assert response.usage_metadata.prompt_token_count == 1120 + 5
    assert [call["labels"] for call in simulator.calls()] == [{"job": "1"}]
    with pytest.raises(errors.ClientError, match="404 NOT_FOUND"):
        sdk.models.generate_content(model="gemini-9", contents="x")
    assert "models/gemini-3.8-flash" in [model.name for model in sdk.models.list()]


async def generated(client: genai.Client, picture: bytes) -> str:
    response = await client.aio.models.generate_content(**asked(picture))
    await client.aio.aclose()
    return response.text or ""


def test_the_real_asynchronous_client_is_answered(sdk: genai.Client, picture: Make) -> None:
    import asyncio

    assert "simulated" in asyncio.run(generated(sdk, picture())).lower()


def test_one_connection_serves_many_requests_also_chunked(simulator: Any) -> None:
    connection = http.client.HTTPConnection(urlsplit(simulator.url).netloc, timeout=10)
    body = json.dumps(HELLO).encode()
    connection.connect()
    sock = connection.sock
    for content in (body, iter([body[:5], body[5:]]), body):
        connection.request("POST", PATH, content, {"x-goog-api-key": "k"})
        response = connection.getresponse()
        assert response.status == 200
        response.read()
        assert connection.sock is sock
    connection.close()


def test_pipelined_requests_are_answered_in_turn(simulator: Any) -> None:
    address = urlsplit(simulator.url)
    one = b"GET /v1/models/%s HTTP/1.1\r\nHost: h\r\nx-goog-api-key: k\r\n%s\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=10) as sock:
        sock.sendall(one % (b"gemini-2.5-pro", b"") + one % (b"nothing", b"Connection: close\r\n"))
        answer = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert answer.count(b"HTTP/1.1 ") == 2
    assert answer.index(b"200 OK") < answer.index(b"404 Not Found")


def test_what_is_not_http_is_refused_and_the_connection_closed(simulator: Any) -> None:
    address = urlsplit(simulator.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as sock:
        sock.sendall(b"\x16\x03\x01 nothing\r\n\r\n")
        assert b"".join(iter(lambda: sock.recv(65_536), b"")).startswith(b"HTTP/1.1 400 ")


def test_a_request_near_the_limit_is_served_and_one_above_it_refused(
    simulator: Any, picture: Make, request_with: Make
) -> None:
    padded = picture() + bytes(70 * 1024 * 1024)
    answer = simulator.ask(request_with(padded))
    assert "640 x 480" in answer.text
    too_large = simulator.ask(b" " * (100 * 1024 * 1024 + 1))
    assert (too_large.status, too_large.error["status"]) == (400, "INVALID_ARGUMENT")
    assert too_large.error["message"] == "Request payload size exceeds the limit: 104857600 bytes."


def test_the_ledger_tells_what_was_asked_answered_and_paid(simulator: Any, picture: Make, request_with: Make) -> None:
    for labels in ({"job": "a"}, {"job": "b"}):
        simulator.ask(request_with(picture(), labels=labels))
    simulator.ask(request_with(picture("PNG"), "image/png"))
    simulator.ask({})
    first, second, third, refused = simulator.calls()
    assert first["labels"] == {"job": "a"}
    assert first["question_sha256"] == second["question_sha256"] != third["question_sha256"]
    assert first["media_sha256"] != third["media_sha256"]
    assert refused | {"status": 400, "paid": False, "question_sha256": None, "tokens": {}} == refused
    summary = simulator.summary()
    assert (summary["calls"], summary["by_status"], summary["by_finish"]) == (4, {"200": 3, "400": 1}, {"STOP": 3})
    assert (summary["paid"], summary["paid_again"], summary["delivered"]) == (3, 1, 4)
    assert summary["tokens"]["image"] == 3 * 1120


def test_calls_in_flight_together_are_counted(start: Make) -> None:
    with start("--latency", "0.3-0.4") as client, ThreadPoolExecutor(8) as pool:
        assert [answer.status for answer in pool.map(client.ask, [HELLO] * 8)] == [200] * 8
        assert client.summary()["max_in_flight"] == 8
        assert all(0.3 <= call["seconds"] < 2 for call in client.calls())


def test_the_ledger_file_survives_a_kill(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    command = [sys.executable, "-m", "simulator", "--port", "0", "--ledger", str(ledger)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(":")[2].split()[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for _ in range(3):
            connection.request("POST", PATH, json.dumps(HELLO), {"x-goog-api-key": "k"})
            connection.getresponse().read()
        # The reply goes out before the record is written: one more answer means the last record is in.
        connection.request("GET", "/simulator/summary")
        connection.getresponse().read()
        os.kill(process.pid, signal.SIGKILL)
        connection.close()
    records = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [(record["sequence"], record["paid"]) for record in records] == [(1, True), (2, True), (3, True)]


def test_calls_that_were_being_served_are_recorded_when_it_is_told_to_stop(tmp_path: Path, start: Make) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with start("--ledger", str(ledger)) as client:
        client.script({"fault": {"kind": "late", "seconds": 60}})
        address = urlsplit(client.url)
        body = json.dumps(HELLO).encode()
        sock = socket.create_connection((address.hostname, address.port), timeout=10)
        sock.sendall(b"POST %s HTTP/1.1\r\nHost: h\r\nx-goog-api-key: k\r\n" % PATH.encode())
        sock.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        while client.summary()["in_flight"] != 1:
            pass
    sock.close()
    (record,) = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert (record["fault"], record["paid"], record["delivered"]) == ("late", True, False)


def test_a_port_that_is_taken_is_said_plainly(simulator: Any) -> None:
    port = urlsplit(simulator.url).port
    command = [sys.executable, "-m", "simulator", "--port", str(port)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("The simulator cannot start: ")
    assert "Traceback" not in done.stderr
