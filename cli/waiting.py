"""Waiting until a batch is done: looks a few times a second, shows where it stands, and knows when waiting is no use.

A wrong key, a missing model or an account that stands still stops the waiting: nothing of the lane can go on before somebody
mends it. Spent quota does not: it comes back by itself. A budget that is spent ends the waiting once nothing of the batch is
in flight.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cli.budget import spent_words
from cli.exits import Exit
from cli.progress import Display, Standing
from cli.signals import Stop
from models.budget import Scope
from models.database import Database, DatabaseUnavailableError
from models.failures import FailureCode
from models.state import LIVE, JobState
from models.store import queries, reports
from models.store.budgets import list_budgets
from models.store.parcels import at_gemini
from models.store.queries import JobFilter, JobView
from models.store.reports import LaneView, Totals
from models.tier import ServiceTier, tier_of

LOOK_SECONDS = 0.25
"""Least time between two looks."""
COST_OF_LOOKING = 20
"""Looking takes at most this fraction of the time: a batch of a million is counted less often."""
HOPELESS = frozenset({FailureCode.GEMINI_AUTH, FailureCode.GEMINI_MODEL_NOT_FOUND, FailureCode.GEMINI_QUOTA})
"""Of a lane that no time opens."""
FAILED = (JobState.FAILED, JobState.PARTIAL)
MOST_IN_HAND = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """Why the waiting ended. `OK` means that every job of the batch is in a final state."""

    code: Exit
    words: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """What is waited for."""

    batch_id: str
    lane: str
    has_recordings: bool
    owner: str = "default"
    baseline: Totals
    """The batch before the work began: what it had cost by then."""
    paused_before: datetime | None = None
    """When the lane was paused that is paused already: whoever works here tries it first."""


def wait_for(
    database: Database, watch: Watch, *, stop: Stop, shown: Display, timeout_seconds: float | None = None
) -> Ended:
    """Wait until the batch is done, or it is no use, or somebody asks to leave, or the time is up.

    A database that goes away in between is waited for: whoever works holds on to what it has.
    Raises DatabaseUnavailableError if it was never there.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    was_there = False
    while True:
        before = time.monotonic()
        ended: Ended | None = None
        try:
            ended = _look(database, watch, shown)
            was_there = True
        except DatabaseUnavailableError:
            if not was_there:
                raise
        if ended is not None and ended.code is Exit.OK:
            return ended
        if stop.asked:
            return Ended(code=Exit.INTERRUPTED)
        if ended is not None:
            return ended
        if deadline is not None and time.monotonic() >= deadline:
            return Ended(code=Exit.TIMED_OUT)
        stop.wait(max(LOOK_SECONDS, COST_OF_LOOKING * (time.monotonic() - before)))


def _look(database: Database, watch: Watch, shown: Display) -> Ended | None:
    """Show how the batch stands; why waiting is over, if it is."""
    totals = reports.totals(database, JobFilter(batch_id=watch.batch_id))
    if totals.done == totals.total:
        return Ended(code=Exit.OK)
    paused = _paused(reports.paused_lanes(database), watch.lane)
    shown.show(_standing(database, watch, totals, paused))
    if paused and _is_hopeless(paused, watch):
        return Ended(code=Exit.NOT_ALLOWED, words=paused.reason or str(paused.code))
    return _spent(database, watch, totals, paused)


def _paused(paused: Sequence[LaneView], name: str) -> LaneView | None:
    """What holds the lane's jobs up: its pause, or that of the fallback that they are asked with; None where they go on."""
    by_name = {lane.name: lane for lane in paused}
    lane = by_name.get(name)
    return by_name.get(lane.fallback_model) if lane and lane.fallback_model else lane


def _is_hopeless(lane: LaneView, watch: Watch) -> bool:
    return lane.code in HOPELESS and _is_for_good(lane, watch)


def _is_for_good(lane: LaneView, watch: Watch) -> bool:
    return lane.paused_until is None and lane.changed_at != watch.paused_before


def _spent(database: Database, watch: Watch, totals: Totals, paused: LaneView | None) -> Ended | None:
    """The end of waiting where money is spent for good and nothing is in flight."""
    if totals.by_state[JobState.RUNNING] or at_gemini(database, batch_id=watch.batch_id).calls:
        return None
    if paused and paused.code == FailureCode.BUDGET_EXCEEDED and _is_for_good(paused, watch):
        return Ended(code=Exit.SOME_FAILED, words=paused.reason or str(paused.code))
    budgets = [
        view
        for scope, name in ((Scope.BATCH, watch.batch_id), (Scope.OWNER, watch.owner))
        for view in list_budgets(database, scope=scope, name=name)
    ]
    words = spent_words(budgets, waiting=totals.total - totals.done)
    return None if words is None else Ended(code=Exit.SOME_FAILED, words=words)


def _standing(database: Database, watch: Watch, totals: Totals, paused: LaneView | None) -> Standing:
    begun = _recordings_in_hand(database, watch.batch_id) if watch.has_recordings else []
    heard = [view for view in begun if view.progress_seconds_total]
    return Standing(
        done=totals.done,
        total=totals.total,
        failed=sum(totals.by_state[state] for state in FAILED),
        cost_usd=totals.cost_usd - watch.baseline.cost_usd,
        reused=totals.reused - watch.baseline.reused,
        clips=(sum(v.progress_done for v in begun), sum(v.progress_total for v in begun)) if begun else None,
        sound=(sum(v.progress_seconds_done or 0.0 for v in heard), sum(v.progress_seconds_total or 0.0 for v in heard))
        if heard
        else None,
        note=_pause_words(paused) if paused else _sent_words(database, watch),
    )


def _recordings_in_hand(database: Database, batch_id: str) -> list[JobView]:
    """The recordings of the batch that have begun and are not done."""
    return [
        view
        for state in LIVE
        for view in queries.list_jobs(
            database, JobFilter(batch_id=batch_id, state=state, kind="transcribe"), limit=MOST_IN_HAND
        )
        if state is JobState.RUNNING or view.progress_done > 0
    ]


def _sent_words(database: Database, watch: Watch) -> str:
    """What is waited for at Gemini, in the economy tier."""
    if tier_of(watch.lane) is not ServiceTier.ECONOMY:
        return ""
    sent = at_gemini(database, batch_id=watch.batch_id)
    return (
        ""
        if sent.since is None
        else (
            f"waiting for {sent.calls:,} answer{'' if sent.calls == 1 else 's'} of batches at Gemini since {local_time(sent.since)}, "
            "up to a day; Ctrl-C stops, the same command goes on"
        )
    )


def _pause_words(lane: LaneView) -> str:
    what = "waiting for quota" if lane.code == FailureCode.GEMINI_QUOTA else f"{lane.name} is paused"
    until = "" if lane.paused_until is None else f" until {local_time(lane.paused_until)}"
    return f"{what}{until} ({lane.reason or lane.code})"


def local_time(moment: datetime) -> str:
    """The time of day here, with the date where it is another day."""
    local, today = moment.astimezone(), datetime.now().astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}"
