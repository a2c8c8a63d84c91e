"""A process that runs one job alone, for jobs that lost their worker twice: `python -m worker.isolated wrk_…`.

It is a worker like any other, with one slot, that takes only such jobs, one after the other, and ends when none is
left. If a job takes the process down, nothing else goes down with it.
"""

import signal
import sys
import time

from models.ids import is_id
from models.store import dispatch
from worker.bootstrap import Role, start_worker
from worker.environment import load_settings
from worker.logs import set_up_logs
from worker.ready_database import open_ready_database

LOOK_SECONDS = 0.5
"""Between two looks whether there is anything left to do."""


def main(worker_id: str) -> int:
    """Run what has to run alone; 0 when nothing is left."""
    loaded = load_settings()
    # Its parent may be showing progress on the same terminal.
    set_up_logs("warning" if loaded.settings.log_level == "info" else loaded.settings.log_level)
    database = open_ready_database(loaded.settings)
    told_to_leave: list[int] = []  # no event: its lock may be held just when the handler comes
    signal.signal(signal.SIGTERM, lambda number, _: told_to_leave.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's business
    worker = start_worker(loaded, database, Role(worker_id=worker_id, slots=1, alone=True))
    while not told_to_leave:
        time.sleep(LOOK_SECONDS)
        if worker.runner.wait_until_idle(timeout_seconds=0) and not dispatch.any_alone(database):
            break
    worker.close(grace_seconds=loaded.settings.grace_seconds)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not is_id(sys.argv[1], "wrk"):  # noqa: PLR2004 - program and one argument
        sys.exit("usage: python -m worker.isolated wrk_…")
    sys.exit(main(sys.argv[1]))
