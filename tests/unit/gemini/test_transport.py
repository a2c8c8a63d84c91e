"""Sending: connections that are used again, replies that are not taken for what they are not, proxies as everywhere."""

import asyncio
import gzip
import socket
import threading
import time

import aiohttp
import pytest

from gemini.connection import proxy_for
from gemini.envelope import Envelope
from gemini.transport import KEEPALIVE_SECONDS, MAX_REPLY_BYTES, AddressError, RawReply, Sender
from tests.unit.gemini.scripted import hang_up, http, scripted_gemini


def to(url: str) -> Envelope:
    return Envelope(method="POST", url=url, headers={}, proxy=proxy_for(url))


def run_together(url: str, count: int, *, max_connections: int) -> list[int]:
    async def run() -> list[int]:
        sender = Sender(max_connections=max_connections)
        replies = await asyncio.gather(*(sender.send(to(url)) for _ in range(count)))
        await sender.aclose()
        return [reply.status for reply in replies]

    return asyncio.run(run())


def test_as_many_requests_as_connections_run_at_once() -> None:
    together = threading.Barrier(40, timeout=30)
    with scripted_gemini(lambda connection: (together.wait(), http(200, "{}")(connection))[1]) as server:
        assert run_together(server.url, 40, max_connections=40) == [200] * 40


def test_more_requests_than_connections_wait_their_turn() -> None:
    with scripted_gemini(http(200, "{}")) as server:
        assert run_together(server.url, 100, max_connections=16) == [200] * 100
        assert server.connections <= 16


def test_requests_one_after_the_other_use_one_connection_and_a_broken_one_is_not_used_again() -> None:
    async def run() -> list[int]:
        sender = Sender(max_connections=1)
        opened = []
        with scripted_gemini(http(200, "{}")) as server:
            for _ in range(3):
                await sender.send(to(server.url))
            opened.append(server.connections)
            server.script = hang_up
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await sender.send(to(server.url))
            server.script = http(200, "{}")
            await sender.send(to(server.url))
            opened.append(server.connections)
        await sender.aclose()
        return opened

    assert asyncio.run(run()) == [1, 2]


def test_idle_connections_are_kept_for_at_least_a_minute() -> None:
    assert KEEPALIVE_SECONDS >= 60


def test_a_packed_reply_is_unpacked_cookies_are_not_sent_back_and_redirects_not_followed() -> None:
    async def run(url: str) -> list[RawReply]:
        sender = Sender(max_connections=1)
        replies = [await sender.send(to(url)) for _ in range(2)]
        await sender.aclose()
        return replies

    packed = gzip.compress(b'{"a": 1}')
    script = http(302, packed, content_encoding="gzip", set_cookie="a=b", location="http://127.0.0.1:9/")
    with scripted_gemini(script) as server:
        replies = asyncio.run(run(server.url))
        assert [(reply.status, reply.body, reply.headers["SET-cookie"]) for reply in replies] == [
            (302, b'{"a": 1}', "a=b")
        ] * 2
        assert [request.headers.get("cookie") for request in server.requests] == [None, None]
        assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("unasked", [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]", b""])
def test_what_comes_unasked_on_an_idle_connection_is_never_the_reply_to_the_next_request(unasked: bytes) -> None:
    def answer_and_more(connection: socket.socket) -> None:
        http(200, "{}")(connection)
        if unasked:
            connection.sendall(unasked)
        else:
            connection.shutdown(socket.SHUT_RDWR)

    async def run(url: str) -> list[bytes]:
        sender = Sender(max_connections=1)
        bodies = []
        for _ in range(3):
            bodies.append((await sender.send(to(url))).body)
            time.sleep(0.02)  # noqa: ASYNC251 - what comes meanwhile is not read by the loop
        await sender.aclose()
        return bodies

    with scripted_gemini(answer_and_more) as server:
        assert asyncio.run(run(server.url)) == [b"{}"] * 3
        assert server.connections == 3


def test_large_headers_are_taken_and_endless_replies_are_not() -> None:
    async def run(url: str) -> None:
        sender = Sender(max_connections=1)
        try:
            await sender.send(to(url))
        finally:
            await sender.aclose()

    many = {f"x-{number}": "y" * 100 for number in range(200)}
    with scripted_gemini(http(200, "{}", policy="z" * 30_000, **many)) as server:
        asyncio.run(run(server.url))
        server.script = http(200, gzip.compress(bytes(MAX_REPLY_BYTES + 1)), content_encoding="gzip")
        with pytest.raises(aiohttp.ClientPayloadError, match="longer than"):
            asyncio.run(run(server.url))


@pytest.mark.parametrize("address", ["http://" + "a" * 70 + ".example", "http://[bad", "nothing"])
def test_an_address_that_cannot_be_sent_to_says_so(address: str) -> None:
    async def run() -> None:
        sender = Sender(max_connections=1)
        try:
            await sender.send(Envelope(method="POST", url=address, headers={}, proxy=None))
        finally:
            await sender.aclose()

    with pytest.raises(AddressError):
        asyncio.run(run())


def test_a_proxy_without_a_scheme_is_one_of_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "")
    assert proxy_for("https://generativelanguage.googleapis.com/v1") == "http://proxy.example:3128"


@pytest.mark.parametrize(("no_proxy", "through_proxy"), [("", True), ("127.0.0.1", False)])
def test_a_proxy_of_the_environment_is_used_unless_the_host_is_excepted(
    monkeypatch: pytest.MonkeyPatch,
    no_proxy: str,
    through_proxy: bool,  # noqa: FBT001
) -> None:
    with scripted_gemini(http(200, "{}")) as server, scripted_gemini(http(200, "{}")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", no_proxy)
        run_together(server.url, 1, max_connections=1)
        assert (len(proxy.requests), len(server.requests)) == ((1, 0) if through_proxy else (0, 1))
