"""Accepting jobs: a batch and its jobs in one transaction, thousands a statement.

The place in the line is decided here (`turns`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, bindparam, case, exists, literal, select, true, update
from sqlalchemy.types import TypeEngine

from models.base import TypedId, db_after, db_now
from models.batch import Batch
from models.budget import Period, Scope
from models.database import Database, DatabaseConflictError, again_after_conflict
from models.ids import new_id
from models.job import Job
from models.state import JobState
from models.store.budgets import check_limit, put_budget
from models.store.receipts import Request, close_receipt, open_receipt
from models.store.rows import BIG, DOCUMENT, FLAG, INTEGER, REAL, TEXT, RowShape, insert_into
from models.store.turns import Turns, batches_under_way, dispatched_turns, front_of
from models.store.uploads import NewUpload, keep_upload
from models.store.webhooks.outbox import tell_batches

ROWS_PER_STATEMENT = 2_000
CLOSED_AT_ONCE = 100
"""Abandoned batches a transaction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job to be accepted; options were validated before."""

    kind: str
    source: str
    model: str
    lane: str
    max_attempts: int
    options: Mapping[str, Any] = field(default_factory=dict)
    client_ref: str | None = None
    metadata: Mapping[str, Any] | None = None
    priority: int = 0
    idempotency_key: str | None = None
    reuse: bool = True
    owes_reply: bool = False
    deadline_seconds: float | None = None
    upload: NewUpload | None = None
    """The file that its source names, if it came with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewBatch:
    """The batch that jobs are submitted to; the same owner and key is the same batch."""

    owner: str = "default"
    name: str | None = None
    idempotency_key: str | None = None
    budget_usd: Decimal | None = None
    """What may be spent on the batch in all; empty leaves it as it is."""
    open_seconds: float | None = None
    """Further jobs of it are to come within this time; `close_batch` says that it is whole. Empty: it is, as far as is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What was accepted: an id for each job, in order, and which of them are new."""

    batch_id: str
    job_ids: tuple[str, ...]
    new: frozenset[str]


JOB_TYPES: Mapping[str, TypeEngine[Any]] = {
    "id": TypedId("job"), "kind": TEXT, "source": TEXT, "model": TEXT, "lane": TEXT, "max_attempts": INTEGER,
    "options": DOCUMENT, "client_ref": TEXT, "metadata": DOCUMENT, "priority": INTEGER, "idempotency_key": TEXT,
    "reuse": FLAG, "owes_reply": FLAG, "deadline_seconds": REAL, "turn": BIG,
}  # fmt: skip
"""What is said of each new job; owner and batch beside."""
_JOBS = RowShape(name="jobs", types=JOB_TYPES)


@again_after_conflict
def submit(
    database: Database, batch: NewBatch, jobs: Sequence[NewJob], *, request: Request | None = None
) -> Submission:
    """Accept the jobs, all or none. A job whose idempotency key is known is not made again; its id is returned.

    A `request` is done once; its receipt holds `batch_id` and `job_ids`.
    Relies on the unique indexes of (owner, idempotency_key) on batch and job, and on the lock of the batch's row.
    Raises FailureError(invalid_options) naming `budget_usd`; AnsweredBeforeError, KeyReusedError, UploadLostError.
    """
    budget_usd = None if batch.budget_usd is None else check_limit(batch.budget_usd, field="budget_usd")
    with database.write() as connection:
        if request is not None:
            open_receipt(connection, database.dialect, request)
        batch_id, next_turn = _open_batch(connection, database.dialect, batch)
        dispatched = dispatched_turns(connection)
        others = batches_under_way(connection, [batch.owner], front=front_of(dispatched), beside=batch_id)
        turns = Turns(dispatched, others=others[batch.owner], next_turn=next_turn)
        ids: list[str] = []
        new: set[str] = set()
        for start in range(0, len(jobs), ROWS_PER_STATEMENT):
            chunk = jobs[start : start + ROWS_PER_STATEMENT]
            rows = [{"id": new_id("job"), "turn": turns.next(job.priority), **job_row(job)} for job in chunk]
            in_order = sorted(rows, key=lambda row: row["idempotency_key"] or "")  # keys are locked in one order by all
            values = {"batch_id": batch_id, "owner": batch.owner, **_JOBS.parameter(in_order)}
            made = {row.id for row in connection.execute(_job_insert(database.dialect), values)}
            new |= made
            ids += _ids_of(connection, batch.owner, rows, made)
        for job_id, job in zip(ids, jobs, strict=True):
            if job.upload is not None:
                keep_upload(connection, job.upload, job_id)
        is_opened = batch.open_seconds is not None and new  # what is only sent again has been whole before
        opened = {"open_until": db_after(literal(batch.open_seconds))} if is_opened else {}
        connection.execute(update(Batch).where(Batch.id == batch_id).values(next_turn=turns.reached, **opened))
        if budget_usd is not None:
            put_budget(connection, database.dialect, Scope.BATCH, batch_id, limit_usd=budget_usd, period=Period.TOTAL)
        if request is not None:
            close_receipt(connection, request, {"batch_id": batch_id, "job_ids": ids})
    return Submission(batch_id=batch_id, job_ids=tuple(ids), new=frozenset(new))


@again_after_conflict
def close_batch(database: Database, batch_id: str) -> None:
    """No further jobs come in: the batch ends with those that it has. Uses the lock of the batch's row."""
    with database.write() as connection:
        _close(connection, database.dialect, Batch.id == batch_id)


def is_any_abandoned() -> ColumnElement[bool]:
    """Is there a batch that whoever was submitting to it has left open for too long? Uses ix_batch_open."""
    return exists().where(Batch.open_until < db_now())


@again_after_conflict
def close_abandoned(database: Database) -> None:
    """Close what whoever was submitting to it has left open for too long. Uses ix_batch_open."""
    with database.write() as connection:
        _close(connection, database.dialect, Batch.open_until < db_now())


def _close(connection: Connection, dialect: str, which: ColumnElement[bool]) -> None:
    some = select(Batch.id).where(which, Batch.open_until.is_not(None)).order_by(Batch.id).limit(CLOSED_AT_ONCE)
    locked = some.with_for_update().cte("locked")
    closed = update(Batch).where(Batch.id.in_(select(locked.c.id))).values(open_until=None)
    rows = connection.execute(closed.returning(Batch.id, Batch.owner)).all()
    tell_batches(connection, dialect, {row.id: row.owner for row in rows})


def _open_batch(connection: Connection, dialect: str, batch: NewBatch) -> tuple[str, int]:
    """The batch's id and next turn; its row is locked, so that two submitters to one batch take turns."""
    batch_id = new_id("bat")
    values = {
        "id": batch_id, "owner": batch.owner, "name": batch.name, "idempotency_key": batch.idempotency_key,
        "next_turn": 0, "created_at": db_now(),
    }  # fmt: skip
    fresh = insert_into(dialect, Batch).values(**values)
    if batch.idempotency_key is None:
        connection.execute(fresh)
        return batch_id, 0  # nobody else knows it yet
    connection.execute(fresh.on_conflict_do_nothing(index_elements=["owner", "idempotency_key"]))
    known = (Batch.owner == batch.owner) & (Batch.idempotency_key == batch.idempotency_key)
    row = connection.execute(select(Batch.id, Batch.next_turn).where(known).with_for_update()).one_or_none()
    if row is None:
        raise DatabaseConflictError("the batch was purged at this moment")
    return row.id, row.next_turn


def job_row(job: NewJob) -> dict[str, Any]:
    """The job as a row of JOB_TYPES, without id and turn."""
    return {
        "kind": job.kind, "source": job.source, "model": job.model, "lane": job.lane, "max_attempts": job.max_attempts,
        "options": dict(job.options), "client_ref": job.client_ref, "metadata": job.metadata and dict(job.metadata),
        "priority": job.priority, "idempotency_key": job.idempotency_key, "reuse": job.reuse,
        "owes_reply": job.owes_reply, "deadline_seconds": job.deadline_seconds,
    }  # fmt: skip


def _ids_of(connection: Connection, owner: str, rows: list[dict[str, Any]], made: set[str]) -> list[str]:
    """The id of each row's job: the new one, or that of the job with the same key."""
    keys = [row["idempotency_key"] for row in rows if row["id"] not in made]
    if not keys:
        return [row["id"] for row in rows]
    known = select(Job.idempotency_key, Job.id).where(Job.owner == owner, Job.idempotency_key.in_(keys))
    by_key = {row.idempotency_key: row.id for row in connection.execute(known)}
    if len(by_key) < len(set(keys)):
        raise DatabaseConflictError("a job with one of the idempotency keys was purged at this moment")
    return [row["id"] if row["id"] in made else by_key[row["idempotency_key"]] for row in rows]


def job_insert(dialect: str, rows: RowShape, **beside: ColumnElement[Any]) -> Any:
    """INSERT of jobs that are queued; `beside` are columns that are the same in all rows."""
    j = rows.table(dialect).c
    columns: dict[str, Any] = {key: j[key] for key in rows.types if key != "deadline_seconds"} | {
        **beside,
        "state": literal(str(JobState.QUEUED)),
        "created_at": db_now(),
        "deadline_at": case((j.deadline_seconds.is_not(None), db_after(j.deadline_seconds)), else_=None),
    }
    source = select(*columns.values()).where(true())
    return insert_into(dialect, Job).from_select(list(columns), source)


@cache
def _job_insert(dialect: str) -> Executable:
    same = {"batch_id": bindparam("batch_id", type_=TypedId("bat")), "owner": bindparam("owner", type_=TEXT)}
    fresh: Executable = job_insert(dialect, _JOBS, **same).on_conflict_do_nothing().returning(Job.id)
    return fresh
