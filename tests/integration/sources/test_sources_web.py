"""Media behind addresses, from a web server that tells the truth and from one that lies in every way."""

import gzip
import hashlib
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from media.outbound.client import Call, OutboundClient
from media.outbound.errors import OutboundError, Reason
from media.outbound.patience import Patience
from media.outbound.rules import read_rules
from media.sources import Wanted
from models.failures import FailureCode, FailureError, Nature
from tests.integration.sources.lies import LIES, MAX_BYTES, PICTURE, PICTURE_BOMB, SIGNED
from tests.integration.sources.reading import failed, opened, sources
from tests.services.web import Asked, Web, answer


def test_a_picture_is_copied_hashed_and_looked_at(server: Web, tmp_path: Path) -> None:
    url = server.says("/a.png", answer(200, PICTURE))
    file = opened(sources(server), url + "?sig=secret", tmp_path)
    assert file.path.read_bytes() == PICTURE
    assert (file.size_bytes, file.sha256) == (len(PICTURE), hashlib.sha256(PICTURE).hexdigest())
    assert (file.media_type.name, file.name) == ("png", url)
    asked = server.asked[0]
    assert (asked.method, asked.target, asked.headers["host"]) == (
        "GET",
        "/a.png?sig=secret",
        f"127.0.0.1:{server.port}",
    )
    assert asked.headers["accept-encoding"] == "identity"
    assert "cookie" not in asked.headers


def test_a_body_of_unknown_length_and_one_in_chunks_are_read_to_their_end(server: Web, tmp_path: Path) -> None:
    open_end = server.says("/a", answer(200, PICTURE, content_length=None))
    in_chunks = server.says(
        "/b",
        answer(
            200, b"%x\r\n%b\r\n0\r\n\r\n" % (len(PICTURE), PICTURE), content_length=None, transfer_encoding="chunked"
        ),
    )
    for number, url in enumerate((open_end, in_chunks)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert opened(sources(server), url, folder).path.read_bytes() == PICTURE


@pytest.mark.parametrize("whose", SIGNED)
def test_a_signed_address_whose_time_is_over_is_told_from_a_forbidden_one(
    server: Web, tmp_path: Path, whose: str
) -> None:
    status, body = SIGNED[whose]
    failure = failed(sources(server), server.says("/a", answer(status, body)), tmp_path)
    assert (failure.code, failure.retryable) == (FailureCode.SOURCE_EXPIRED, False)


@pytest.mark.parametrize(
    ("status", "code", "nature"),
    [
        (400, FailureCode.SOURCE_FORBIDDEN, Nature.PERMANENT),
        (401, FailureCode.SOURCE_FORBIDDEN, Nature.PERMANENT),
        (403, FailureCode.SOURCE_FORBIDDEN, Nature.PERMANENT),
        (404, FailureCode.SOURCE_NOT_FOUND, Nature.PERMANENT),
        (410, FailureCode.SOURCE_NOT_FOUND, Nature.PERMANENT),
        (408, FailureCode.SOURCE_UNREACHABLE, Nature.TRANSIENT),
        (429, FailureCode.SOURCE_UNREACHABLE, Nature.TRANSIENT),
        (500, FailureCode.SOURCE_UNREACHABLE, Nature.TRANSIENT),
        (503, FailureCode.SOURCE_UNREACHABLE, Nature.TRANSIENT),
        (206, FailureCode.SOURCE_UNREACHABLE, Nature.PERMANENT),
        (204, FailureCode.SOURCE_UNREACHABLE, Nature.PERMANENT),
        (304, FailureCode.SOURCE_UNREACHABLE, Nature.PERMANENT),
    ],
)
def test_every_status_means_one_failure_that_names_the_address(
    server: Web, tmp_path: Path, status: int, code: FailureCode, nature: Nature
) -> None:
    body = b"" if status in (204, 304) else PICTURE
    url = server.says("/a.png", answer(status, body))
    failure = failed(sources(server), f"{url.replace('//', '//ada:secret@')}?sig=secret", tmp_path)
    assert (failure.code, failure.nature) == (code, nature)
    assert failure.message.startswith(f"{url} ")
    assert str(status) in failure.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("said", "seconds"), [("7", 7.0), ("999999999", 3_600.0), ("soon", None), ("-1", None)])
def test_a_server_that_asks_for_a_pause_gets_it_within_reason(
    server: Web, tmp_path: Path, said: str, seconds: float | None
) -> None:
    url = server.says("/a", answer(503, b"", retry_after=said))
    assert failed(sources(server), url, tmp_path).retry_after_seconds == seconds


@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_gets_one_failure_and_leaves_no_more_than_was_allowed(
    server: Web, tmp_path: Path, lie: str
) -> None:
    script, code = LIES[lie]
    url = server.says("/lie", script)
    began = time.monotonic()
    failure = failed(sources(server, seconds=0.6, idle=0.4), url, tmp_path)
    assert failure.code is code
    assert failure.message.startswith(f"{url} ")
    assert time.monotonic() - began < 1.5
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= MAX_BYTES


def test_a_redirect_is_followed_to_the_end_and_no_further_than_five_times(server: Web, tmp_path: Path) -> None:
    for number in range(7):
        server.says(f"/{number}", answer(307, location=f"/{number - 1}", set_cookie="a=b"))
    server.says("/0", answer(200, PICTURE))
    assert opened(sources(server), f"{server.url}/5", tmp_path).size_bytes == len(PICTURE)
    assert not any("cookie" in asked.headers for asked in server.asked)
    (tmp_path / "source").unlink()
    failure = failed(sources(server), f"{server.url}/6", tmp_path)
    assert (failure.code, failure.retryable) == (FailureCode.SOURCE_UNREACHABLE, False)


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(PICTURE), zlib.compress(PICTURE), gzip.compress(PICTURE[:99]) + gzip.compress(PICTURE[99:])],
)
def test_what_is_packed_all_the_same_is_unpacked(server: Web, tmp_path: Path, packed: bytes) -> None:
    url = server.says("/a", answer(200, packed, content_encoding="gzip"))
    assert opened(sources(server), url, tmp_path).path.read_bytes() == PICTURE


def test_unpacking_a_bomb_takes_no_memory(server: Web, tmp_path: Path) -> None:
    url = server.says("/a", answer(200, PICTURE_BOMB, content_encoding="gzip"))
    reader = sources(server)
    tracemalloc.start()
    try:
        failed(reader, url, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_download_that_nobody_waits_for_ends(server: Web, tmp_path: Path) -> None:
    stop = threading.Event()

    def script(_: Asked) -> Iterable[bytes]:
        yield answer(200, PICTURE, content_length=MAX_BYTES)
        stop.set()
        yield bytes(100)
        threading.Event().wait(0.1)
        yield bytes(100)

    url = server.says("/a", script)
    with pytest.raises(FailureError) as caught:
        sources(server).open(Wanted(source=url, owner="default", folder=tmp_path, stop=stop))
    assert caught.value.failure.nature is Nature.INTERRUPTED


def test_a_request_that_sends_something_follows_no_redirect_and_reads_no_more_than_it_wants(server: Web) -> None:
    url = server.says("/hook", answer(302, b"moved", location="/elsewhere"))
    client = OutboundClient(rules=read_rules("80", f"127.0.0.1:{server.port}"))
    call = Call(
        url=url, owner="default", max_bytes=3, patience=Patience(total_seconds=5, idle_seconds=2), method="POST",
        headers={"webhook-id": "msg_1"}, content=b"{}", max_redirects=0,
    )  # fmt: skip
    with client.sent(call) as got:
        assert (got.status, got.head(3)) == (302, b"mov")
    with pytest.raises(OutboundError) as caught, client.sent(call) as got:
        list(got.blocks())
    assert caught.value.reason is Reason.TOO_LARGE
    assert [(asked.method, asked.headers["webhook-id"], asked.headers["content-length"]) for asked in server.asked] == [
        ("POST", "msg_1", "2")
    ] * 2
