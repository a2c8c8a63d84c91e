"""The life of a parcel: stored before it leaves, uploaded, sent, over, gone. `parcelled` has its calls.

Every verb applies only from the state that it is legal from, so that of two workers that are at the same parcel one does
nothing. Who looks at a parcel moves its due time on first, which is as good as a lease: parcels of workers that were lost in
the middle come up again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, literal, or_, select, update

from models.attempt import Call
from models.base import db_after, db_now, db_seconds_until
from models.database import Database, again_after_conflict
from models.failures import FailureCode
from models.ids import new_id
from models.job import Job
from models.parcel import Parcel, ParcelledCall, ParcelledState, ParcelState
from models.state import FINAL, JobState
from models.store.holds import end_holds
from models.store.rows import insert_into
from models.worker import Worker

UNDER_WAY = (ParcelState.SENDING, ParcelState.UPLOADED, ParcelState.SENT)
SLICE = 1_000
LONGEST_SENDING_SECONDS = 2 * 3_600.0
"""No upload takes so long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewParcel:
    """A parcel that is about to leave."""

    id: str
    lane: str
    model: str
    worker_id: str
    deadline_seconds: float
    """After so long its batch is stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParcelView:
    """A parcel as it stands."""

    id: str
    state: ParcelState
    lane: str
    model: str
    input_file: str | None
    output_file: str | None
    batch_name: str | None
    creations: int
    created_at: datetime
    sent_at: datetime | None
    deadline_in_seconds: float
    """Negative: it has passed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AtGemini:
    """What is under way in batches."""

    batches: int
    calls: int
    since: datetime | None
    """When the oldest of them left."""


def new_parcel_id() -> str:
    """An identifier that no parcel has."""
    return new_id("par")


def display_name(parcel_id: str) -> str:
    """Under which the parcel's file and its batch are found at Gemini."""
    return f"mediascribe-{parcel_id}"


def put_parcel(connection: Connection, dialect: str, parcel: NewParcel) -> None:
    """Store a parcel that is about to leave, within a transaction; twice is as good as once.

    It is due at once, but only where its worker is lost.
    """
    fresh = insert_into(dialect, Parcel).values(
        id=parcel.id, state=ParcelState.SENDING, lane=parcel.lane, model=parcel.model, worker_id=parcel.worker_id,
        creations=0, created_at=db_now(), deadline_at=db_after(literal(parcel.deadline_seconds)),
        due_at=db_now(),
    )  # fmt: skip
    connection.execute(fresh.on_conflict_do_nothing())


@again_after_conflict
def note_uploaded(database: Database, parcel_id: str, *, input_file: str, lease_seconds: float) -> bool:
    """Its lines are at Gemini; False where the parcel was dropped meanwhile. Uses the primary key, as the next ones do."""
    values = {"state": ParcelState.UPLOADED, "input_file": input_file, "due_at": db_after(literal(lease_seconds))}
    return _move(database, parcel_id, ParcelState.SENDING, values)


@again_after_conflict
def note_creation(database: Database, parcel_id: str, *, known: int, lease_seconds: float) -> bool:
    """A batch is about to be asked for; False where it is not to be, or somebody else has asked since `known` creations."""
    values = {"creations": Parcel.creations + 1, "due_at": db_after(literal(lease_seconds))}
    return _move(database, parcel_id, ParcelState.UPLOADED, values, Parcel.creations == known)


@again_after_conflict
def note_sent(database: Database, parcel_id: str, *, batch_name: str, due_seconds: float) -> bool:
    """Its batch is known; False where the parcel has another one by now, or is gone."""
    values = {
        "state": ParcelState.SENT, "batch_name": batch_name, "sent_at": db_now(), "due_at": db_after(literal(due_seconds))
    }  # fmt: skip
    return _move(database, parcel_id, ParcelState.UPLOADED, values)


@again_after_conflict
def note_over(database: Database, parcel_id: str, *, output_file: str | None) -> bool:
    """None of its calls is under way any more; it is to be tidied up at once."""
    values = {"state": ParcelState.OVER, "output_file": output_file, "due_at": db_now()}
    return any(_move(database, parcel_id, state, values) for state in (ParcelState.SENT, ParcelState.UPLOADED))


@again_after_conflict
def note_deleted(database: Database, parcel_id: str) -> bool:
    """Nothing of it is left at Gemini."""
    return _move(database, parcel_id, ParcelState.OVER, {"input_file": None, "output_file": None, "batch_name": None})


def _move(
    database: Database, parcel_id: str, source: ParcelState, values: dict[str, Any], *where: ColumnElement[bool]
) -> bool:
    moved = update(Parcel).where(Parcel.id == parcel_id, Parcel.state == source, *where).values(**values)
    with database.write() as connection:
        return connection.execute(moved).rowcount > 0


@again_after_conflict
def postpone(database: Database, parcel_id: str, *, seconds: float) -> None:
    """Look at it again after so long."""
    later = update(Parcel).where(Parcel.id == parcel_id).values(due_at=db_after(literal(seconds)))
    with database.write() as connection:
        connection.execute(later)


def is_any_due(*, silent_seconds: float) -> ColumnElement[bool]:
    """Is there a parcel that is to be looked at? Uses ix_parcel_due."""
    return exists().where(_is_due(silent_seconds))


def take_due(database: Database, *, lease_seconds: float, silent_seconds: float) -> ParcelView | None:
    """A parcel that is to be looked at; for `lease_seconds` nobody else gets it. Uses ix_parcel_due.

    One that is being sent is only another worker's when its own has been silent for `silent_seconds`, or has left.
    """
    due = select(Parcel.id).where(_is_due(silent_seconds)).order_by(Parcel.due_at).limit(1)
    with database.read() as connection:
        if connection.execute(due).first() is None:
            return None
    with database.write() as connection:
        parcel_id = connection.execute(due.with_for_update(skip_locked=True)).scalar()
        if parcel_id is None:
            return None
        connection.execute(update(Parcel).where(Parcel.id == parcel_id).values(due_at=db_after(literal(lease_seconds))))
        return _view(connection.execute(_views().where(Parcel.id == parcel_id)).one())


def get_parcel(database: Database, parcel_id: str) -> ParcelView | None:
    """The parcel, if it is there."""
    with database.read() as connection:
        row = connection.execute(_views().where(Parcel.id == parcel_id)).first()
    return None if row is None else _view(row)


def _is_due(silent_seconds: float) -> ColumnElement[bool]:
    return and_(Parcel.due_at <= db_now(), _is_anybodys(silent_seconds))


def _is_anybodys(silent_seconds: float) -> ColumnElement[bool]:
    is_alive = exists().where(
        Worker.id == Parcel.worker_id, Worker.stopped_at.is_(None), Worker.beat_at > db_after(literal(-silent_seconds))
    )
    is_forgotten = Parcel.created_at < db_after(literal(-LONGEST_SENDING_SECONDS))
    return or_(Parcel.state != ParcelState.SENDING, ~is_alive, is_forgotten)


def _views() -> Select[Any]:
    names = [name for name in ParcelView.__slots__ if name != "deadline_in_seconds"]
    left = db_seconds_until(Parcel.deadline_at).label("deadline_in_seconds")
    return select(*(getattr(Parcel, name) for name in names), left)


def _view(row: Any) -> ParcelView:
    return ParcelView(**{**row._mapping, "state": ParcelState(row.state)})  # noqa: SLF001 - public by its documentation


@again_after_conflict
def drop(database: Database, parcel_id: str, *, state: ParcelState) -> int:
    """Forget a parcel that came to no batch: its calls were not made, their jobs are packed anew; how many calls.

    What was held for them is free again. A parcel that is in another state by now stays.
    """
    dropped = (Parcel.id == parcel_id, Parcel.state == state)
    with database.write() as connection:
        locked = connection.execute(select(Parcel.id).where(*dropped).with_for_update()).scalar()
        if locked is None:
            return 0
        calls = delete(ParcelledCall).where(ParcelledCall.parcel_id == parcel_id)
        rows = connection.execute(calls.returning(ParcelledCall.id, ParcelledCall.job_id)).all()
        connection.execute(delete(Parcel).where(Parcel.id == parcel_id))
        for start in range(0, len(rows), SLICE):
            wake_waiting(connection, [row.job_id for row in rows[start : start + SLICE]])
        end_holds(connection, database.dialect, [row.id for row in rows])  # after all jobs, as whoever records does it
    return len(rows)


def wake_waiting(connection: Connection, job_ids: Sequence[str]) -> None:
    """Queue those of the jobs that wait for batches of which none is under way any more. Uses the primary key.

    They are locked first: a worker that is just storing that one of them waits has either stored it, and the job is seen to wait,
    or looks itself after the calls are seen to be gone.
    """
    lock_jobs(connection, job_ids)
    waits = (Job.id.in_(job_ids), Job.state == JobState.WAITING, Job.error_code == FailureCode.GEMINI_PENDING)
    woken = update(Job).where(*waits, ~_has_open_call())
    connection.execute(woken.values(state=JobState.QUEUED, due_at=None, announced_until=None))


def lock_jobs(connection: Connection, job_ids: Sequence[str]) -> None:
    """Nobody moves them until the transaction ends; the statements after it see how they stand. Uses the primary key."""
    connection.execute(select(Job.id).where(Job.id.in_(job_ids)).order_by(Job.id).with_for_update(key_share=True))


def _has_open_call() -> ColumnElement[bool]:
    """Has the job a call that is under way? Uses ix_parcelled_call_job."""
    return exists().where(ParcelledCall.job_id == Job.id, ParcelledCall.state == ParcelledState.UNDER_WAY)


@again_after_conflict
def tidy(database: Database, parcel_id: str) -> int:
    """Of a parcel that is over: wake jobs that wait for it still, forget calls that nobody needs; how many are left.

    A call is needed until it is booked and its job is in a final state, as each attempt begins with it. A parcel without
    calls, and with nothing left at Gemini, goes.
    """
    mine = ParcelledCall.parcel_id == parcel_id
    with database.write() as connection:
        jobs = connection.execute(select(ParcelledCall.job_id).where(mine).distinct()).scalars().all()
        for start in range(0, len(jobs), SLICE):
            wake_waiting(connection, jobs[start : start + SLICE])
        is_live = exists().where(Job.id == ParcelledCall.job_id, Job.state.not_in([str(state) for state in FINAL]))
        is_booked = or_(ParcelledCall.state == ParcelledState.UNANSWERED, exists().where(Call.id == ParcelledCall.id))
        connection.execute(delete(ParcelledCall).where(mine, is_booked, ~is_live))
        left = connection.execute(select(func.count()).select_from(ParcelledCall).where(mine)).scalar_one()
        if not left:
            clean = (Parcel.input_file.is_(None), Parcel.output_file.is_(None), Parcel.batch_name.is_(None))
            connection.execute(delete(Parcel).where(Parcel.id == parcel_id, Parcel.state == ParcelState.OVER, *clean))
    return left


def at_gemini(database: Database, *, batch_id: str | None = None) -> AtGemini:
    """What is under way in batches at Gemini, of one batch of ours or of all."""
    mine = [ParcelledCall.state == ParcelledState.UNDER_WAY, Parcel.state.in_(UNDER_WAY)]
    if batch_id is not None:
        mine.append(ParcelledCall.batch_id == batch_id)
    query = select(
        func.count(ParcelledCall.parcel_id.distinct()), func.count(), func.min(Parcel.created_at)
    ).join_from(ParcelledCall, Parcel, Parcel.id == ParcelledCall.parcel_id)  # fmt: skip
    with database.read() as connection:
        batches, calls, since = connection.execute(query.where(*mine)).one()
    return AtGemini(batches=batches, calls=calls, since=since)
