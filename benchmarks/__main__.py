"""`python -m benchmarks`: everything that `make bench` measures, in a few minutes on two cores.

JOBS, ROUNDS, HOURS, WORKERS and MINUTES in the environment make it shorter or longer; API_SUBMITS, API_ITEMS, API_JOBS and
API_SINGLES that of the API alone.
"""

import sys

from benchmarks import api, limiter, quota, recording, startup, throughput


def main() -> int:
    """One after the other, so that none disturbs another."""
    return max(startup.main(), limiter.main(), api.main([]), recording.main([]), throughput.main([]), quota.main([]))


if __name__ == "__main__":
    sys.exit(main())
