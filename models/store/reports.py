"""Reading what goes on: counts and sums, the history of a job, live workers, paused lanes, batches."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, select

from models.attempt import Attempt, Call
from models.base import db_after, db_seconds_until
from models.batch import Batch
from models.database import Database
from models.job import Job
from models.lane import Lane
from models.state import FINAL, LIVE, JobState
from models.store.lanes import is_paused_now
from models.store.queries import JobFilter, matching, stretch_of
from models.store.tallies import lines_of, sums
from models.store.walk import Stretch, walk_the_index
from models.tally import Tally
from models.worker import Worker

MOST_A_MINUTE = 2_000
"""Jobs that ended in the last minute beyond this number are not counted: the pace is that of the latest."""


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
    """Counts by state, sums of what was used, and the pace: from the tallies, ix_job_finished and the filter's stretch.

    With a filter that the tallies do not tell apart, the jobs are counted.
    """
    with database.read_together() as connection:
        rows = connection.execute(_by_state(wanted)).all()
        walk_the_index(connection)
        latest = connection.execute(_latest_finished(wanted)).one()
        oldest = connection.execute(_oldest_queued(wanted)).scalar_one_or_none()
    by_state = {state: sum(int(row.jobs) for row in rows if row.state == state) for state in JobState}
    return Totals(
        by_state=by_state,
        calls=sum(int(row.calls) for row in rows),
        input_tokens=sum(int(row.input_tokens) for row in rows),
        output_tokens=sum(int(row.output_tokens) for row in rows),
        thinking_tokens=sum(int(row.thinking_tokens) for row in rows),
        cost_usd=sum((row.cost_usd for row in rows), Decimal(0)),
        reused=sum(int(row.reused) for row in rows),
        finished_last_minute=_in_a_minute(latest, done=sum(by_state[state] for state in FINAL)),
        oldest_queued_seconds=oldest,
    )


def count_states(database: Database, wanted: JobFilter) -> dict[JobState, int]:
    """Jobs by state, nothing else; cheap enough to ask several times a second. Uses the tallies."""
    with database.read() as connection:
        found = {row.state: int(row.jobs) for row in connection.execute(_by_state(wanted))}
    return {state: found.get(state, 0) for state in JobState}


_TALLIED = {"batch_id", "owner", "kind"}


def _by_state(wanted: JobFilter) -> Select[Any]:
    """The sums from the tallies, if these tell such jobs apart, else from the jobs."""
    given = {name for name in JobFilter.__slots__ if getattr(wanted, name) is not None}
    if not given <= _TALLIED or {"batch_id", "owner"} <= given:
        return _counted(wanted)
    lines = lines_of(batch_id=wanted.batch_id, owner=wanted.owner, kind=wanted.kind)
    return select(Tally.state, *sums()).where(*lines).group_by(Tally.state)


def _counted(wanted: JobFilter) -> Select[Any]:
    used: list[ColumnElement[Any]] = [
        func.sum(getattr(Job, name)).label(name)
        for name in ("calls", "input_tokens", "output_tokens", "thinking_tokens", "cost_usd")
    ]
    counts = (func.count().label("jobs"), func.count(Job.reused_from).label("reused"))
    return select(Job.state, *counts, *used).where(*matching(wanted)).group_by(Job.state)


def _latest_finished(wanted: JobFilter) -> Select[int, float]:
    """How many ended in the last minute, the latest `MOST_A_MINUTE` at most, and how many seconds ago the first of these did."""
    ended = select(Job.finished_at).where(
        *matching(wanted, within=Stretch(equal={})), Job.finished_at > db_after(literal(-60.0))
    )
    latest = ended.order_by(Job.finished_at.desc()).limit(MOST_A_MINUTE).subquery().c.finished_at
    return select(func.count(latest).label("jobs"), (-db_seconds_until(func.min(latest))).label("seconds"))


def _in_a_minute(latest: Any, *, done: int) -> int:
    """The jobs that ended in the last minute; where there are too many to count, at the pace of the latest."""
    if latest.jobs < MOST_A_MINUTE:
        return int(latest.jobs)
    return max(MOST_A_MINUTE, min(done, int(60.0 * latest.jobs / max(latest.seconds, 0.1))))


def _oldest_queued(wanted: JobFilter) -> Select[Any]:
    """For how many seconds the job that came first of those queued has been there."""
    stretch = stretch_of(replace(wanted, state=JobState.QUEUED))
    queued = (*stretch.within(), *matching(replace(wanted, state=JobState.QUEUED), within=stretch))
    age = -db_seconds_until(Job.created_at)
    return select(age).where(*queued).order_by(*stretch.oldest_first()).limit(1)


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
    """A batch by its id, or the latest one of that name; of that owner, where one is given. Uses ix_batch_name."""
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
