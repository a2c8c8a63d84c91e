"""A worker whose broker hands out again, every second, what has not been acknowledged within one second."""

import sys
from typing import Any

from cli.main import main
from worker import broker_app
from worker.settings import Settings

IMPATIENT = {"visibility_timeout": 1, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}

ordinary = broker_app._transport_options


def _impatient(settings: Settings) -> dict[str, Any]:
    return ordinary(settings) | IMPATIENT


if __name__ == "__main__":
    broker_app._transport_options = _impatient
    sys.argv[1:] = ["worker"]
    main()
