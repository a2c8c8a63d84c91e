"""`mediascribe worker` runs a Celery worker; `mediascribe workers` lists those there are."""

from typing import Annotated

import typer

from cli.exits import CommandError, Exit
from cli.filters import Json


def worker(
    concurrency: Annotated[int | None, typer.Option(metavar="N", help="Gemini calls in flight, at most.")] = None,
) -> None:
    """Work until told to leave (SIGTERM, Ctrl-C). Needs a broker: MEDIASCRIBE_BROKER_URL."""
    from worker.environment import load_settings

    loaded = load_settings(flags={"concurrency": concurrency})
    if loaded.settings.embedded:
        words = (
            "no broker is set: MEDIASCRIBE_BROKER_URL=redis://host:6379/0; without one, `mediascribe run` does the work"
        )
        raise CommandError(Exit.USAGE, words)
    _check(loaded)
    from worker.broker import run_worker
    from worker.logs import set_up_logs

    set_up_logs(loaded.settings.log_level)
    raise typer.Exit(run_worker(loaded))


def _check(loaded: object) -> None:
    """Say at once what a worker would only find out within Celery. Raises what `opened` raises, FailureError."""
    from gemini.connection import connection_from_environment
    from worker.environment import LoadedSettings
    from worker.ready_database import open_ready_database

    assert isinstance(loaded, LoadedSettings)
    connection_from_environment(loaded.gemini)
    open_ready_database(loaded.settings).close()


def workers(
    *,
    every: Annotated[bool, typer.Option("--all", help="Those too that have left or are lost.")] = False,
    as_json: Json = False,
) -> None:
    """List the live workers."""
    from cli.console import emit_json, emit_table
    from cli.opening import opened
    from models.store import reports
    from worker.shapes import rfc3339, worker_shape

    with opened() as (loaded, database):
        found = reports.list_workers(database, alive_seconds=loaded.settings.lease_seconds)
    shown = [view for view in found if view.alive or every]
    if as_json:
        emit_json({"workers": [worker_shape(view) for view in shown]})
        return
    rows = [
        (v.id, v.host, v.pid, _standing(v.alive, v.draining), f"{v.running}/{v.slots}", rfc3339(v.beat_at))
        for v in shown
    ]
    emit_table(["id", "host", "pid", "state", "jobs", "last beat"], rows)


def _standing(alive: bool, draining: bool) -> str:  # noqa: FBT001 - private, one caller
    if not alive:
        return "gone"
    return "leaving" if draining else "working"
