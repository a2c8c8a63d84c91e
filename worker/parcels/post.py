"""What the parcels' threads work with, and what they say of a call that is under way."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from gemini.batches import Batches
from gemini.files import Files
from gemini.prices import PriceTable
from models.database import Database
from models.failures import Failure, FailureCode, failure
from models.store import parcels
from models.store.parcels import ParcelView
from worker.lanes import Lanes
from worker.settings import Settings

log = structlog.get_logger(__name__)

SLACK_SECONDS = 900.0
"""So long after its batch's deadline a job looks by itself, should nobody have woken it."""
AGAIN_SECONDS = 10.0
"""Between two tries, at least, where nobody says when to come again."""
LONGEST_WAIT_SECONDS = 3_600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """Shared by the threads of a process."""

    database: Database
    worker_id: str
    files: Files
    batches: Batches
    lanes: Lanes
    prices: PriceTable
    settings: Settings
    folder: Path
    """On this machine's disk."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """The worker leaves."""
    wake: Callable[[], None] = lambda: None
    """Jobs were queued."""

    @property
    def lease_seconds(self) -> float:
        """So long a parcel is this worker's that it looks at."""
        return 2 * self.settings.lease_seconds

    def note_trouble(self, lane: str, why: Failure) -> None:
        """What is wrong with a lane is wrong for all calls of it: it pauses."""
        log.warning("a parcel has to wait", lane=lane, code=str(why.code), reason=why.message)
        probe = self.lanes.probe_of(lane)
        action = self.lanes.note(lane, probe, why)
        if action is not None:
            self.lanes.publish(lane, probe, why, action)

    def note_well(self, lane: str) -> None:
        """Gemini took a batch of the lane: if it was stopped, it is open."""
        if self.lanes.probe_of(lane):
            self.lanes.open(lane)

    def postpone(self, parcel: ParcelView, why: Failure | None = None) -> None:
        """Look at the parcel later: when Gemini said, or soon."""
        shortest = min(AGAIN_SECONDS, self.settings.economy_poll_seconds)
        asked = why.retry_after_seconds if why is not None else None
        seconds = min(max(asked or 0.0, shortest), LONGEST_WAIT_SECONDS)
        parcels.postpone(self.database, parcel.id, seconds=seconds)

    def postpone_look(self, parcel: ParcelView) -> None:
        """Look whether its batch is over at the usual time, or as soon as it must be."""
        left = max(parcel.deadline_in_seconds, 0.0)
        usual = self.settings.economy_poll_seconds
        parcels.postpone(self.database, parcel.id, seconds=min(usual, left) if left else min(usual, AGAIN_SECONDS))


def pending(since: datetime, *, deadline_seconds: float) -> Failure:
    """What a job waits with whose question is in a batch."""
    words = (
        f"The question is in a batch at Gemini since {since:%Y-%m-%d %H:%M} UTC; answers take up to a day. The job goes on when "
        "the batch is over; no attempt is spent."
    )
    wait = max(deadline_seconds, 0.0) + SLACK_SECONDS
    return failure(FailureCode.GEMINI_PENDING, words, retry_after_seconds=wait)
