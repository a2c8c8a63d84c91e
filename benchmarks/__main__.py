"""`python -m benchmarks`: everything that `make bench` measures, and the table of the targets at its end.

SIZE=short is a run of a few minutes, to see that all works; JOBS, ROUNDS, PHOTOS, HOURS, WORKERS, MINUTES, WAVES, IDLE_SECONDS and BACKLOG
in the environment set single sizes, API_SUBMITS, API_ITEMS, API_JOBS and API_SINGLES those of the API.
"""

import sys

from benchmarks import (
    api,
    idle,
    in_flight,
    limiter,
    photo,
    processes,
    quota,
    recording,
    report,
    scale,
    startup,
    throughput,
)


def main() -> int:
    """One after the other, so that none disturbs another."""
    parts = (
        startup.main, limiter.main, idle.main, lambda: throughput.main([]), processes.main, in_flight.main,
        photo.main, lambda: recording.main([]), lambda: api.main([]), lambda: quota.main([]), lambda: scale.main([]),
    )  # fmt: skip
    code = max(part() for part in parts)
    print()
    return max(code, report.main())


if __name__ == "__main__":
    sys.exit(main())
