"""Money before the call: holding what it may cost under every budget that its job comes under.

Most jobs come under none. That is asked once a second for each batch, owner and lane, so that they cost no statement; a budget
that is set while jobs run is thus minded a second later.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from models.budget import Period, Scope
from models.database import Database, DatabaseUnavailableError
from models.failures import Failure, FailureCode, failure
from models.moves import ClaimedJob
from models.store.budgets import Target, under_budget
from models.store.holds import Denial, Want, presume, release, reserve
from worker.grouping import Grouper
from worker.record import LOOK_UP_SECONDS, MOST_IN_GROUP, patiently
from worker.shapes import usd_words

KNOWN_SECONDS = 1.0
"""How long it is believed whether there is a budget."""
MOST_KNOWN = 10_000
AGAIN_SECONDS = 1.0
"""When to ask again: calls in flight may have ended; jobs of a spent batch or owner are held back by dispatch meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unused:
    """A hold whose call will not be recorded."""

    call_id: str
    was_sent: bool


class Budgets:
    """Holds and gives back money for calls, in groups. Lives on one event loop."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        give_up: threading.Event,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """While the database is away, askers wait, until `give_up`: nothing is called unheld."""
        self._clock = clock
        self._known: dict[Target, tuple[bool, float]] = {}
        how = {"executor": executor, "wait_seconds": LOOK_UP_SECONDS, "most": MOST_IN_GROUP}
        away = DatabaseUnavailableError
        self._under: Grouper[Target, bool] = Grouper(
            patiently(partial(under_budget, database), give_up),
            hopeless=away,
            **how,  # type: ignore[arg-type]
        )
        # One queue for both: the end of a hold must not come before the hold, whose asker may be gone before it is made.
        self._holds: Grouper[Want | _Unused, Denial | None] = Grouper(
            patiently(partial(_hold_and_end, database), give_up),
            hopeless=away,
            **how,  # type: ignore[arg-type]
        )

    async def hold(
        self, job: ClaimedJob, call_id: str, most_usd: Callable[[], Decimal], *, lane: str
    ) -> Failure | None:
        """Hold the most that a call may cost; why it must not be made, or None where it may.

        The amount is asked for only where there is a budget. The hold ends when the call is recorded under the same id. Raises DatabaseUnavailableError once it is given up.
        """
        target = Target(batch_id=job.batch_id, owner=job.owner, lane=lane)
        if not await self._is_under(target):
            return None
        denial = await self._holds.ask(
            Want(call_id=call_id, job_id=job.id, worker_id=job.worker_id, target=target, amount_usd=most_usd())
        )
        return None if denial is None else why_denied(denial)

    async def give_back(self, call_id: str, *, was_sent: bool) -> None:
        """End the hold of a call that will not be recorded, if there is one. Raises DatabaseUnavailableError.

        Whether there is a budget does not matter: it may have been lifted since. What was sent and broken off may be on Google's
        bill: its hold is presumed to be spent.
        """
        await self._holds.ask(_Unused(call_id=call_id, was_sent=was_sent))

    async def _is_under(self, target: Target) -> bool:
        known = self._known.get(target)
        if known is not None and known[1] > self._clock():
            return known[0]
        is_under = await self._under.ask(target)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[target] = (is_under, self._clock() + KNOWN_SECONDS)
        return is_under


def _hold_and_end(database: Database, items: Sequence[Want | _Unused]) -> Sequence[Denial | None]:
    """Safe to repeat as a whole: whoever holds anew for the same call ends the hold before."""
    wants = [item for item in items if isinstance(item, Want)]
    unused = [item for item in items if isinstance(item, _Unused)]
    denials = iter(reserve(database, wants) if wants else ())
    for end, ids in (
        (release, [item.call_id for item in unused if not item.was_sent]),
        (presume, [item.call_id for item in unused if item.was_sent]),
    ):
        if ids:
            end(database, ids)
    return [next(denials) if isinstance(item, Want) else None for item in items]


def why_denied(denial: Denial) -> Failure:
    """The failure that a job waits with. One of a lane pauses it, until the day ends where it is a day's budget."""
    pauses = denial.is_spent and denial.scope is Scope.LANE
    return failure(
        FailureCode.BUDGET_EXCEEDED,
        _words(denial),
        retry_after_seconds=denial.ends_in_seconds if pauses else AGAIN_SECONDS,
        pauses_lane=pauses,
        scope=str(denial.scope),
        name=denial.name,
        period=str(denial.period),
        limit_usd=str(denial.limit_usd),
        spent_usd=str(denial.spent_usd),
        held_usd=str(denial.held_usd),
    )


def _words(denial: Denial) -> str:
    whose = "the batch" if denial.scope is Scope.BATCH else f"{denial.scope} {denial.name}"
    limit = usd_words(denial.limit_usd) + (" a day" if denial.period is Period.DAY else "")
    what = f"the budget of {limit} of {whose}"
    spent, amount = usd_words(denial.spent_usd), usd_words(denial.amount_usd)
    if not denial.is_spent:
        return f"{what} is held for calls in flight (spent {spent}); trying again when they have ended"
    rest = f"{what} is spent ({spent}; the next call may cost {amount}): "
    return rest + ("raise it, or wait for the next day" if denial.period is Period.DAY else "raise it to go on")
