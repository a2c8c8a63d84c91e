"""Stepping aside: an attempt whose questions are in the spool waits, without a slot, until they are sent."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from worker.retry import Outcome
from worker.work import Work


async def until_sent(work: Work, outcome: Outcome, *, leave_slot: Callable[[], None]) -> Outcome:
    """The outcome with what became of the questions. Whoever cancels it takes them back, as far as they are not sent."""
    if not work.spooled:
        return outcome
    work.prepared = None  # thousands may wait; their bytes are on the disk
    leave_slot()
    told = await asyncio.gather(*work.spooled.values())  # cancels them where it is cancelled itself
    work.failures.update(zip(work.spooled, told, strict=True))
    return replace(outcome, failures=list(work.failures.values()))
