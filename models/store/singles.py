"""Accepting jobs that come one by one from many clients at the same moment: all of them in one transaction.

Each is a batch of its own, with a receipt of its own where its request may be done only once. What one of them comes to
does nothing to the others: a request that was done before makes no job here, and the rest are stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, null, select, true

from models.base import TypedId, db_now
from models.batch import Batch
from models.database import Database, DatabaseConflictError, again_after_conflict
from models.ids import new_id
from models.receipt import Receipt
from models.store.queries import VIEW_COLUMNS, JobView, job_view
from models.store.receipts import (
    AnsweredBeforeError,
    KeyReusedError,
    Request,
    raise_if_answered,
)
from models.store.rows import BIG, DOCUMENT, TEXT, RowShape, insert_into
from models.store.submit import JOB_TYPES, NewJob, job_insert, job_row
from models.store.turns import Turns, batches_under_way, dispatched_turns, front_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Single:
    """One job of one request."""

    owner: str
    job: NewJob
    request: Request | None = None
    """Where it may be done only once."""


Outcome = JobView | AnsweredBeforeError | KeyReusedError
"""The job as it was stored, or what to tell whoever asked again."""

_BATCHES = RowShape(name="batches", types={"id": TypedId("bat"), "owner": TEXT, "next_turn": BIG})
_JOBS = RowShape(name="jobs", types={**JOB_TYPES, "batch_id": TypedId("bat"), "owner": TEXT})
_RECEIPTS = RowShape(
    name="receipts", types={"owner": TEXT, "request": TEXT, "key": TEXT, "fingerprint": TEXT, "answer": DOCUMENT}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """What a job and its batch will be called."""

    job_id: str
    batch_id: str


@again_after_conflict
def submit_singles(database: Database, singles: Sequence[Single]) -> list[Outcome]:
    """Accept the jobs together; what became of each, in order. Their item keys and budgets do not count here.

    Relies on the primary key of receipt: of equal requests at the same moment, here or elsewhere, one makes the job.
    """
    places = [_Place(job_id=new_id("job"), batch_id=new_id("bat")) for _ in singles]
    with database.write() as connection:
        known = _open_receipts(connection, database.dialect, singles, places)
        fresh = [index for index in range(len(singles)) if index not in known]
        made = _insert(connection, database.dialect, [(singles[index], places[index]) for index in fresh])
    return [known.get(index) or made[place.job_id] for index, place in enumerate(places)]


def _open_receipts(
    connection: Connection, dialect: str, singles: Sequence[Single], places: Sequence[_Place]
) -> dict[int, AnsweredBeforeError | KeyReusedError]:
    """Write the receipts of those that are new; what the others were told before, by their position."""
    asked = {index: single.request for index, single in enumerate(singles) if single.request is not None}
    first: dict[tuple[str, ...], int] = {}
    for index, request in asked.items():
        first.setdefault(_name(request), index)
    rows = [
        _receipt_row(asked[index], places[index]) for _, index in sorted(first.items())
    ]  # locked in one order by all
    written = {first[tuple(row)] for row in _RECEIPTS.run(connection, _receipt_insert(dialect), rows)}
    return {index: _told(connection, request) for index, request in asked.items() if index not in written}


def _receipt_row(request: Request, place: _Place) -> dict[str, Any]:
    answer = {**request.facts, "batch_id": place.batch_id, "job_ids": [place.job_id]}
    return {**dict(zip(_NAME, _name(request), strict=True)), "fingerprint": request.fingerprint, "answer": answer}


def _told(connection: Connection, request: Request) -> AnsweredBeforeError | KeyReusedError:
    """What a request that was done before is to be told."""
    try:
        raise_if_answered(connection, request)
    except (AnsweredBeforeError, KeyReusedError) as told:
        return told
    raise DatabaseConflictError("the receipt of a request was forgotten at this moment")


def _insert(connection: Connection, dialect: str, fresh: Sequence[tuple[Single, _Place]]) -> dict[str, JobView]:
    """Store batches and jobs; the jobs by their ids."""
    if not fresh:
        return {}
    dispatched = dispatched_turns(connection)
    front = front_of(dispatched)
    under_way = batches_under_way(connection, {single.owner for single, _ in fresh}, front=front)
    batches, jobs = [], []
    for single, place in fresh:
        turns = Turns(dispatched, others=under_way[single.owner])
        turn = turns.next(single.job.priority)
        under_way[single.owner] += turns.reached > front
        batches.append({"id": place.batch_id, "owner": single.owner, "next_turn": turns.reached})
        jobs.append(
            {**job_row(single.job), "id": place.job_id, "batch_id": place.batch_id, "owner": single.owner, "turn": turn}
        )
    _BATCHES.run(connection, _batch_insert(dialect), batches)
    rows = _JOBS.run(connection, _single_insert(dialect), jobs)
    return {row.id: job_view(row) for row in rows}


_NAME = ("owner", "request", "key")


def _name(request: Request) -> tuple[str, ...]:
    return request.owner, request.request, request.key


@cache
def _receipt_insert(dialect: str) -> Executable:
    r = _RECEIPTS.table(dialect).c
    source = select(*(r[name] for name in _RECEIPTS.types), db_now()).where(true())
    fresh = insert_into(dialect, Receipt).from_select([*_RECEIPTS.types, "created_at"], source)
    statement: Executable = fresh.on_conflict_do_nothing().returning(Receipt.owner, Receipt.request, Receipt.key)
    return statement


@cache
def _batch_insert(dialect: str) -> Executable:
    b = _BATCHES.table(dialect).c
    source = select(*(b[name] for name in _BATCHES.types), db_now()).where(true())
    statement: Executable = insert_into(dialect, Batch).from_select([*_BATCHES.types, "created_at"], source)
    return statement


@cache
def _single_insert(dialect: str) -> Executable:
    statement: Executable = job_insert(dialect, _JOBS).returning(*VIEW_COLUMNS, null().label("output"))
    return statement
