"""What people ask for: cancel, retry, purge."""

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, literal, select, update

from models.base import db_after, db_now
from models.batch import Batch
from models.budget import Scope
from models.database import Database, again_after_conflict
from models.job import Job, Result
from models.state import MOVES, JobState, Move
from models.store.queries import JobFilter, matching
from models.store.receipts import Request, close_receipt, open_receipt, raise_if_answered
from models.store.tallies import forget_tallies
from models.store.walk import walk_the_index
from models.store.webhooks.log import forget_deliveries
from models.store.webhooks.outbox import ended_columns, tell_ended

SLICE = 1_000
"""Rows a statement when many are changed, so that no lock is held for long."""


def cancel(database: Database, ids: Sequence[str]) -> list[str]:
    """Stop the jobs; the ids of those that were still live.

    Queued and waiting ones end at once, running ones within a beat of their worker. One statement decides for each job
    by the state that it has when its row is locked, so that a claim at the same moment cannot slip through.
    """
    return [job_id for slice_ in _slices(ids) for job_id in _cancel_slice(database, slice_)]


def cancel_batch(database: Database, batch_id: str) -> int:
    """Stop all jobs of a batch, a slice at a time; how many were still live. Uses ix_job_batch."""
    live = and_(Job.batch_id == batch_id, Job.state.in_(MOVES[Move.CANCEL].sources), Job.cancel_requested.is_(False))
    stopped = 0
    while (slice_ := len(_cancel_some(database, live))) > 0:
        stopped += slice_
    return stopped


def _cancel_slice(database: Database, ids: Sequence[str]) -> Sequence[str]:
    return _cancel_some(database, Job.id.in_(ids))


@again_after_conflict
def _cancel_some(database: Database, which: ColumnElement[bool]) -> Sequence[str]:
    with database.write() as connection:
        return cancel_some(connection, which)


def cancel_some(connection: Connection, which: ColumnElement[bool]) -> Sequence[str]:
    """Stop up to a slice of the jobs within a transaction, the lowest ids first; the ids of those that were live."""
    runs = Job.state == JobState.RUNNING
    in_order = select(Job.id).where(which).order_by(Job.id).limit(SLICE).with_for_update().cte("in_order")
    stopped = (
        update(Job)
        .where(Job.id.in_(select(in_order.c.id)), Job.state.in_(MOVES[Move.CANCEL].sources))
        .values(
            cancel_requested=runs,
            state=case((runs, Job.state), else_=str(JobState.CANCELLED)),
            finished_at=case((runs, None), else_=db_now()),
            due_at=None,
            announced_until=None,
            error_code=None,
            error_message=None,
            error_retryable=None,
            error_detail=None,
        )
        .returning(*ended_columns())
    )
    moved = connection.execute(stopped).all()
    tell_ended(connection, connection.dialect.name, moved)
    return [row.id for row in moved]


def retry(database: Database, ids: Sequence[str]) -> list[str]:
    """Queue finished jobs that did not succeed, with all their attempts anew; the ids of those that were."""
    return [job_id for slice_ in _slices(ids) for job_id in _retry_slice(database, slice_, None)]


def retry_once(database: Database, job_id: str, request: Request) -> bool:
    """Queue one job again as the request asks, which is done once; was it possible?

    Raises AnsweredBeforeError, KeyReusedError.
    """
    return bool(_retry_slice(database, [job_id], request))


@again_after_conflict
def _retry_slice(database: Database, ids: Sequence[str], request: Request | None) -> Sequence[str]:
    with database.write() as connection:
        queued = retry_some(connection, Job.id.in_(ids))
        if request is not None and not queued:
            raise_if_answered(connection, request)
        elif request is not None:
            open_receipt(connection, database.dialect, request)
            close_receipt(connection, request, {"job_ids": list(queued)})
        return queued


def retry_some(connection: Connection, which: ColumnElement[bool]) -> Sequence[str]:
    """Queue jobs again within a transaction; the ids of those for which it was possible."""
    again = (
        update(Job)
        .where(which, Job.state.in_(MOVES[Move.RETRY].sources))
        .values(
            state=JobState.QUEUED, finished_at=None, attempts=0, losses=0, due_at=None, announced_until=None,
            deadline_at=None, cancel_requested=False, error_code=None, error_message=None, error_retryable=None,
            error_detail=None,
        )
        .returning(Job.id)
    )  # fmt: skip
    queued = connection.execute(again).scalars().all()
    connection.execute(delete(Result).where(Result.job_id.in_(queued)))
    return queued


@again_after_conflict
def change_lane(database: Database, ids: Sequence[str], lane: str) -> None:
    """Let those of the jobs that have not begun, or wait to be tried again, go on in another lane."""
    for slice_ in _slices(ids):
        waits = (Job.id.in_(slice_), Job.state.in_((JobState.QUEUED, JobState.WAITING)))
        with database.write() as connection:
            connection.execute(update(Job).where(*waits).values(lane=lane))


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + SLICE] for start in range(0, len(ids), SLICE))


def purge(database: Database, *, older_than_seconds: float) -> int:
    """Delete jobs that ended longer ago, with everything of theirs, in slices; how many. Uses ix_job_finished.

    Webhook deliveries that ended longer ago go too.
    """
    forget_deliveries(database, older_than_seconds=older_than_seconds)
    purged = 0
    while (slice_ := _purge_slice(database, older_than_seconds)) > 0:
        purged += slice_
    while _purge_batches(database, older_than_seconds) == SLICE:
        pass
    return purged


@again_after_conflict
def _purge_batches(database: Database, older_than_seconds: float) -> int:
    """Delete some old batches without jobs; how many. Locked before they are judged, so that nobody submits to one meanwhile."""
    empty = ~select(Job.id).where(Job.batch_id == Batch.id).exists()
    old = select(Batch.id).where(empty, Batch.created_at < db_after(literal(-older_than_seconds)))
    with database.write() as connection:
        ids = connection.execute(old.limit(SLICE).with_for_update(skip_locked=True)).scalars().all()
        gone = connection.execute(delete(Batch).where(Batch.id.in_(ids), empty).returning(Batch.id)).scalars().all()
        forget_tallies(connection, Scope.BATCH, gone)
        return len(gone)


@again_after_conflict
def _purge_slice(database: Database, older_than_seconds: float) -> int:
    old = _finished_before(older_than_seconds)
    with database.write() as connection:
        walk_the_index(connection)
        ids = connection.execute(select(Job.id).where(old).order_by(Job.finished_at).limit(SLICE)).scalars().all()
        return connection.execute(delete(Job).where(Job.id.in_(ids), old)).rowcount


def count_purgeable(database: Database, *, older_than_seconds: float) -> int:
    """How many jobs `purge` would delete."""
    with database.read() as connection:
        return connection.execute(select(func.count()).where(_finished_before(older_than_seconds))).scalar_one()


def _finished_before(seconds: float) -> ColumnElement[bool]:
    return Job.finished_at < db_after(literal(-seconds))  # which only final jobs have


def chosen(database: Database, wanted: JobFilter) -> list[str]:
    """The ids of all jobs that match."""
    with database.read() as connection:
        return list(connection.execute(select(Job.id).where(*matching(wanted)).order_by(Job.id)).scalars())
