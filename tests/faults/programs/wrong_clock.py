"""`mediascribe worker` on a machine whose clock is wrong: `python -m tests.faults.programs.wrong_clock SECONDS`.

Whatever asks Python for the time of day is told one that is off by so much; monotonic clocks are right, as they are on
such a machine.
"""

import datetime as dt
import sys
import time


def set_clock(seconds: int) -> None:
    """Shift `time.time`, `time.time_ns`, `datetime.now` and `datetime.utcnow`, before anything else is imported."""
    right_time, right_time_ns, right = time.time, time.time_ns, dt.datetime

    class OfAnyClock(type):
        """Values that C code made are datetimes, too."""

        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, right)

    class Wrong(dt.datetime, metaclass=OfAnyClock):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Wrong":
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> "Wrong":
            return cls.fromtimestamp(time.time(), dt.UTC).replace(tzinfo=None)

    time.time = lambda: right_time() + seconds
    time.time_ns = lambda: right_time_ns() + seconds * 1_000_000_000
    dt.datetime = Wrong  # type: ignore[misc]


if __name__ == "__main__":
    set_clock(int(sys.argv[1]))
    from cli.main import main

    off = dt.datetime.now(dt.UTC).timestamp() - time.clock_gettime(time.CLOCK_REALTIME)
    print(f"{off:.0f} seconds off", flush=True)
    sys.argv[1:] = ["worker"]
    main()
