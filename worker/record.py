"""Recording: what attempts came to is stored in groups, each group one transaction, and is never given up.

While the database is away, finished work waits in memory and is stored when it is back; leases tell everybody else
how long that may take.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import structlog

from models.database import Database, DatabaseUnavailableError
from models.moves import Record
from models.store.answers import StoredAnswer, StoredResult, WantedAnswer, find_answers
from models.store.parcelled import StoredCall, find_calls
from models.store.questions import Asker, Asking, ask
from models.store.record import record
from worker.grouping import Grouper

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 0.02
"""How long a group of ended attempts collects."""
LOOK_UP_SECONDS = 0.005
MOST_IN_GROUP = 500
RETRY_SECONDS = 0.5

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def patiently(
    handle: Callable[[Sequence[Item]], Sequence[Answer]], give_up: threading.Event
) -> Callable[[Sequence[Item]], Sequence[Answer]]:
    """The same, repeated for as long as the database is away, unless it is time to give up.

    What it does must be safe to repeat.
    """

    def handled(items: Sequence[Item]) -> Sequence[Answer]:
        while True:
            try:
                return handle(items)
            except DatabaseUnavailableError as error:
                log.warning("the database is away; holding on to finished work", items=len(items), reason=str(error))
                if give_up.wait(RETRY_SECONDS):
                    raise

    return handled


def record_grouper(
    database: Database, executor: Executor, give_up: threading.Event, *, after: Callable[[Sequence[Record]], None]
) -> Grouper[Record, bool]:
    """Stores records in groups and tells for each whether its claim still owned the job; `after` runs after each group."""

    def store(records: Sequence[Record]) -> Sequence[bool]:
        owned = record(database, records)
        after(records)
        return owned

    return Grouper(
        patiently(store, give_up),
        executor=executor,
        wait_seconds=FLUSH_SECONDS,
        most=MOST_IN_GROUP,
        hopeless=DatabaseUnavailableError,
    )


def question_grouper(
    database: Database, executor: Executor, give_up: threading.Event
) -> Grouper[Asking, StoredResult | Asker]:
    """Looks stored results up, and takes questions that have none, in groups."""
    return Grouper(
        patiently(partial(ask, database), give_up),
        executor=executor,
        wait_seconds=LOOK_UP_SECONDS,
        most=MOST_IN_GROUP,
        hopeless=DatabaseUnavailableError,
    )


def answer_grouper(
    database: Database, executor: Executor, give_up: threading.Event
) -> Grouper[WantedAnswer, StoredAnswer | None]:
    """Looks stored answers of clips up in groups."""
    return Grouper(
        patiently(partial(find_answers, database), give_up),
        executor=executor,
        wait_seconds=LOOK_UP_SECONDS,
        most=MOST_IN_GROUP,
        hopeless=DatabaseUnavailableError,
    )


def parcelled_grouper(
    database: Database, executor: Executor, give_up: threading.Event
) -> Grouper[str, list[StoredCall]]:
    """Looks up in groups what jobs have sent in parcels."""
    return Grouper(
        patiently(partial(find_calls, database), give_up),
        executor=executor,
        wait_seconds=LOOK_UP_SECONDS,
        most=MOST_IN_GROUP,
        hopeless=DatabaseUnavailableError,
    )
