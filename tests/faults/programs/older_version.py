"""`mediascribe worker` of a version that cannot transcribe yet: `python -m tests.faults.programs.older_version`.

What it leaves for a newer one it leaves for one second instead of thirty.
"""

import sys
from unittest.mock import patch

from tasks import registry


def main() -> None:
    """Run the worker without the kind."""
    from cli.main import main as run
    from worker import attempt

    with patch.object(attempt, "LEFT_FOR_OTHERS_SECONDS", 1.0):
        sys.argv[1:] = ["worker"]
        run()


if __name__ == "__main__":
    known = {name: kind for name, kind in registry.KINDS.items() if name != "transcribe"}
    with patch.object(registry, "KINDS", known):
        main()
