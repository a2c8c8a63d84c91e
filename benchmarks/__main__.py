"""`python -m benchmarks`: everything that `make bench` measures, in a few minutes on two cores.

JOBS, ROUNDS and HOURS in the environment make it shorter or longer.
"""

import sys

from benchmarks import recording, startup, throughput


def main() -> int:
    """One after the other, so that none disturbs another."""
    return max(startup.main(), recording.main([]), throughput.main([]))


if __name__ == "__main__":
    sys.exit(main())
