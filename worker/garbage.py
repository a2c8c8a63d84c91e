"""Python's collection of garbage in a process that runs for long."""

import gc


def set_aside_what_is_there() -> None:
    """Leave out of every further collection what the process holds by now: all that it imported and started with.

    A full collection would go through it again and again, and hold up every thread for a tenth of a second each time.
    """
    gc.collect()
    gc.freeze()
