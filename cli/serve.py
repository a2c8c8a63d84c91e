"""`mediascribe api` serves the HTTP API; `mediascribe up` does that and works, in one process."""

import ipaddress
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import CommandError, Exit

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from models.database import Database
    from worker.environment import LoadedSettings

HOST, PORT = "127.0.0.1", 8000
POOL = 16
"""Connections to PostgreSQL: as many requests use it at the same time."""

Host = Annotated[str, typer.Option(metavar="H", help="Address to listen on; 0.0.0.0 is every one of this machine.")]
Port = Annotated[int, typer.Option(metavar="P", min=0, max=65_535, help="Port; 0 takes any that is free.")]


def api(host: Host = HOST, port: Port = PORT) -> None:
    """Serve the HTTP API until told to leave (SIGTERM, Ctrl-C). Workers are processes of their own."""
    from cli.console import say
    from worker.garbage import set_aside_what_is_there
    from worker.nudging import Nudger
    from worker.source_settings import make_storage

    with _opened(host, port) as (loaded, database, listener):
        settings = loaded.settings
        announcer = None
        if settings.embedded:
            say("no broker is set, so this process only stores jobs; `mediascribe up` works on them too")
        else:
            from worker.broker_app import announcer_for

            announcer = announcer_for(settings)
        storage = make_storage(settings)
        nudger = Nudger(database, announcer, storage=storage, alive_seconds=settings.lease_seconds)
        nudger.start()
        set_aside_what_is_there()
        try:
            _serve(loaded, database, listener, submitted=nudger.nudge)
        finally:
            nudger.stop()


def up(
    host: Host = HOST,
    port: Port = PORT,
    concurrency: Annotated[int | None, typer.Option(metavar="N", help="Gemini calls in flight, at most.")] = None,
) -> None:
    """Serve the HTTP API and work on the jobs, in one process on this machine, until told to leave."""
    with _opened(host, port, {"concurrency": concurrency}) as (loaded, database, listener):
        if not loaded.settings.embedded:
            words = "MEDIASCRIBE_BROKER_URL is set: run `mediascribe api` and `mediascribe worker`, each as often as you like"
            raise CommandError(Exit.USAGE, words)
        from worker.bootstrap import start_worker
        from worker.garbage import set_aside_what_is_there
        from worker.nudging import Nudger
        from worker.source_settings import make_storage

        storage = make_storage(loaded.settings)
        nudger = Nudger(database, None, storage=storage, alive_seconds=loaded.settings.lease_seconds)
        worker = start_worker(loaded, database)
        nudger.start()
        set_aside_what_is_there()
        try:
            _serve(loaded, database, listener, submitted=worker.housekeeper.wake)
        finally:
            nudger.stop()
            worker.close(grace_seconds=loaded.settings.grace_seconds)


@contextmanager
def _opened(
    host: str, port: int, flags: dict[str, Any] | None = None
) -> "Iterator[tuple[LoadedSettings, Database, socket.socket]]":
    """The settings, the ready database and a listening socket, closed at the end.

    Raises CommandError, SettingsError, DatabaseUrlError, DatabaseUnavailableError, DatabaseNotReadyError.
    """
    from worker.environment import load_settings
    from worker.logs import set_up_logs
    from worker.ready_database import open_ready_database

    loaded = load_settings(flags=flags)
    set_up_logs(loaded.settings.log_level)
    database = open_ready_database(loaded.settings, pool_size=POOL)
    try:
        _check_reach(database, host)
        with _listener(host, port) as listener:
            yield loaded, database, listener
    finally:
        database.close()


def _check_reach(database: "Database", host: str) -> None:
    """Others may reach the API only when they need a key. Raises CommandError(NOT_ALLOWED)."""
    from models.store.keys import has_keys

    if not is_loopback(host) and not has_keys(database):
        words = (
            f"--host {host} lets other machines in, and there is no key yet: make one with `mediascribe keys create`, "
            f"or listen on {HOST}"
        )
        raise CommandError(Exit.NOT_ALLOWED, words)


def is_loopback(host: str) -> bool:
    """Is that an address of this machine that no other can reach? A name is one only if it is `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listener(host: str, port: int) -> "socket.socket":
    from api.server import listen

    try:
        return listen(host, port)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CommandError(Exit.CONFLICT, f"{host}:{port} cannot be listened on: {why}; take another --port") from error


def _serve(
    loaded: "LoadedSettings", database: "Database", listener: "socket.socket", *, submitted: "Callable[[], None]"
) -> None:
    from api.parts import Parts
    from api.server import serve
    from cli.console import say
    from gemini.price_files import load_prices
    from worker.source_settings import make_storage

    host, port = listener.getsockname()[:2]
    parts = Parts(
        settings=loaded.settings, database=database, prices=load_prices(loaded.settings.prices_file),
        storage=make_storage(loaded.settings), submitted=submitted, is_loopback=is_loopback(host),
    )  # fmt: skip
    say(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}; Ctrl-C ends it")
    serve(parts, listener)
    say("left in good order")
