"""mediascribe in its embedded mode, alone in a process: one worker on SQLite, until SIGTERM.

It is given its settings by the environment, as always. Decoding processes import this module anew, as they import the
command `mediascribe` in earnest: so nothing heavy is imported before `main`.
"""

import signal
import threading


def main() -> None:
    """Work until told to leave."""
    from worker.bootstrap import start_worker
    from worker.environment import load_settings
    from worker.logs import set_up_logs
    from worker.ready_database import open_ready_database

    leave = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leave.set())
    loaded = load_settings()
    set_up_logs(loaded.settings.log_level)
    worker = start_worker(loaded, open_ready_database(loaded.settings))
    print("ready", flush=True)
    leave.wait()
    worker.close(grace_seconds=1.0)


if __name__ == "__main__":
    main()
