"""Uploads to a process of its own over real sockets: broken off, too slow, too many, killed midway."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from models.database import open_database
from tests.acceptance.conftest import Shell
from tests.acceptance.test_api import Serving, serving
from tests.integration.api.forms import BOUNDARY, END, FILE, KIND, PICTURE, part
from tests.services.embedded import eventually

MIDWAY = FILE[:-2] + bytes(400_000)
SOCKET_SECONDS = 20.0


def files(shell: Shell) -> list[str]:
    folder = shell.folder / ".mediascribe" / "media"
    return [path.name for path in folder.rglob("*") if path.is_file()]


@contextmanager
def uploading(api: Serving, body: bytes, *, length: int) -> Iterator[socket.socket]:
    """A client that says that so many bytes come, and has sent these."""
    place = urlsplit(api.url)
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    with socket.create_connection((str(place.hostname), place.port), timeout=SOCKET_SECONDS) as client:
        client.sendall(head.encode() + body)
        yield client


def answer(client: socket.socket) -> tuple[int, Any]:
    """Status and document."""
    with client.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers = dict(line.decode().rstrip().split(": ", 1) for line in iter(stream.readline, b"\r\n"))
        lengths = {name.lower(): value for name, value in headers.items()}
        return status, json.loads(stream.read(int(lengths["content-length"])))


def test_what_breaks_off_stands_still_or_is_killed_leaves_nothing(shell: Shell) -> None:
    """One at a time may come: the second is sent away, and comes in when the first is gone."""
    shell.environment.update({"MEDIASCRIBE_API_UPLOADS": "1", "MEDIASCRIBE_API_UPLOAD_IDLE_SECONDS": "2"})
    whole = FILE + KIND + END
    with serving(shell, "api") as api:
        with uploading(api, MIDWAY, length=10_000_000):
            eventually(lambda: bool(files(shell)), "the first is on its way")
            with uploading(api, whole, length=len(whole)) as second:
                status, problem = answer(second)
            assert (status, problem["code"], problem["retryable"]) == (503, "unavailable", True)
        eventually(lambda: not files(shell), "nothing is left of the one that broke off")
        status, problem = answer_to_slow(api)
        assert (status, problem["code"]) == (408, "timed_out")
        assert files(shell) == []
        with uploading(api, whole, length=len(whole)) as good:
            assert answer(good)[0] == 202
        assert len(files(shell)) == 1
        with uploading(api, MIDWAY, length=10_000_000):
            eventually(lambda: len(files(shell)) == 2, "another is on its way")
            api.process.send_signal(signal.SIGKILL)
            api.process.wait(SOCKET_SECONDS)
    assert len(files(shell)) == 2
    let_leases_end(shell)
    with serving(shell, "api"):
        eventually(lambda: len(files(shell)) == 1, "the next server removes what the killed one left")


def answer_to_slow(api: Serving) -> tuple[int, Any]:
    """What stands still is told. Its room is free a moment after the files of the one before are gone, so it asks again."""
    answers: list[tuple[int, Any]] = []

    def is_let_in() -> bool:
        with uploading(api, MIDWAY, length=10_000_000) as slow:
            answers.append(answer(slow))
        return answers[-1][0] != HTTPStatus.SERVICE_UNAVAILABLE

    eventually(is_let_in, "there is room for it")
    return answers[-1]


def let_leases_end(shell: Shell) -> None:
    database = open_database(f"sqlite:///{shell.folder}/.mediascribe/mediascribe.db")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE upload SET expires_at = '2026-01-01 00:00:00.000'")
    database.close()


LARGE_BYTES = 700_000_000
GROWTH_BYTES = 40_000_000


@pytest.mark.long
def test_a_large_file_takes_no_more_memory_than_a_small_one(shell: Shell) -> None:
    head = part("file", PICTURE, "cat.png")[:-2]
    with serving(shell, "api") as api:
        process = psutil.Process(api.process.pid)
        with uploading(api, FILE + KIND + END, length=len(FILE + KIND + END)) as client:
            assert answer(client)[0] == 202
        before = most = process.memory_info().rss
        block = os.urandom(1_000_000)
        tail = b"\r\n" + KIND + END
        with uploading(api, head, length=len(head) + LARGE_BYTES + len(tail)) as client:
            for _ in range(LARGE_BYTES // len(block)):
                client.sendall(block)
                most = max(most, process.memory_info().rss)
            client.sendall(tail)
            status, job = answer(client)
    assert (status, job["upload"]["size_bytes"]) == (202, len(PICTURE) + LARGE_BYTES)
    assert most - before < GROWTH_BYTES
