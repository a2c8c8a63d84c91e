"""`python -m benchmarks`: everything that `make bench` measures, in a few minutes on two cores.

JOBS, ROUNDS, HOURS, WORKERS, MINUTES and BACKLOG in the environment make it shorter or longer.
"""

import sys

from benchmarks import limiter, quota, recording, scale, startup, throughput


def main() -> int:
    """One after the other, so that none disturbs another."""
    return max(startup.main(), limiter.main(), recording.main([]), throughput.main([]), quota.main([]), scale.main([]))


if __name__ == "__main__":
    sys.exit(main())
