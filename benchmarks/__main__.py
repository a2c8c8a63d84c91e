"""`python -m benchmarks`: everything that `make bench` measures, and the table of the targets at its end.

SIZE=short is a run of a few minutes, to see that all works; JOBS, ROUNDS, HOURS, WORKERS, MINUTES, WAVES and IDLE_SECONDS
in the environment set single sizes.
"""

import sys

from benchmarks import idle, in_flight, limiter, processes, quota, recording, report, startup, throughput


def main() -> int:
    """One after the other, so that none disturbs another."""
    code = max(
        startup.main(), limiter.main(), idle.main(), throughput.main([]), processes.main(), in_flight.main(),
        recording.main([]), quota.main([]),
    )  # fmt: skip
    print()
    return max(code, report.main())


if __name__ == "__main__":
    sys.exit(main())
