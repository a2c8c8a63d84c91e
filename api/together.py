"""Single jobs that arrive at nearly the same moment share one transaction: those that come while it is under way are the next.

So the cost of a commit is shared just when there is much to do. Each keeps its own outcome, and is answered after the
commit that stored it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from fastapi import Request

from api.parts import Parts
from models.database import DatabaseNotReadyError, DatabaseUnavailableError
from models.store.singles import Outcome, Single, submit_singles
from worker.grouping import Grouper

MOST_TOGETHER = 64
"""Few enough that none waits long for the others."""

Together = Grouper[Single, Outcome]


def submitting_together(parts: Parts) -> Together:
    """Stores single jobs in groups, for one event loop.

    A group that cannot be stored is done again one by one. Where the database went away nobody knows whether it was
    stored: whoever asks again with their Idempotency-Key finds out.
    """

    def store(singles: Sequence[Single]) -> list[Outcome]:
        outcomes = submit_singles(parts.database, singles)
        parts.submitted()
        return outcomes

    return Grouper(
        store,
        executor=ThreadPoolExecutor(1, thread_name_prefix="mediascribe-submitting"),
        wait_seconds=0.0,
        most=MOST_TOGETHER,
        hopeless=(DatabaseUnavailableError, DatabaseNotReadyError),
    )


async def together_of(request: Request) -> Together:
    """Of the app that serves this request."""
    together: Together = request.app.state.together
    return together
