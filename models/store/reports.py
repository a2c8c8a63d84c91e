"""Reading what goes on: counts and sums, failures by cause, the history of a job, live workers, paused lanes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import String, case, cast, func, literal, select

from models.attempt import Attempt, Call
from models.base import db_after, db_now
from models.batch import Batch
from models.database import Database
from models.job import Job
from models.lane import Lane
from models.state import FINAL, LIVE, JobState
from models.store.lanes import is_paused_now
from models.store.queries import JobFilter, matching
from models.worker import Worker


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """Jobs by state, what they used, and how the work goes on."""

    by_state: Mapping[JobState, int]
    calls: int
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cost_usd: Decimal
    reused: int
    oldest_queued_seconds: float | None
    finished_last_minute: int

    @property
    def total(self) -> int:
        """All jobs."""
        return sum(self.by_state.values())

    @property
    def done(self) -> int:
        """Jobs in a final state."""
        return sum(count for state, count in self.by_state.items() if state in FINAL)


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureGroup:
    """Jobs that failed alike."""

    code: str
    message: str
    count: int
    example_job_id: str
    example_source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptView:
    """One ended attempt."""

    claim: int
    number: int
    worker_id: str | None
    outcome: str
    code: str | None
    message: str | None
    started_at: datetime | None
    ended_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CallView:
    """One call."""

    id: str
    claim: int
    clip: int
    lane: str
    model: str
    model_version: str | None
    http_status: int | None
    finish_reason: str | None
    code: str | None
    message: str | None
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int
    input_by_modality: Mapping[str, int]
    cost_usd: Decimal | None
    duration_seconds: float
    ended_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerView:
    """One worker process."""

    id: str
    host: str
    pid: int
    version: str
    slots: int
    running: int
    draining: bool
    alive: bool
    started_at: datetime
    beat_at: datetime
    stopped_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneView:
    """One paused lane."""

    name: str
    code: str | None
    reason: str | None
    paused_until: datetime | None
    changed_at: datetime
    fallback_model: str | None
    """What its jobs are asked with meanwhile; empty: they wait."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchView:
    """One batch."""

    id: str
    owner: str
    name: str | None
    created_at: datetime


def totals(database: Database, wanted: JobFilter) -> Totals:
    """Counts by state and sums of what was used. Uses ix_job_batch where a batch is given."""
    minute_ago = db_after(literal(-60.0))
    query = select(
        Job.state, func.count(), func.sum(Job.calls), func.sum(Job.input_tokens), func.sum(Job.output_tokens),
        func.sum(Job.thinking_tokens), func.sum(Job.cost_usd), func.count(Job.reused_from),
        func.count().filter(Job.finished_at > minute_ago), func.min(Job.created_at), db_now(),
    ).where(*matching(wanted)).group_by(Job.state)  # fmt: skip
    with database.read() as connection:
        rows = connection.execute(query).all()
    waited = [(row[10] - row[9]).total_seconds() for row in rows if row[0] == JobState.QUEUED]
    return Totals(
        by_state={state: sum(row[1] for row in rows if row[0] == state) for state in JobState},
        calls=sum(int(row[2]) for row in rows),
        input_tokens=sum(int(row[3]) for row in rows),
        output_tokens=sum(int(row[4]) for row in rows),
        thinking_tokens=sum(int(row[5]) for row in rows),
        cost_usd=sum((row[6] for row in rows), Decimal(0)),
        reused=sum(row[7] for row in rows),
        finished_last_minute=sum(row[8] for row in rows),
        oldest_queued_seconds=max(waited, default=None),
    )


def count_states(database: Database, wanted: JobFilter) -> dict[JobState, int]:
    """Jobs by state, nothing else; cheap enough to ask several times a second."""
    query = select(Job.state, func.count()).where(*matching(wanted)).group_by(Job.state)
    with database.read() as connection:
        found = {JobState(row[0]): row[1] for row in connection.execute(query)}
    return {state: found.get(state, 0) for state in JobState}


def failure_groups(database: Database, wanted: JobFilter, *, limit: int = 100) -> list[FailureGroup]:
    """Failed and partial jobs grouped by code and words, most frequent first, each with its latest example.

    Words that name the job's own source are grouped as if they named none. Uses ix_job_failed.
    """
    cause = func.replace(func.coalesce(Job.error_message, ""), Job.source, "…")
    latest = func.max(cast(Job.id, String))
    grouped = (
        select(Job.error_code, cause.label("cause"), func.count().label("jobs"), latest.label("example"))
        .where(*matching(wanted), Job.error_code.is_not(None), Job.state.in_([JobState.FAILED, JobState.PARTIAL]))
        .group_by(Job.error_code, cause)
        .order_by(func.count().desc())
        .limit(limit)
    )
    with database.read() as connection:
        rows = connection.execute(grouped).all()
        examples = [f"job_{row.example.replace('-', '')}" for row in rows]
        found = connection.execute(select(Job.id, Job.source).where(Job.id.in_(examples)))
        sources = {job.id: job.source for job in found}
    return [
        FailureGroup(
            code=row.error_code,
            message=row.cause,
            count=row.jobs,
            example_job_id=example,
            example_source=sources[example],
        )
        for row, example in zip(rows, examples, strict=True)
    ]


def attempts_of(database: Database, job_id: str) -> list[AttemptView]:
    """The ended attempts of a job, first to last."""
    columns = (
        Attempt.claim, Attempt.number, Attempt.worker_id, Attempt.outcome, Attempt.code, Attempt.message, Attempt.started_at,
        Attempt.ended_at,
    )  # fmt: skip
    with database.read() as connection:
        rows = connection.execute(select(*columns).where(Attempt.job_id == job_id).order_by(Attempt.claim)).all()
    return [AttemptView(**row._mapping) for row in rows]  # noqa: SLF001 - public by SQLAlchemy's documentation


def calls_of(database: Database, job_id: str) -> list[CallView]:
    """The calls that were made for a job, first to last. Uses ix_call_job."""
    columns = [getattr(Call, name) for name in CallView.__slots__]
    with database.read() as connection:
        rows = connection.execute(select(*columns).where(Call.job_id == job_id).order_by(Call.id)).all()
    return [
        CallView(**{**row._mapping, "input_by_modality": row.input_by_modality or {}})  # noqa: SLF001
        for row in rows
    ]


def list_workers(database: Database, *, alive_seconds: float) -> list[WorkerView]:
    """All registered workers, newest first; `alive` are those that beat within `alive_seconds`."""
    fresh = (Worker.beat_at > db_after(literal(-alive_seconds))) & Worker.stopped_at.is_(None)
    columns = [getattr(Worker, name) for name in WorkerView.__slots__ if name != "alive"]
    with database.read() as connection:
        rows = connection.execute(select(*columns, fresh.label("alive")).order_by(Worker.id.desc())).all()
    return [WorkerView(**{**row._mapping, "alive": bool(row.alive)}) for row in rows]  # noqa: SLF001


def paused_lanes(database: Database) -> list[LaneView]:
    """The lanes that are paused now."""
    columns = [getattr(Lane, name) for name in LaneView.__slots__ if name != "fallback_model"]
    meanwhile = case((Lane.may_fall_back.is_(True), Lane.fallback_model)).label("fallback_model")
    with database.read() as connection:
        rows = connection.execute(select(*columns, meanwhile).where(is_paused_now()).order_by(Lane.name)).all()
    return [LaneView(**row._mapping) for row in rows]  # noqa: SLF001


_BATCH = (Batch.id, Batch.owner, Batch.name, Batch.created_at)


def find_batch(database: Database, wanted: str, *, owner: str | None = None) -> BatchView | None:
    """A batch by its id, or the latest one of that name; of that owner, where one is given."""
    which = [Batch.id == wanted if wanted.startswith("bat_") else Batch.name == wanted]
    if owner is not None:
        which.append(Batch.owner == owner)
    with database.read() as connection:
        row = connection.execute(select(*_BATCH).where(*which).order_by(Batch.id.desc()).limit(1)).first()
    return None if row is None else BatchView(**row._mapping)  # noqa: SLF001


def unfinished_key(database: Database, prefix: str) -> str | None:
    """The idempotency key with this beginning of the latest batch that still has work to come."""
    live = select(Job.id).where(Job.batch_id == Batch.id, Job.state.in_(LIVE)).exists()
    keys = select(Batch.idempotency_key).where(Batch.idempotency_key.startswith(prefix, autoescape=True), live)
    with database.read() as connection:
        return connection.execute(keys.order_by(Batch.id.desc()).limit(1)).scalar_one_or_none()


def list_batches(
    database: Database, *, limit: int, owner: str | None = None, before: str | None = None
) -> list[BatchView]:
    """The latest batches, newest first; `before` is the last id of the page before. Uses ix_batch_owner or the primary key."""
    query = select(*_BATCH).order_by(Batch.id.desc()).limit(limit)
    if owner is not None:
        query = query.where(Batch.owner == owner)
    if before is not None:
        query = query.where(Batch.id < before)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [BatchView(**row._mapping) for row in rows]  # noqa: SLF001
