"""Which server is asked for media behind an address: the checked one, in its own name, and no other."""

import socket
import threading
from pathlib import Path

import pytest

from media.outbound.client import OutboundClient
from media.outbound.rules import read_rules
from media.places import read_bucket_rules
from media.sources import SourceLimits, Sources
from media.stores import ObjectStores
from models.failures import FailureCode
from tests.integration.sources.lies import MAX_BYTES, PICTURE
from tests.integration.sources.reading import failed, opened, sources
from tests.services.process import LOOPBACK
from tests.services.web import Web, answer


def test_credentials_of_a_url_are_sent_to_its_host_and_to_no_other(server: Web, tmp_path: Path) -> None:
    server.says("/a", answer(302, location="/b"))
    server.says("/b", answer(302, location=f"http://elsewhere.test:{server.port}/c"))
    server.says("/c", answer(200, PICTURE))
    reader = sources(server, allowed=f"127.0.0.0/8:{server.port}", resolve=lambda *_: [LOOPBACK])
    opened(reader, f"http://ada:se%40cret@127.0.0.1:{server.port}/a", tmp_path)
    sent = [(asked.target, asked.headers.get("authorization")) for asked in server.asked]
    assert sent == [("/a", "Basic YWRhOnNlQGNyZXQ="), ("/b", "Basic YWRhOnNlQGNyZXQ="), ("/c", None)]


def test_a_name_that_answers_otherwise_the_second_time_is_looked_up_once(server: Web, tmp_path: Path) -> None:
    answers = [["127.0.0.2"], ["10.0.0.1"]]
    server.says("/a", answer(200, PICTURE))
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(f"{host}:{port}")
        return answers[min(len(asked), 2) - 1]

    url = f"http://media.test:{server.port}/a"
    inside = sources(server, allowed=f"10.0.0.0/8:{server.port}", resolve=rebinding)
    assert failed(inside, url, tmp_path).code is FailureCode.SOURCE_FORBIDDEN
    assert asked == [f"media.test:{server.port}"]
    assert server.asked == []  # nothing was sent to what was not allowed


def test_what_is_connected_to_is_what_was_checked_and_the_name_is_kept(server: Web, tmp_path: Path) -> None:
    server.says("/a", answer(200, PICTURE))
    url = f"http://media.test:{server.port}/a"
    opened(sources(server, allowed=f"127.0.0.1:{server.port}", resolve=lambda *_: ["127.0.0.1"]), url, tmp_path)
    assert server.asked[0].headers["host"] == f"media.test:{server.port}"


def test_a_secured_connection_to_a_checked_address_is_made_in_the_name_of_the_host(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        port = listening.getsockname()[1]
        hellos: list[bytes] = []

        def greet() -> None:
            peer, _ = listening.accept()
            with peer:
                hellos.append(peer.recv(4_096))

        thread = threading.Thread(target=greet)
        thread.start()
        rules = read_rules("443", f"{LOOPBACK}:{port}")
        reader = Sources(
            client=OutboundClient(rules=rules, resolve=lambda *_: [LOOPBACK]),
            stores=ObjectStores(rules=read_bucket_rules("")),
            limits=SourceLimits(max_bytes=MAX_BYTES, total_seconds=5, idle_seconds=5),
        )
        assert failed(reader, f"https://media.test:{port}/a", tmp_path).code is FailureCode.SOURCE_UNREACHABLE
        thread.join()
    assert b"media.test" in hellos[0]


def test_a_name_with_a_port_that_is_not_asked_is_not_even_looked_up(server: Web, tmp_path: Path) -> None:
    def never(*_: object) -> list[str]:
        raise AssertionError

    failure = failed(sources(server, resolve=never), "https://media.test:22/a", tmp_path)
    assert failure.code is FailureCode.SOURCE_FORBIDDEN
    assert "MEDIASCRIBE_OUTBOUND_PORTS" in failure.message


def test_the_next_address_is_tried_when_the_first_does_not_answer(server: Web, tmp_path: Path) -> None:
    server.says("/a", answer(200, PICTURE))
    reader = sources(server, allowed=f"127.0.0.0/8:{server.port}", resolve=lambda *_: ["127.0.0.9", "127.0.0.1"])
    assert opened(reader, f"http://media.test:{server.port}/a", tmp_path).size_bytes == len(PICTURE)


def test_a_name_without_an_address_may_have_one_later(server: Web, tmp_path: Path) -> None:
    def unknown(host: str, _: int) -> list[str]:
        raise OSError(host)

    def nothing(*_: object) -> list[str]:
        return []

    for resolve in (unknown, nothing):
        failure = failed(sources(server, resolve=resolve), "https://media.test/a", tmp_path)
        assert (failure.code, failure.retryable) == (FailureCode.SOURCE_UNREACHABLE, True)


def test_an_allowance_of_one_owner_is_none_for_another(server: Web, tmp_path: Path) -> None:
    url = server.says("/a", answer(200, PICTURE))
    reader = sources(server, allowed=f"ours=127.0.0.1:{server.port}")
    assert failed(reader, url, tmp_path, owner="theirs").code is FailureCode.SOURCE_FORBIDDEN
    assert opened(reader, url, tmp_path, owner="ours").size_bytes == len(PICTURE)


def test_proxies_of_the_environment_are_not_used(server: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    url = server.says("/a", answer(200, PICTURE))
    assert opened(sources(server), url, tmp_path).size_bytes == len(PICTURE)
