"""`python -m benchmarks`: everything that `make bench` measures, in a few minutes on two cores.

JOBS, ROUNDS, HOURS, WORKERS, MINUTES and BACKLOG in the environment make it shorter or longer; API_SUBMITS, API_ITEMS, API_JOBS and
API_SINGLES that of the API alone.
"""

import sys

from benchmarks import api, limiter, quota, recording, scale, startup, throughput


def main() -> int:
    """One after the other, so that none disturbs another."""
    parts = (
        startup.main, limiter.main, lambda: api.main([]), lambda: recording.main([]), lambda: throughput.main([]),
        lambda: quota.main([]), lambda: scale.main([]),
    )  # fmt: skip
    return max(part() for part in parts)


if __name__ == "__main__":
    sys.exit(main())
