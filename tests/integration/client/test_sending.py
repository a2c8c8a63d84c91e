"""What goes over the wire when things go wrong, by both clients: what is sent again and how, and what never is."""

import email
import email.policy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediascribe_client import (
    ConnectionFailedError,
    InvalidRequestError,
    LocalFile,
    MediascribeError,
    RateLimitedError,
    ServerError,
    UnexpectedAnswerError,
    WaitTimeoutError,
)
from tests.services.clients import COLOURS, client, hurry
from tests.services.scripted import Reply, Scripted, scripted
from tests.unit.cli.jobs import view
from worker.shapes import job_shape

JOB = Reply(status=202, body=json.dumps(job_shape(view())).encode())
KEY = "idempotency-key"
BROKEN = Reply(status=None)
HALF = Reply(body=JOB.body, breaks_off=True)
EVENTS = {"Content-Type": "text/event-stream"}
COUNTS = {"total": 2, "done": 0, "states": {"queued": 2}}


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


@pytest.fixture(params=COLOURS)
def asking(request: pytest.FixtureRequest, server: Scripted) -> Iterator[Any]:
    with client(request.param, server.url, api_key="ms_1", max_retries=2) as either:
        hurry(either)
        yield either


def problem(status: int, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"code": "x", "detail": "why", "retryable": status > 500, "request_id": "req_1", "errors": []})
    return Reply(status=status, body=body.encode(), headers={"Content-Type": "application/problem+json", **named})


@pytest.mark.parametrize(
    "trouble",
    [problem(503), problem(502), problem(429, Retry_After="0"), BROKEN, HALF],
    ids=lambda each: str(each.status),
)
def test_a_submission_is_sent_again_with_the_same_key_and_body(server: Scripted, asking: Any, trouble: Reply) -> None:
    server.says(trouble, trouble, JOB)
    assert asking.caption("/a.jpg", options={"language": "de"}).id == "job_" + "1" * 32
    first, *again = server.asked
    assert json.loads(first.body) == {"kind": "caption", "source": "/a.jpg", "options": {"language": "de"}}
    assert [(each.headers[KEY], each.body) for each in again] == [(first.headers[KEY], first.body)] * 2
    assert first.headers["authorization"] == "Bearer ms_1"
    server.says(JOB)
    asking.caption("/a.jpg")
    assert server.asked[0].headers[KEY] != first.headers[KEY]
    asking.caption("/a.jpg", idempotency_key="mine")
    assert server.asked[1].headers[KEY] == "mine"


def test_after_its_last_attempt_the_error_tells_the_key(server: Scripted, asking: Any) -> None:
    server.says(problem(503))
    with pytest.raises(ServerError) as found:
        asking.jobs.retry("job_1")
    assert len(server.asked) == 3
    assert (found.value.code, found.value.retryable, found.value.request_id) == ("x", True, "req_1")
    assert found.value.idempotency_key == server.asked[0].headers[KEY]


@pytest.mark.parametrize(
    "ask", [lambda either: either.jobs.cancel("job_1"), lambda either: either.batches.cancel("bat_1")]
)
def test_a_cancellation_is_sent_again_only_where_nothing_was_done(server: Scripted, asking: Any, ask: Any) -> None:
    for trouble in (BROKEN, HALF, problem(503)):
        server.says(trouble)
        with pytest.raises(MediascribeError):
            ask(asking)
        assert len(server.asked) == 1
    server.says(problem(429), Reply(body=json.dumps({**job_shape(view()), "changed": 1}).encode()))
    ask(asking)
    assert len(server.asked) == 2


def test_what_is_wrong_is_not_sent_again_and_a_long_pause_is_not_waited_for(server: Scripted, asking: Any) -> None:
    server.says(problem(422))
    with pytest.raises(InvalidRequestError):
        asking.caption("/a.jpg")
    assert len(server.asked) == 1
    server.says(problem(429, Retry_After="3600"))
    with pytest.raises(RateLimitedError) as found:
        asking.caption("/a.jpg")
    assert (len(server.asked), found.value.retry_after_seconds) == (1, 3600.0)


def test_the_page_of_a_proxy_and_a_redirect_are_errors_like_others(server: Scripted, asking: Any) -> None:
    server.says(Reply(status=502, body=b"<h1>Bad\ngateway</h1>", headers={"Content-Type": "text/html"}))
    with pytest.raises(ServerError, match=r"http_502 \(502\): <h1>Bad gateway</h1>"):
        asking.jobs.get("job_1")
    server.says(Reply(status=301, body=b"", headers={"Location": "https://elsewhere"}))
    with pytest.raises(MediascribeError, match="https://elsewhere"):
        asking.jobs.get("job_1")
    assert len(server.asked) == 1


def test_a_list_is_streamed_again_and_a_generator_is_not(server: Scripted, asking: Any) -> None:
    """Without a key the server cancels what it has of a stream that broke off."""
    items = [{"kind": "caption", "source": f"/{number}.jpg"} for number in range(3_000)]
    server.says(BROKEN)
    for given, attempts in ((items, 3), (iter(items), 1)):
        server.asked.clear()
        with pytest.raises(ConnectionFailedError):
            asking.batches.submit(given, name="b")
        assert len(server.asked) == attempts
        assert {KEY in each.headers for each in server.asked} == {attempts > 1}
        assert {each.headers.get(KEY) for each in server.asked} == {server.asked[0].headers.get(KEY)}
        assert {each.path for each in server.asked} == {"/v1/batches?name=b"}
        assert [[json.loads(line) for line in each.body.splitlines()] for each in server.asked] == [items] * attempts


def test_an_answer_about_a_batch_that_breaks_off_is_no_answer(server: Scripted, asking: Any) -> None:
    server.says(Reply(body=b'{"index": 0, "id": "job_1"}\n'))
    with pytest.raises(ConnectionFailedError) as found:
        asking.batches.submit([{"kind": "caption", "source": "/a.jpg"}])
    assert found.value.idempotency_key == server.asked[0].headers[KEY]


@pytest.mark.parametrize("page", [b"<h1>Welcome</h1>", b"{}", b"[1]", b"null"])
def test_an_answer_of_something_else_is_an_error_of_ours(server: Scripted, asking: Any, page: bytes) -> None:
    server.says(Reply(body=page + b"\n"))
    for ask in (
        lambda: asking.jobs.get("job_1"),
        lambda: asking.batches.cancel("bat_1"),
        lambda: list(asking.jobs.list()),
        lambda: list(asking.batches.results("bat_1")),
        lambda: asking.batches.submit(iter(())),
    ):
        with pytest.raises(UnexpectedAnswerError, match="base_url"):
            ask()
    server.says(
        Reply(status=400, body=b'{"errors": ["x", 1], "code": 7}', headers={"Content-Type": "application/json"})
    )
    with pytest.raises(InvalidRequestError):
        asking.jobs.get("job_1")


@pytest.mark.parametrize("is_open", [False, True])
def test_a_file_is_sent_as_a_form_byte_by_byte_the_same_again(
    server: Scripted, asking: Any, tmp_path: Path, *, is_open: bool
) -> None:
    path = tmp_path / 'Zoë "1".jpg'
    path.write_bytes(bytes(range(256)) * 1_000)
    server.says(BROKEN, JOB)
    with path.open("rb") as file:
        local = LocalFile(file if is_open else path)
        for _ in range(2):
            asking.caption(local, options={"language": "de"}, priority=5, client_ref="r", idempotency_key='"mine"')
    first = server.asked[0]
    assert [(each.body, each.headers[KEY]) for each in server.asked] == [(first.body, '"mine"')] * 3
    head = f"Content-Type: {first.headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + first.body, policy=email.policy.HTTP)
    parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
    assert list(parts) == ["kind", "options", "priority", "client_ref", "file"]
    texts = {name: part.get_payload(decode=True) for name, part in parts.items()}
    assert texts.pop("file") == path.read_bytes()
    assert texts == {"kind": b"caption", "options": b'{"language": "de"}', "priority": b"5", "client_ref": b"r"}
    assert int(first.headers["content-length"]) == len(first.body)


def test_pages_are_asked_for_one_after_the_other(server: Scripted, asking: Any) -> None:
    def page(cursor: str | None) -> Reply:
        return Reply(body=json.dumps({"jobs": [job_shape(view())] * 2, "next_cursor": cursor}).encode())

    server.says(page("next/1"), page(None))
    assert len(list(asking.jobs.list(state="failed", batch="my batch"))) == 4
    asked = "/v1/jobs?state=failed&batch=my%20batch&limit=200"
    assert [each.path.replace("+", "%20") for each in server.asked] == [asked, f"{asked}&cursor=next%2F1"]


def event(name: str, number: int) -> bytes:
    return f"event: {name}\nid: {number}-x\ndata: {json.dumps(COUNTS)}\n\n: still here\n\n".encode()


def test_events_go_on_after_the_last_one_that_was_seen(server: Scripted, asking: Any) -> None:
    server.says(
        Reply(body=event("progress", 1), headers=EVENTS, breaks_off=True), BROKEN, Reply(body=b"", headers=EVENTS),
        Reply(body=event("progress", 2) + event("done", 3), headers=EVENTS),
    )  # fmt: skip
    seen = list(asking.batches.events("bat_1"))
    assert [(each.event, each.id, each.total) for each in seen] == [
        ("progress", "1-x", 2), ("progress", "2-x", 2), ("done", "3-x", 2),
    ]  # fmt: skip
    assert [each.headers.get("last-event-id") for each in server.asked] == [None, "1-x", "1-x", "1-x"]
    server.says(Reply(status=204, body=b""))
    assert list(asking.batches.events("bat_1", last_event_id="3-x")) == []


def test_a_stream_that_never_tells_anything_is_given_up(server: Scripted, asking: Any) -> None:
    server.says(Reply(body=b"", headers=EVENTS))
    with pytest.raises(ConnectionFailedError):
        list(asking.batches.events("bat_1"))
    assert len(server.asked) == 3


def test_a_wait_has_an_end(server: Scripted, asking: Any) -> None:
    queued = {**job_shape(view()), "state": "queued", "output": None}
    server.says(Reply(body=json.dumps(queued).encode()))
    with pytest.raises(WaitTimeoutError, match=r"still queued after 0\.2 seconds"):
        asking.wait("job_1", timeout_seconds=0.2)
    assert 0 < len(server.asked) < 5, "a server that does not wait is not asked again at once"


def test_where_nobody_listens_nothing_was_sent() -> None:
    with client("plain", "http://127.0.0.1:9", max_retries=0) as nobody, pytest.raises(ConnectionFailedError) as found:
        nobody.jobs.get("job_1")
    assert found.value.is_unsent
