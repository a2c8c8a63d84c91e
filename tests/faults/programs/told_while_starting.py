"""`mediascribe worker` that is told to leave while it starts: `python -m tests.faults.programs.told_while_starting`.

The signal comes inside a destructor, where Python swallows whatever a handler raises.
"""

import os
import signal
import sys
from unittest.mock import patch


class _ToldToLeave:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1_000):  # Python calls the handler between two of these steps
            pass


def _eviction_policy(_url: str) -> None:
    """It works already then, and says so next."""
    _ToldToLeave()


def main() -> None:
    """Run the worker."""
    from cli.main import main as run

    with patch("worker.broker.eviction_policy", _eviction_policy):
        sys.argv[1:] = ["worker"]
        run()


if __name__ == "__main__":
    main()
