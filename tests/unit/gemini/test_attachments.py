"""Attachments are sent whole, from memory or from a file, in little memory; a file that is not what it was ends the call."""

import asyncio
import json
import os
import random
import socket
import threading
import tracemalloc
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from queue import Queue
from urllib.parse import urlsplit

import psutil
import pytest

from gemini.attached import BLOCK_BYTES, AttachedBody, AttachmentError
from gemini.client import GeminiClient
from gemini.question import Attachment, Call
from gemini.request import marks_of
from models.failures import FailureCode, Nature
from tests.unit.gemini.asking import QUESTION, ask, everything_said, with_client
from tests.unit.gemini.raw import certified_context, raw_server, swallow
from tests.unit.gemini.scripted import Request, answer, http, scripted_gemini

BIG_BYTES = 48_000_000
"""More than the buffers of both ends of a connection hold."""


def attached_file(path: Path, content: bytes) -> Attachment:
    path.write_bytes(content)
    return Attachment(mime_type="audio/flac", path=str(path))


def big_file(path: Path) -> Attachment:
    """Zeros that take no room on the disk."""
    path.touch()
    os.truncate(path, BIG_BYTES)
    return Attachment(mime_type="audio/flac", path=str(path))


def received(request: Request) -> list[bytes]:
    """The attachments of a request, in order."""
    (content,) = json.loads(request.body)["contents"]
    return [b64decode(part["inlineData"]["data"], validate=True) for part in content["parts"] if "inlineData" in part]


async def no_connection_is_left(url: str) -> None:
    """Returns when the client has none to there any more."""
    port = urlsplit(url).port
    async with asyncio.timeout(10):
        while any(one.raddr and one.raddr.port == port for one in psutil.Process().net_connections()):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)


def sent(body: AttachedBody) -> bytes:
    return b"".join(body.blocks())


SIZES = (0, 1, 2, 3, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 5)


def test_attachments_of_every_size_arrive_in_order_from_memory_and_from_files(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    contents = [random.Random(seed).randbytes(size) for size in SIZES for _ in range(2)]
    attachments = [
        attached_file(tmp_path / str(number), content) if number % 2 else Attachment(mime_type="x/y", data=content)
        for number, content in enumerate(contents)
    ]
    call, (request,) = ask(http(200, answer()), replace(QUESTION, attachments=tuple(attachments)))
    assert call.failure is None
    assert received(request) == contents
    assert request.headers["content-length"] == str(len(request.body))
    assert "transfer-encoding" not in request.headers


def test_what_the_words_say_is_never_taken_for_an_attachment() -> None:
    words = '{"data": "' + "0123456789abcdef" * 2 + '"} \\ "inlineData"'
    question = replace(QUESTION, prompt=words, system=words, attachments=(Attachment(mime_type=words, data=b"x"),))
    _, (request,) = ask(http(200, answer()), question)
    assert request.json()["contents"] == [
        {"role": "user", "parts": [{"inlineData": {"mimeType": words, "data": "eA=="}}, {"text": words}]}
    ]


def test_marks_are_fresh_and_beyond_guessing() -> None:
    marks = [mark for _ in range(100) for mark in marks_of(QUESTION)]
    assert len(set(marks)) == 100
    assert all(len(mark) >= 32 for mark in marks)


def test_hundreds_of_calls_at_once_each_send_their_own(tmp_path: Path) -> None:
    async def use(client: GeminiClient) -> list[Call]:
        questions = []
        for number in range(200):
            content = str(number).encode() * 1000
            attachments = (
                attached_file(tmp_path / str(number), content),
                Attachment(mime_type="image/png", data=content[::-1]),
            )
            questions.append(replace(QUESTION, prompt=str(number), attachments=attachments))
        return await asyncio.gather(*(client.ask(question) for question in questions))

    with scripted_gemini(http(200, answer())) as gemini:
        calls = with_client(gemini.url, use, max_connections=100)
    assert [call.failure for call in calls if call.failure] == []
    numbers = set()
    for request in gemini.requests:
        (content,) = json.loads(request.body)["contents"]
        number = content["parts"][-1]["text"]
        expected = number.encode() * 1000
        assert received(request) == [expected, expected[::-1]]
        numbers.add(number)
    assert len(numbers) == 200


def test_a_body_that_lost_its_mark_is_not_sent() -> None:
    with pytest.raises(RuntimeError, match="place"):
        AttachedBody(b"{}", {"mark": Attachment(mime_type="x/y", data=b"x")})


def test_the_memory_of_a_call_does_not_grow_with_its_clip(tmp_path: Path) -> None:
    counted: Queue[int] = Queue()
    with raw_server(lambda connection: counted.put(swallow(connection))) as url:

        async def use(client: GeminiClient) -> int:
            await client.ask(replace(QUESTION, attachments=()))  # what is built once is built now
            question = replace(QUESTION, attachments=(big_file(tmp_path / "clip"),))
            tracemalloc.start()
            try:
                calls = await asyncio.gather(*(client.ask(question) for _ in range(2)))
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert [call.failure for call in calls] == [None, None]
            return peak

        peak = with_client(url, use)
    counted.get(timeout=10)  # of the first call
    assert min(counted.get(timeout=10) for _ in range(2)) > BIG_BYTES * 4 // 3
    assert peak < 6_000_000


def test_a_file_that_has_gone_ends_the_call_before_anything_is_sent(tmp_path: Path) -> None:
    question = replace(QUESTION, attachments=(Attachment(mime_type="audio/flac", path=str(tmp_path / "clip-3.flac")),))
    call, requests = ask(http(200, answer()), question)
    assert requests == []
    assert call.failure is not None
    assert (call.failure.code, call.failure.nature) == (FailureCode.INTERNAL, Nature.TRANSIENT)
    assert "clip-3.flac" in call.failure.message
    assert str(tmp_path) not in everything_said(call.failure)


def test_a_file_that_shrinks_while_it_is_sent_ends_the_call_whatever_the_server_answers(tmp_path: Path) -> None:
    attachment = big_file(tmp_path / "clip")

    def shrink_and_answer(connection: socket.socket) -> None:
        connection.recv(1)
        os.truncate(tmp_path / "clip", 0)
        http(200, answer())(connection)
        while connection.recv(1_000_000):
            pass

    async def use(client: GeminiClient) -> tuple[Call, Call]:
        broken = await client.ask(replace(QUESTION, attachments=(attachment,)))
        return broken, await client.ask(replace(QUESTION, attachments=(attached_file(tmp_path / "b", b"x"),)))

    serves = iter((shrink_and_answer, swallow))
    with raw_server(lambda connection: (next(serves)(connection), None)[1]) as url:
        broken, next_one = with_client(url, use, max_connections=1)
    assert broken.failure is not None
    assert (broken.failure.code, broken.failure.nature) == (FailureCode.INTERNAL, Nature.TRANSIENT)
    assert (broken.answered, broken.text) == (False, None)
    assert next_one.failure is None


@pytest.mark.parametrize("new_size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 6, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 1])
def test_a_file_of_another_size_is_noticed_before_the_last_block(tmp_path: Path, new_size: int) -> None:
    attachment = attached_file(tmp_path / "clip", bytes(BLOCK_BYTES + 7))
    body = AttachedBody(b'{"data": "mark"}', {"mark": attachment})
    os.truncate(tmp_path / "clip", new_size)
    blocks: list[bytes] = []
    with pytest.raises(AttachmentError, match="clip became"):
        blocks.extend(body.blocks())
    assert sum(map(len, blocks)) < body.size_bytes


def test_a_body_can_be_sent_anew_from_its_beginning(tmp_path: Path) -> None:
    body = AttachedBody(b'{"data": "mark"}', {"mark": attached_file(tmp_path / "clip", b"abc")})
    assert sent(body) == sent(body) == b'{"data": "YWJj"}'
    assert body.size_bytes == 16


def test_a_call_that_is_given_up_while_it_sends_leaves_no_file_and_no_connection_open(tmp_path: Path) -> None:
    question = replace(QUESTION, attachments=(big_file(tmp_path / "clip"),), timeout_seconds=0.4)
    done = threading.Event()

    with raw_server(lambda connection: (connection.recv(1), done.wait(30), None)[2]) as url:

        async def use(client: GeminiClient) -> tuple[Call, list[str]]:
            call = await client.ask(question)
            await no_connection_is_left(url)
            return call, [file.path for file in psutil.Process().open_files()]

        call, still_open = with_client(url, use)
        done.set()
    assert call.failure is not None
    assert call.failure.code is FailureCode.GEMINI_TIMEOUT
    assert str(tmp_path / "clip") not in still_open


def test_attachments_go_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(2 * BLOCK_BYTES + 1)
    question = replace(QUESTION, attachments=(attached_file(tmp_path / "clip", content),))
    with scripted_gemini(http(200, answer())) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        assert with_client("http://gemini.invalid", lambda client: client.ask(question)).failure is None
    assert received(proxy.requests[0]) == [content]
    assert proxy.requests[0].path.startswith("http://gemini.invalid/v1/models/")


def test_attachments_go_over_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = certified_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    question = replace(QUESTION, attachments=(attached_file(tmp_path / "clip", bytes(5 * BLOCK_BYTES + 1)),))
    counted: Queue[int] = Queue()

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            counted.put(swallow(secured))

    async def use(client: GeminiClient) -> Call:
        call = await client.ask(question)
        await no_connection_is_left(url)
        return call

    with raw_server(serve) as url:
        call = with_client(url.replace("http:", "https:"), use)
    assert call.failure is None
    assert counted.get(timeout=10) > 5 * BLOCK_BYTES * 4 // 3
