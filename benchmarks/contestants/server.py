"""mediascribe in its server mode: one worker process that Celery drives, as `mediascribe worker` runs it."""

import sys

from celery import signals

from worker.broker import run_worker
from worker.environment import load_settings
from worker.logs import set_up_logs


def main() -> int:
    """Run until SIGTERM; the exit status."""
    signals.worker_ready.connect(_say_ready, weak=False)
    loaded = load_settings()
    set_up_logs(loaded.settings.log_level)
    return run_worker(loaded)


def _say_ready(**_: object) -> None:
    print("ready", file=sys.__stdout__, flush=True)  # Celery makes log records of what goes to sys.stdout


if __name__ == "__main__":
    sys.exit(main())
