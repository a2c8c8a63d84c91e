"""Dispatch: keeping the near future announced and the own slots full.

With a broker, the next jobs in line are announced in bundles, up to a window that the live workers can take; the broker
thus never holds more than the near future. Without one, or when it is silent or gone, this worker feeds its own free
slots straight from SQL. Announcing too much, too little or twice is harmless: a claim decides who runs a job.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from models.database import Database
from models.moves import ClaimedJob
from models.store import claims, dispatch
from models.store.outlook import Chore, Outlook, look
from worker.announcing import Announcer, Announcing
from worker.execute import Runner
from worker.lanes import Lanes
from worker.quota.gate import Gate
from worker.window import Pace, free_as_told, to_announce

log = structlog.get_logger(__name__)

MAX_BUNDLE = 32
"""Job ids that one message carries, at most."""

KEEP_AT_MOST = 20_000
"""Announced jobs that one worker keeps; more than any window, and a bound against a flood of forged messages."""

KEEP_UNREAD = 4
"""With more kept ids than so many for each slot, something is wrong with the messages."""

SILENCE_SECONDS = 1.0
"""A worker with free slots that has had no useful bundle for so long looks into SQL itself."""

LOST_AFTER_SECONDS = 5.0
"""An announcement so old, while this worker is idle, is taken for lost."""


def announcing_by(announcer: Announcer, database: Database) -> Announcing:
    """Announces by that announcer; what does not go out is free for anyone."""
    return Announcing(announcer, give_back=partial(dispatch.unannounce, database))


def publish(database: Database, announcing: Announcing, *, alive_seconds: float) -> None:
    """Hand over the next jobs in line to be announced, as far as the workers have room, for who is no worker."""
    outlook = look(database, alive_seconds=alive_seconds)
    hand_over(database, announcing, outlook, to_announce(outlook, free=free_as_told(outlook), per_second=0.0))


def hand_over(database: Database, announcing: Announcing, outlook: Outlook, most: int) -> int:
    """Queue what is due, and hand over up to `most` of the next jobs in line to be announced; how many.

    While the broker is away, an empty bundle now and then finds out whether it is back.
    """
    if outlook.is_due:
        dispatch.wake(database)
    if not (outlook.is_due or outlook.is_free) or not most or not announcing.may_try:
        return 0
    if announcing.trouble:
        announcing.send([[]])
        return 0
    # No more than twice its share each: workers that look at the same moment all see the same gap.
    share = 2 * -(-outlook.slots // max(1, outlook.workers))
    ids = dispatch.announce(database, limit=min(most, share))
    announcing.send(_bundles(ids, workers=outlook.workers))
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
        lanes: Lanes,
        gate: Gate,
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
        self._announcing = announcing_by(announcer, database) if announcer else None
        self._lanes = lanes
        self._gate = gate
        self._batch_id = batch_id
        self._alone = alone
        self._last_bundle = time.monotonic()
        self._trouble: str | None = None
        self._pace = Pace()
        self.workers = 1
        """How many live, as far as the last look told."""
        self._kept: deque[str] = deque(maxlen=KEEP_AT_MOST)
        """Announced jobs that there was no room for yet."""
        self._keeping = threading.Lock()

    def accept(self, bundle: Sequence[str]) -> int:
        """A bundle has come: take what there is room for, keep the rest for the next ticks; how many were taken.

        Never waits, so that Celery's few threads stay free for producers. What is kept too long is announced again,
        and a worker with nothing to do takes it.
        """
        with self._keeping:
            self._kept.extend(bundle)
        taken = self._take_kept()
        if taken or not self._runner.free:  # messages that bring no work are silence
            self._last_bundle = time.monotonic()
        return taken

    def tick(self, chores: frozenset[Chore] = frozenset()) -> Outlook:
        """Take what was kept, announce, or feed the own slots; what there is to do, also of `chores`.

        Raises DatabaseUnavailableError.
        """
        self._probe()
        self._take_kept()
        outlook = look(self._database, alive_seconds=self._lease_seconds, chores=chores)
        self.workers = outlook.workers
        if self._announcing is not None:
            return replace(outlook, announced=outlook.announced + self._announce(self._announcing, outlook))
        if outlook.is_due:
            dispatch.wake(self._database)
        if outlook.is_due or outlook.is_free or self._alone:
            self._feed(lost_after_seconds=None)
        return outlook

    def _probe(self) -> None:
        """Take a job of each stopped lane that may be tried."""
        for lane in self._lanes.due_for_probe():
            self._runner.take(partial(self._claim_probe, lane), 1)

    def _claim_probe(self, lane: str, _room: int) -> list[ClaimedJob]:
        jobs = claims.claim_probe(
            self._database, lane, worker_id=self._worker_id, lease_seconds=self._lease_seconds,
            batch_id=self._batch_id, alone=self._alone,
        )  # fmt: skip
        return self._lanes.begin_probe(lane, jobs)

    def leave(self) -> None:
        """Let others have the jobs that were kept. Raises DatabaseUnavailableError."""
        with self._keeping:
            kept = list(self._kept)
            self._kept.clear()
        if kept:
            dispatch.unannounce(self._database, kept)

    def _announce(self, announcing: Announcing, outlook: Outlook) -> int:
        """Announce what there is room for, where each of the workers is taken to be as busy as this one; how many.

        Where no message comes, or brings nothing, feed the own slots.
        """
        free = self._gate.room(self._runner.free) * outlook.workers
        per_second = self._pace.per_second() * outlook.workers
        announced = hand_over(
            self._database, announcing, outlook, to_announce(outlook, free=free, per_second=per_second)
        )
        trouble = announcing.trouble
        self._tell(trouble)
        is_silent = time.monotonic() - self._last_bundle > SILENCE_SECONDS
        if (is_silent or trouble) and (outlook.is_free or outlook.announced):
            taken = self._feed(lost_after_seconds=LOST_AFTER_SECONDS)
            if not taken and self._runner.free:
                # A long line of lanes that have to wait is not to be walked at each tick.
                self._last_bundle = time.monotonic()
        return announced

    def _tell(self, trouble: str | None) -> None:
        """Log when the broker goes and comes."""
        if trouble and not self._trouble:
            log.warning("the broker is down; feeding from SQL", reason=trouble)
        elif self._trouble and not trouble:
            log.info("the broker is back")
        self._trouble = trouble

    def _take_kept(self) -> int:
        """Claim kept jobs while there is room; none is looked at twice."""
        with self._keeping:
            self._drop_what_is_not_queued()
            return self._take(self._take_from_kept)

    def _take(self, take: Callable[[int, Sequence[str]], int]) -> int:
        """Take few jobs where they may be of a limited lane, then more of those that are of none; how many.

        `take` is given how many it may take, and of which lanes none.
        """
        crowded, limited = self._gate.crowded_lanes(), self._gate.limited_lanes()
        room = self._gate.room(self._runner.free)
        taken = take(room, crowded)
        self._gate.note_taken(taken)
        if taken == room and len(limited) > len(crowded):  # there are others, and they were not among those
            taken += take(self._runner.free, limited)
        self._pace.note(taken)
        return taken

    def _take_from_kept(self, room: int, not_lanes: Sequence[str]) -> int:
        taken, unseen = 0, len(self._kept)
        while taken < room and unseen and (count := min(room - taken, unseen, self._runner.free)):
            taken += self._runner.take(partial(self._claim_kept, not_lanes), count)
            unseen -= count
        return taken

    def _drop_what_is_not_queued(self) -> None:
        """Of many kept ids, drop those that name no queued job, thousands a statement instead of a handful a claim."""
        if len(self._kept) <= KEEP_UNREAD * self._runner.slots or not self._runner.free:
            return
        queued = dispatch.still_queued(self._database, list(dict.fromkeys(self._kept)))
        self._kept.clear()
        self._kept.extend(queued)

    def _claim_kept(self, not_lanes: Sequence[str], room: int) -> list[ClaimedJob]:
        """Those of the lanes that are left out stay kept."""
        ids = [self._kept.popleft() for _ in range(room)]
        try:
            claimed = claims.claim(
                self._database, ids, worker_id=self._worker_id, lease_seconds=self._lease_seconds,
                not_lanes=[*self._lanes.paused_here(), *not_lanes],
            )  # fmt: skip
        except BaseException:
            self._kept.extend(ids)
            raise
        if not_lanes:
            mine = {job.id for job in claimed}
            self._kept.extend(job_id for job_id in ids if job_id not in mine)
        return claimed

    def _feed(self, *, lost_after_seconds: float | None) -> int:
        def claim(not_lanes: Sequence[str], room: int) -> list[ClaimedJob]:
            return claims.claim_next(
                self._database, limit=room, worker_id=self._worker_id, lease_seconds=self._lease_seconds,
                batch_id=self._batch_id, announced_before_seconds=lost_after_seconds, alone=self._alone,
                not_lanes=[*self._lanes.paused_here(), *not_lanes],
            )  # fmt: skip

        return self._take(lambda room, not_lanes: self._runner.take(partial(claim, not_lanes), room))
