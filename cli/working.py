"""Getting a batch done and waiting for it: by a worker inside this process, or, with a broker, by the workers there.

Leaving loses nothing: calls in flight are given time to end, what has not begun goes back to the queue, and the same
command goes on where this one stopped.
"""

import time
from dataclasses import replace
from datetime import datetime

from cli.console import say
from cli.exits import Exit
from cli.progress import display
from cli.signals import Stop
from cli.waiting import Ended, Watch, wait_for
from models.database import Database
from models.store.reports import list_workers, paused_lanes
from worker.bootstrap import Role, Worker, start_worker
from worker.dispatch import announcing_by, publish
from worker.environment import LoadedSettings
from worker.logs import set_up_logs
from worker.settings import Settings

BROKER_SECONDS = 3.0
"""How long a person waits for the broker at most."""


def work_off(
    loaded: LoadedSettings, database: Database, watch: Watch, *, timeout_seconds: float | None = None
) -> Ended:
    """Have the batch worked off and wait for it.

    Raises FailureError(gemini_auth) where this process has to call Gemini and has no key, DatabaseUnavailableError.
    """
    with Stop() as stop:
        if not loaded.settings.embedded:
            announce(loaded.settings, database)
            if not any(worker.alive for worker in list_workers(database, alive_seconds=loaded.settings.lease_seconds)):
                say("no worker is live, so nothing will happen before one is: mediascribe worker")
            with display() as shown:
                return wait_for(database, watch, stop=stop, shown=shown, timeout_seconds=timeout_seconds)
        set_up_logs(quiet_log_level(loaded))
        watch = replace(watch, paused_before=_paused_at(database, watch.lane))
        worker = start_worker(loaded, database, Role(batch_id=watch.batch_id))
        ended = Ended(code=Exit.UNEXPECTED)
        try:
            worker.housekeeper.wake()
            with display() as shown:
                ended = wait_for(database, watch, stop=stop, shown=shown, timeout_seconds=timeout_seconds)
        finally:
            _leave(worker, stop, grace_seconds=0.0 if ended.code is Exit.OK else loaded.settings.grace_seconds)
        return ended


def _paused_at(database: Database, name: str) -> datetime | None:
    return next((lane.changed_at for lane in paused_lanes(database) if lane.name == name), None)


def announce(settings: Settings, database: Database) -> bool:
    """Tell the broker that there is something to do; did that work? It need not: workers look into SQL themselves."""
    from worker.broker_app import announcer_for

    announcing = announcing_by(announcer_for(settings), database)
    publish(database, announcing, alive_seconds=settings.lease_seconds)
    if announcing.wait_until_sent(timeout_seconds=BROKER_SECONDS):
        return True
    why = announcing.trouble or "it is slow"
    say(f"warning: the broker does not answer ({why}); the jobs are stored, and workers find them without it")
    return False


def quiet_log_level(loaded: LoadedSettings) -> str:
    """Only errors beside the progress, unless somebody asked for more."""
    return "error" if loaded.sources["log_level"] == "default" else loaded.settings.log_level


def _leave(worker: Worker, stop: Stop, *, grace_seconds: float) -> None:
    """End the worker; a second Ctrl-C ends the patience."""
    worker.drain()
    in_hand = len(worker.runner.held())
    if in_hand and grace_seconds:
        say(f"finishing the calls in flight of {in_hand} jobs at most; press Ctrl-C {_once(stop)} to stop at once")
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and not stop.at_once:
        if worker.runner.wait_until_idle(timeout_seconds=0.1):
            break
    worker.close(grace_seconds=0.0)


def _once(stop: Stop) -> str:
    return "again" if stop.asked else "twice"
