"""What a worker costs that has nothing to do: CPU, SQL statements, memory.

    python -m benchmarks.idle

PostgreSQL writes every statement into its log; the lines that the worker's connections caused are counted, BEGIN and
COMMIT, which carry no work, apart. The worker has worked before: its connections are there, its decoders have come and gone.
"""

import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.crew import crew
from benchmarks.report import at_most, show_and_save
from benchmarks.sizes import size
from benchmarks.tree import cpu_seconds, used_bytes
from media.sandbox import SandboxLimits

LOGGED = {"log_statement": "all", "log_line_prefix": "sql "}
STATEMENT = re.compile(r"^sql LOG:  (?:statement|execute [^:]*): (.*)")
BRACKETS = ("BEGIN", "COMMIT", "ROLLBACK")
SETTLE_SECONDS = SandboxLimits().idle_seconds + 15.0
MOST_CPU, MOST_STATEMENTS, MOST_MB = 1.0, 2.0, 150
JOBS = 64


def main() -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    seconds = size("IDLE_SECONDS", full=120, short=30)
    with crew(1, settings={}, pictures=JOBS, postgres=LOGGED) as running:
        running.side.submit("before", running.pictures)
        while running.side.count("before") < JOBS:
            time.sleep(0.2)
        time.sleep(SETTLE_SECONDS)
        cpu, read = cpu_seconds(running.worker_pids), running.postgres_log.stat().st_size
        time.sleep(seconds)
        cpu = cpu_seconds(running.worker_pids) - cpu
        statements = statements_since(running.postgres_log, read)
        memory = used_bytes(running.worker_pids)
    work = sum(number for words, number in statements.items() if words not in BRACKETS)
    rows = [
        at_most("idle worker, CPU of one core", 100 * cpu / seconds, MOST_CPU, " %"),
        at_most("idle worker, SQL statements a second", work / seconds, MOST_STATEMENTS),
        at_most("idle worker, memory of all its processes", memory / 1e6, MOST_MB, " MB", digits=0),
    ]
    figures = {"seconds": seconds, "cpu_seconds": cpu, "bytes": memory, "statements": dict(statements.most_common())}
    show_and_save("idle", figures, rows)
    return 0


def statements_since(log: Path, offset: int) -> Counter[str]:
    """How often each statement stands in the log after that byte, by its first words."""
    with log.open(errors="replace") as lines:
        lines.seek(offset)
        found = (STATEMENT.match(line) for line in lines)
        return Counter(match[1].strip()[:80] for match in found if match)


if __name__ == "__main__":
    sys.exit(main())
