"""The calls in parcels: stored before they leave, answered or not, and found again by the jobs that asked.

A question about a clip is under way once: its job finds the call here before it asks again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, delete, exists, literal, select, update

from models.attempt import Call
from models.base import TypedId, db_seconds_until
from models.budget import Hold
from models.database import Database, again_after_conflict
from models.job import Job
from models.moves import CallRecord, ClaimedJob, Record
from models.parcel import Parcel, ParcelledCall, ParcelledState
from models.state import FINAL, JobState
from models.store.calls import count_usage, insert_calls
from models.store.holds import end_holds, presume_spent
from models.store.parcels import NewParcel, lock_jobs, put_parcel, wake_waiting
from models.store.rows import INTEGER, TEXT, RowShape, insert_into
from models.store.spending import count_spending

_PACKED = RowShape(
    name="packed",
    types={"id": TypedId("cal"), "job_id": TypedId("job"), "claim": INTEGER, "clip": INTEGER, "clip_hash": TEXT},
)
_LINES = RowShape(name="lines", types={"id": TypedId("cal"), "line": TEXT})


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedCall:
    """A call that is to leave with a parcel."""

    id: str
    job_id: str
    claim: int
    clip: int
    clip_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCall:
    """A call of a parcel, as its job finds it."""

    id: str
    clip_hash: str
    state: ParcelledState
    line: str | None
    """What the batch wrote, of an answered one."""
    is_booked: bool
    """An earlier attempt has judged its answer and counted it."""
    since: datetime
    """When its parcel left."""
    deadline_in_seconds: float
    """Until its batch is stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenCall:
    """A call of a parcel that is not booked."""

    id: str
    clip: int
    line: str | None = None


@again_after_conflict
def store_parcel(database: Database, parcel: NewParcel, calls: Sequence[PackedCall]) -> set[str]:
    """Store a parcel and those of its calls whose jobs are still its worker's, and wanted; the ids of these.

    From then on they are waited for and not asked again. Where none is left, the parcel is not stored either. What was held
    for the others is free again. Uses the primary key of job. Twice is as good as once.
    """
    rows = [{name: getattr(call, name) for name in PackedCall.__slots__} for call in calls]
    with database.write() as connection:
        # Or another worker may claim and pack them meanwhile.
        lock_jobs(connection, sorted({call.job_id for call in calls}))
        put_parcel(connection, database.dialect, parcel)
        _PACKED.run(connection, _packed_insert(database.dialect, parcel.id), rows)
        mine = select(ParcelledCall.id).where(ParcelledCall.parcel_id == parcel.id)
        kept = set(connection.execute(mine).scalars())
        if not kept:
            connection.execute(delete(Parcel).where(Parcel.id == parcel.id))
        end_holds(connection, database.dialect, [call.id for call in calls if call.id not in kept])
    return kept


def _packed_insert(dialect: str, parcel_id: str) -> Executable:
    p = _PACKED.table(dialect).c
    parcel, state = literal(parcel_id, TypedId("par")), literal(str(ParcelledState.UNDER_WAY))
    wanted = (Job.id == p.job_id, Job.claim == p.claim, Job.state == JobState.RUNNING, ~Job.cancel_requested)
    rows = select(p.id, parcel, p.job_id, Job.batch_id, Job.owner, p.claim, p.clip, p.clip_hash, state).where(*wanted)
    names = ["id", "parcel_id", "job_id", "batch_id", "owner", "claim", "clip", "clip_hash", "state"]
    fresh: Executable = insert_into(dialect, ParcelledCall).from_select(names, rows).on_conflict_do_nothing()
    return fresh


def find_calls(database: Database, job_ids: Sequence[str]) -> list[list[StoredCall]]:
    """For each job, its calls in parcels. Uses ix_parcelled_call_job."""
    booked = exists().where(Call.id == ParcelledCall.id).label("is_booked")
    left = db_seconds_until(Parcel.deadline_at).label("deadline_in_seconds")
    columns = (ParcelledCall.job_id, ParcelledCall.id, ParcelledCall.clip_hash, ParcelledCall.state, ParcelledCall.line)
    query = select(*columns, booked, left, Parcel.created_at).join(Parcel, Parcel.id == ParcelledCall.parcel_id)
    found: dict[str, list[StoredCall]] = {}
    with database.read() as connection:
        for row in connection.execute(query.where(ParcelledCall.job_id.in_(set(job_ids))).order_by(ParcelledCall.id)):
            stored = StoredCall(
                id=row.id, clip_hash=row.clip_hash, state=ParcelledState(row.state), line=row.line,
                is_booked=bool(row.is_booked), since=row.created_at, deadline_in_seconds=row.deadline_in_seconds,
            )  # fmt: skip
            found.setdefault(row.job_id, []).append(stored)
    return [found.get(job_id, []) for job_id in job_ids]


def open_calls(database: Database, parcel_id: str) -> dict[str, OpenCall]:
    """The calls of a parcel that are under way, by their ids. Uses ix_parcelled_call_parcel."""
    query = select(ParcelledCall.id, ParcelledCall.clip).where(
        ParcelledCall.parcel_id == parcel_id, ParcelledCall.state == ParcelledState.UNDER_WAY
    )
    with database.read() as connection:
        return {row.id: OpenCall(id=row.id, clip=row.clip) for row in connection.execute(query)}


def answers_in_vain(database: Database, parcel_id: str) -> list[OpenCall]:
    """The answered calls of a parcel whose jobs will not use them: these have ended otherwise, or are gone."""
    is_live = exists().where(Job.id == ParcelledCall.job_id, Job.state.not_in([str(state) for state in FINAL]))
    query = select(ParcelledCall.id, ParcelledCall.clip, ParcelledCall.line).where(
        ParcelledCall.parcel_id == parcel_id, ParcelledCall.state == ParcelledState.ANSWERED, ~is_live,
        ~exists().where(Call.id == ParcelledCall.id),
    )  # fmt: skip
    with database.read() as connection:
        return [OpenCall(id=row.id, clip=row.clip, line=row.line) for row in connection.execute(query)]


@again_after_conflict
def put_answers(database: Database, parcel_id: str, lines: Mapping[str, str]) -> int:
    """Keep the answers of calls that are under way, by their ids, and let their jobs go on; how many were kept."""
    line = _LINES.table(database.dialect).c
    kept = (
        update(ParcelledCall)
        .where(
            ParcelledCall.id == line.id,
            ParcelledCall.parcel_id == parcel_id,
            ParcelledCall.state == ParcelledState.UNDER_WAY,
        )
        .values(state=ParcelledState.ANSWERED, line=line.line)
        .returning(ParcelledCall.job_id)
    )
    rows = [{"id": call_id, "line": text} for call_id, text in sorted(lines.items())]
    with database.write() as connection:
        jobs = [row.job_id for row in _LINES.run(connection, kept, rows)]
        wake_waiting(connection, sorted(set(jobs)))
    return len(jobs)


@again_after_conflict
def book(database: Database, parcel_id: str, calls: Sequence[CallRecord]) -> int:
    """Count calls that their jobs have no use for, what was paid for them included, and let the jobs go on; how many.

    Each is counted once: what was booked before is left alone. Of a job that is gone only the spending is counted. Where
    nobody knows whether a call was paid for (no HTTP status, no tokens), what was held for it is presumed to be spent.
    """
    known = {call.id: call for call in calls}
    ended = (
        update(ParcelledCall)
        .where(
            ParcelledCall.id.in_(known),
            ParcelledCall.parcel_id == parcel_id,
            ParcelledCall.state != ParcelledState.UNANSWERED,
        )
        .values(state=ParcelledState.UNANSWERED, line=None)
        .returning(
            ParcelledCall.id, ParcelledCall.job_id, ParcelledCall.batch_id, ParcelledCall.owner, ParcelledCall.claim
        )
    )
    with database.write() as connection:
        rows = sorted(connection.execute(ended).all(), key=lambda row: (row.job_id, row.id))
        records = [Record(job=_holder(row), calls=(known[row.id],)) for row in rows]
        _count(connection, database.dialect, records)
        wake_waiting(connection, sorted({row.job_id for row in rows}))
    return len(rows)


def _count(connection: Connection, dialect: str, records: Sequence[Record]) -> None:
    ids = {r.job.id for r in records}
    there = set(connection.execute(select(Job.id).where(Job.id.in_(ids))).scalars())
    of_jobs = [r for r in records if r.job.id in there]
    new = insert_calls(connection, dialect, of_jobs)
    count_usage(connection, dialect, of_jobs, new)
    gone = {call.id for r in records if r.job.id not in there for call in r.calls}
    calls = [call for r in records for call in r.calls]
    unknown = [call.id for call in calls if call.http_status is None and not call.input_tokens]
    presume_spent(connection, dialect, Hold.id.in_(unknown))
    end_holds(connection, dialect, [call.id for call in calls])
    count_spending(connection, dialect, records, new | gone)


def _holder(row: Any) -> ClaimedJob:
    """Whom the call is charged to; of a claim that may be long over, nothing else is known or wanted."""
    return ClaimedJob(
        id=row.job_id, batch_id=row.batch_id, owner=row.owner, claim=row.claim, kind="", source="", options={}, model="",
        own_model="", lane="", attempts=0, max_attempts=0, worker_id="", reuse=False,
    )  # fmt: skip
