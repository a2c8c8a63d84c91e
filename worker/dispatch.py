"""Dispatch: keeping the near future announced and the own slots full.

With a broker, the next jobs in line are announced in bundles, up to a window that the live workers can take; the broker
thus never holds more than the near future. Without one, or when it is silent or gone, this worker feeds its own free
slots straight from SQL. Announcing too much, too little or twice is harmless: a claim decides who runs a job.
"""

import time
from collections.abc import Sequence
from typing import Protocol

import structlog

from models.database import Database
from models.store import dispatch
from worker.execute import Runner

log = structlog.get_logger(__name__)

MAX_BUNDLE = 32
"""Job ids that one message carries, at most."""

WINDOW_PER_SLOT = 2
"""Jobs announced ahead for each slot of a live worker."""

SILENCE_SECONDS = 2.0
"""A worker with free slots that has had no bundle for so long looks into SQL itself."""

LOST_AFTER_SECONDS = 5.0
"""An announcement so old, while this worker is idle, is taken for lost."""


class BrokerDownError(Exception):
    """The message did not go out."""


class Announcer(Protocol):
    """What carries bundles of job ids to the workers."""

    def announce(self, bundle: Sequence[str]) -> None:
        """Send one bundle. Raises BrokerDownError, soon."""


def publish(database: Database, announcer: Announcer, *, alive_seconds: float) -> int:
    """Announce the next jobs in line as far as the window allows; how many. Raises BrokerDownError."""
    dispatch.wake(database)
    room = dispatch.room(database, alive_seconds=alive_seconds)
    window = room.slots * WINDOW_PER_SLOT - room.announced
    if window < max(1, room.slots // 4):
        return 0  # not worth a statement yet
    ids = dispatch.announce(database, limit=window)
    bundles = _bundles(ids, workers=room.workers)
    for position, bundle in enumerate(bundles):
        try:
            announcer.announce(bundle)
        except BrokerDownError:
            dispatch.unannounce(database, [job_id for rest in bundles[position:] for job_id in rest])
            raise
    return len(ids)


def _bundles(ids: Sequence[str], *, workers: int) -> list[Sequence[str]]:
    """The ids in bundles: large enough to be cheap, small enough that every worker gets some."""
    size = max(1, min(MAX_BUNDLE, -(-len(ids) // max(1, workers))))
    return [ids[start : start + size] for start in range(0, len(ids), size)]


class Feeder:
    """Keeps one worker's slots full."""

    def __init__(
        self,
        *,
        database: Database,
        runner: Runner,
        worker_id: str,
        lease_seconds: float,
        announcer: Announcer | None,
        batch_id: str | None = None,
        alone: bool = False,
    ) -> None:
        """Without an `announcer` every job comes straight from SQL.

        With a `batch_id`, only jobs of that batch do; with `alone`, only those that have to run alone.
        """
        self._database = database
        self._runner = runner
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._announcer = announcer
        self._batch_id = batch_id
        self._alone = alone
        self._last_bundle = time.monotonic()
        self._broker_down_since: float | None = None

    def accept(self, bundle: Sequence[str]) -> int:
        """A bundle has come: claim what there is room for; how many jobs were taken. Waits for room, for a while."""
        taken = 0
        rest = list(bundle)
        while rest and not self._runner.draining:
            room = self._runner.wait_for_room(timeout_seconds=dispatch.ANNOUNCED_SECONDS / 2)
            if not room:
                break  # the announcement runs out; somebody announces the rest again
            self._last_bundle = time.monotonic()
            part, rest = rest[:room], rest[room:]
            taken += self._take(part)
        return taken

    def _take(self, ids: Sequence[str]) -> int:
        return self._runner.take(
            lambda room: dispatch.claim(
                self._database, ids[:room], worker_id=self._worker_id, lease_seconds=self._lease_seconds
            ),
            len(ids),
        )

    def tick(self) -> int:
        """Announce, or feed the own slots; how many jobs were taken. Raises DatabaseUnavailableError."""
        if self._announcer is None:
            dispatch.wake(self._database)
            return self._feed(lost_after_seconds=None)
        try:
            publish(self._database, self._announcer, alive_seconds=self._lease_seconds)
        except BrokerDownError as error:
            if self._broker_down_since is None:
                log.warning("the broker is down; feeding from SQL", reason=str(error))
                self._broker_down_since = time.monotonic()
            return self._feed(lost_after_seconds=LOST_AFTER_SECONDS)
        if self._broker_down_since is not None:
            log.info("the broker is back", seconds=round(time.monotonic() - self._broker_down_since, 1))
            self._broker_down_since = None
        if time.monotonic() - self._last_bundle > SILENCE_SECONDS:
            return self._feed(lost_after_seconds=LOST_AFTER_SECONDS)
        return 0

    def _feed(self, *, lost_after_seconds: float | None) -> int:
        return self._runner.take(
            lambda room: dispatch.claim_next(
                self._database, limit=room, worker_id=self._worker_id, lease_seconds=self._lease_seconds,
                batch_id=self._batch_id, announced_before_seconds=lost_after_seconds, alone=self._alone,
            ),
            self._runner.free,
        )  # fmt: skip
