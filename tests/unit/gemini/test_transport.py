"""The HTTP client under google-genai: connections that are used again, and proxies as everywhere."""

import asyncio
import threading

import httpx2
import pytest

from gemini.transport import KEEPALIVE_SECONDS, SpreadTransport, http_client
from tests.unit.gemini.scripted import hang_up, http, scripted_gemini


def run_together(url: str, count: int, *, max_connections: int) -> list[int]:
    async def run() -> list[int]:
        async with http_client(max_connections=max_connections, base_url=url) as client:
            replies = await asyncio.gather(*(client.get(url, timeout=20) for _ in range(count)))
            return [reply.status_code for reply in replies]

    return asyncio.run(run())


def test_as_many_requests_as_connections_run_at_once() -> None:
    together = threading.Barrier(40, timeout=30)
    with scripted_gemini(lambda connection: (together.wait(), http(200, "{}")(connection))[1]) as server:
        assert run_together(server.url, 40, max_connections=40) == [200] * 40


def test_more_requests_than_connections_wait_their_turn() -> None:
    with scripted_gemini(http(200, "{}")) as server:
        assert run_together(server.url, 100, max_connections=16) == [200] * 100
        assert server.connections <= 16


def test_requests_one_after_the_other_use_one_connection() -> None:
    async def run(url: str) -> None:
        async with http_client(max_connections=8, base_url=url) as client:
            for _ in range(5):
                await client.get(url, timeout=20)

    with scripted_gemini(http(200, "{}")) as server:
        asyncio.run(run(server.url))
        assert server.connections == 1


def test_a_place_is_free_again_after_an_answer_a_failure_and_a_body_that_nobody_read() -> None:
    async def run() -> int:
        transport = SpreadTransport(connections=3, proxy=None)
        async with httpx2.AsyncClient(transport=transport) as client:
            with scripted_gemini(http(200, "{}" * 1000)) as server:
                await client.get(server.url)
                async with client.stream("GET", server.url):
                    pass
                server.script = hang_up
                with pytest.raises(httpx2.RemoteProtocolError):
                    await client.get(server.url)
            return len(transport._free)

    assert asyncio.run(run()) == 3


def test_idle_connections_are_kept_for_at_least_a_minute() -> None:
    assert KEEPALIVE_SECONDS >= 60


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
