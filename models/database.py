"""Opening the database, and transactions on it.

SQLite: WAL, every write begins IMMEDIATE (a deferred transaction that turns into a write fails at once with "database
is locked", whatever the busy timeout), one writer connection at a time and separate readers. Every commit is flushed to
the disk, because an accepted job must survive a power cut. PostgreSQL: one small pool; statements and idle
transactions are bounded in time, so that a lost process cannot hold a lock for ever.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

UNDEFINED_TABLE = "42P01"
READ_ONLY = "25006"
CONFLICT = "40"
"""The class of deadlocks and serialization failures."""
PASSING = (READ_ONLY, "25P03", CONFLICT, "53", "57")
"""SQLSTATEs, or their classes, that pass by themselves: failover, conflict, no room, an operator's hand."""


CONFLICTS_AT_MOST = 8
"""So often a verb that a person waits for is tried before the conflict is shown."""

P = ParamSpec("P")
R = TypeVar("R")


class DatabaseUnavailableError(Exception):
    """The database cannot be reached, is busy past its time, or broke off; what was asked may be asked again."""


class DatabaseConflictError(DatabaseUnavailableError):
    """Two transactions were in each other's way and this one had to give; nothing of it was done."""


class DatabaseNotReadyError(Exception):
    """The database answers but lacks our tables: `mediascribe db upgrade` makes them."""


class DatabaseUrlError(ValueError):
    """The address of the database makes no sense."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """One database with its connection pools. Thread-safe; not to be shared across a fork."""

    writer: Engine
    reader: Engine
    together: Engine
    """Reads several statements in one transaction, where `reader` has none."""
    walker: Engine
    """Reads as `reader` does, but walks indexes (`models.store.walk`)."""

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.writer.dialect.name

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end. Raises DatabaseUnavailableError, DatabaseNotReadyError."""
        with _translated(self), self.writer.begin() as connection:
            yield connection

    @contextmanager
    def write_unsynced(self) -> Iterator[Connection]:
        """The same for what a power cut may undo, as it means nothing after one: SQLite does not wait for the disk."""
        with _translated(self), self.writer.execution_options(**_UNSYNCED).begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """For reading; several statements may see different moments."""
        with _translated(self), self.reader.begin() as connection:
            yield connection

    @contextmanager
    def read_together(self) -> Iterator[Connection]:
        """For reading in one transaction, whose own settings end with it."""
        with _translated(self), self.together.begin() as connection:
            yield connection

    @contextmanager
    def read_walking(self) -> Iterator[Connection]:
        """For reading what an index has in the order wanted; several statements may see different moments."""
        with _translated(self), self.walker.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        for engine in (self.writer, self.reader, self.walker):
            engine.dispose()


def again_after_conflict(verb: Callable[P, R]) -> Callable[P, R]:
    """The same verb of one transaction, tried again where another transaction was in its way."""

    @wraps(verb)
    def patient(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, CONFLICTS_AT_MOST):
            with suppress(DatabaseConflictError):
                return verb(*args, **kwargs)
            time.sleep(random.random() * 0.05 * attempt)  # or the same two meet again
        return verb(*args, **kwargs)

    return patient


def open_database(url: str, *, pool_size: int = 8) -> Database:
    """A database by its address; nothing is connected yet. Raises DatabaseUrlError."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    return _open_postgresql(parsed, pool_size=pool_size)


def parse_url(url: str) -> URL:
    """The address in SQLAlchemy's form; `postgresql://` means psycopg 3. Raises DatabaseUrlError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUrlError(
            "MEDIASCRIBE_DATABASE_URL is not a database address; use sqlite:///path/to.db or postgresql://user@host/name"
        ) from error
    if parsed.drivername in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"postgresql+psycopg", "sqlite", "sqlite+pysqlite"}:
        raise DatabaseUrlError(
            f"MEDIASCRIBE_DATABASE_URL names {parsed.drivername!r}; mediascribe stores in sqlite:/// or postgresql://"
        )
    return parsed


_SERVER_OPTIONS = "-c statement_timeout=60s -c idle_in_transaction_session_timeout=10s -c timezone=UTC"
WALKING = {
    "enable_sort": "off", "enable_incremental_sort": "off", "enable_bitmapscan": "off", "enable_seqscan": "off",
    "jit": "off",
}  # fmt: skip
"""With these settings PostgreSQL neither sorts, nor reads a table in the order of its pages, where an index has the order.

Before version 18 what is switched off counts as so dear that each such statement would be worth compiling.
"""


def _open_postgresql(url: URL, *, pool_size: int) -> Database:
    def engine(options: str) -> Engine:
        return create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=15,
            connect_args={
                "connect_timeout": 5,
                "keepalives_idle": 30,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 30_000,
                "application_name": "mediascribe",
                "options": options,
            },
        )

    together = engine(_SERVER_OPTIONS)
    # Its connections have these settings for good: to set them for each read would be three ways to the server more.
    walker = engine(" ".join([_SERVER_OPTIONS, *(f"-c {name}={value}" for name, value in WALKING.items())]))
    # A read of one statement needs no BEGIN and no COMMIT, which are a way to the server each. Nothing is lost: where a
    # transaction has several, each of them sees what is committed when it begins (READ COMMITTED).
    alone: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
    return Database(
        writer=together, reader=together.execution_options(**alone), together=together,
        walker=walker.execution_options(**alone),
    )  # fmt: skip


def _open_sqlite(url: URL) -> Database:
    if not url.database or url.database == ":memory:":
        raise DatabaseUrlError("SQLite needs a file, because several connections share it: sqlite:///path/to.db")

    def engine(*, pool_size: int, begin: str) -> Engine:
        made = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=60,
            connect_args={"timeout": 30, "check_same_thread": False, "cached_statements": 256},
        )
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", partial(_begin_sqlite, statement=begin))
        return made

    reader = engine(pool_size=4, begin="BEGIN")
    writer = engine(pool_size=1, begin="BEGIN IMMEDIATE")
    return Database(writer=writer, reader=reader, together=reader, walker=reader)


_UNSYNCED = {"synchronous": "NORMAL"}
"""How often SQLite flushes its log; each later commit that does takes along what was not flushed before."""


def _begin_sqlite(connection: Connection, *, statement: str) -> None:
    wanted = connection.get_execution_options().get("synchronous", "FULL")
    if connection.info.get("synchronous", "FULL") != wanted:
        connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
        connection.info["synchronous"] = wanted
    connection.exec_driver_sql(statement)


def _prepare_sqlite(connection: SqliteConnection, record: object) -> None:  # noqa: ARG001 - the event's signature
    connection.isolation_level = None  # we begin transactions ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def sqlite_path(url: str) -> Path | None:
    """Where the file of an SQLite address lies; None for other databases."""
    parsed = parse_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" and parsed.database else None


@contextmanager
def _translated(database: Database) -> Iterator[None]:
    """SQLAlchemy's exceptions as ours; addresses in messages never show a password."""
    place = database.writer.url.render_as_string(hide_password=True)
    try:
        yield
    except (InterfaceError, PoolTimeoutError) as error:
        raise DatabaseUnavailableError(f"the database {place} cannot be used: {_first_line(error)}") from error
    except DBAPIError as error:
        reason = _first_line(error)
        state = getattr(error.orig, "sqlstate", None) or ""
        if state == UNDEFINED_TABLE or "no such table" in reason:
            raise DatabaseNotReadyError(
                f"the database {place} lacks tables ({reason}); run: mediascribe db upgrade"
            ) from error
        if "not a database" in reason:
            raise DatabaseUrlError(
                f"{place} is no SQLite database; name another file, or none to make a new one"
            ) from error
        if state == READ_ONLY:
            database.close()  # after a failover the address may lead to the new primary
        if state.startswith(CONFLICT):
            raise DatabaseConflictError(f"the database {place} met a conflict: {reason}") from error
        if isinstance(error, OperationalError) or error.connection_invalidated or state.startswith(PASSING):
            raise DatabaseUnavailableError(f"the database {place} cannot be used: {reason}") from error
        raise


def _first_line(error: Any) -> str:
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0]
