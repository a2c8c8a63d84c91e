"""How long `mediascribe --help` takes, from nothing to its end: the median of ten.

python -m benchmarks.startup
"""

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import at_most, show_and_save

TIMES = 10
MOST_MS = 300


def main() -> int:
    """Measure, print, save. The first run fills the disk's cache and does not count."""
    program = shutil.which("mediascribe", path=str(Path(sys.executable).parent))
    if program is None:
        print("mediascribe is not installed beside this Python: run `make venv-dev`")
        return 1
    seconds = [_seconds(program) for _ in range(TIMES + 1)][1:]
    median = statistics.median(seconds)
    figures = {"median_seconds": round(median, 4), "seconds": [round(value, 4) for value in seconds]}
    show_and_save("startup", figures, [at_most("import and --help", 1_000 * median, MOST_MS, " ms", digits=0)])
    return 0


def _seconds(program: str) -> float:
    begun = time.perf_counter()
    subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
