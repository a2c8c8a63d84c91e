"""Reading jobs as everybody sees them: one, a page, all of a batch.

Every function returns frozen values; rows do not leave this folder.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, literal, or_, select

from models.database import Database
from models.ids import least_id_at
from models.job import Job, Result
from models.state import LIVE, JobState

MOST_CLOCK_ERROR_SECONDS = 86_400
"""By no more may the clock of a submitter be wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Which jobs are meant; everything that is given must match."""

    ids: tuple[str, ...] | None = None
    owner: str | None = None
    state: JobState | None = None
    kind: str | None = None
    batch_id: str | None = None
    error_code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Made before then."""
    search: str | None = None
    """A piece of the source or the client's reference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """A job as it is shown; `output` only where it was asked for."""

    id: str
    batch_id: str
    owner: str
    kind: str
    state: JobState
    source: str
    client_ref: str | None
    metadata: Mapping[str, Any]
    priority: int
    attempts: int
    model: str
    lane: str
    model_version: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None
    progress_done: int
    progress_total: int
    progress_seconds_done: float | None
    progress_seconds_total: float | None
    error_code: str | None
    error_message: str | None
    error_retryable: bool | None
    error_detail: Mapping[str, Any] | None
    calls: int
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int
    cost_usd: Decimal
    reused_from: str | None
    output: Mapping[str, Any] | None


VIEW_COLUMNS = (
    Job.id, Job.batch_id, Job.owner, Job.kind, Job.state, Job.source, Job.client_ref, Job.metadata_.label("metadata"),
    Job.priority, Job.attempts, Job.model, Job.lane, Job.model_version, Job.created_at, Job.started_at, Job.finished_at,
    Job.due_at.label("next_attempt_at"), Job.progress_done, Job.progress_total,
    Job.progress_seconds_done, Job.progress_seconds_total, Job.error_code, Job.error_message,
    Job.error_retryable, Job.error_detail, Job.calls, Job.input_tokens, Job.output_tokens, Job.thinking_tokens,
    Job.cached_tokens, Job.cost_usd, Job.reused_from,
)  # fmt: skip


def matching(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on job."""
    equal = {
        Job.owner: wanted.owner, Job.state: wanted.state, Job.kind: wanted.kind, Job.batch_id: wanted.batch_id,
        Job.error_code: wanted.error_code,
    }  # fmt: skip
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
    if wanted.ids is not None:
        conditions.append(Job.id.in_(wanted.ids))
    if wanted.since is not None:
        conditions.append(Job.created_at >= wanted.since)
        # Identifiers rise with the clock of who made them, so that an index ends the search where no later job can be.
        conditions.append(Job.id >= least_id_at("job", wanted.since.timestamp() - MOST_CLOCK_ERROR_SECONDS))
    if wanted.until is not None:
        conditions.append(Job.created_at < wanted.until)
    if wanted.search:
        piece = "%" + wanted.search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        conditions.append(or_(Job.source.ilike(piece, escape="\\"), Job.client_ref.ilike(piece, escape="\\")))
    return conditions


def list_jobs(
    database: Database, wanted: JobFilter, *, limit: int, before: str | None = None, with_output: bool = False
) -> list[JobView]:
    """Up to `limit` matching jobs, newest first; `before` is the last id of the page before.

    Uses ix_job_of_batch or ix_job_owner where a batch or an owner is given, else the primary key.
    """
    query = _view(with_output).where(*matching(wanted)).order_by(Job.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Job.id < before)
    with database.read() as connection:
        return [job_view(row) for row in connection.execute(query)]


def iterate_jobs(database: Database, wanted: JobFilter, *, page: int = 500) -> Iterator[JobView]:
    """All matching jobs with their output, oldest first, a page at a time in transactions of their own."""
    after: str | None = None
    while True:
        query = _view(with_output=True).where(*matching(wanted)).order_by(Job.id).limit(page)
        if after is not None:
            query = query.where(Job.id > after)
        with database.read() as connection:
            views = [job_view(row) for row in connection.execute(query)]
        yield from views
        if len(views) < page:
            return
        after = views[-1].id


def get_jobs(database: Database, ids: Iterable[str]) -> dict[str, JobView]:
    """The jobs with these ids, with their output; unknown ids are left out."""
    wanted = list(ids)
    found: dict[str, JobView] = {}
    for start in range(0, len(wanted), 500):
        query = _view(with_output=True).where(Job.id.in_(wanted[start : start + 500]))
        with database.read() as connection:
            found |= {row.id: job_view(row) for row in connection.execute(query)}
    return found


def owned_among(database: Database, ids: Sequence[str], *, owner: str) -> set[str]:
    """Those of these jobs that are the owner's. Uses the primary key."""
    with database.read() as connection:
        return set(connection.execute(select(Job.id).where(Job.id.in_(ids), Job.owner == owner)).scalars())


def final_among(database: Database, ids: Iterable[str]) -> set[str]:
    """Those of these jobs that are done, or gone. Uses the primary key."""
    wanted = list(ids)
    live: set[str] = set()
    with database.read() as connection:
        for start in range(0, len(wanted), 500):
            query = select(Job.id).where(Job.id.in_(wanted[start : start + 500]), Job.state.in_(LIVE))
            live |= set(connection.execute(query).scalars())
    return set(wanted) - live


@cache  # to put it together takes as long as to run it
def _view(with_output: bool) -> Select[Any]:  # noqa: FBT001 - private, always named
    if not with_output:
        return select(*VIEW_COLUMNS, literal(None).label("output"))
    return select(*VIEW_COLUMNS, Result.output).outerjoin(Result, Result.job_id == Job.id)


def job_view(row: Row[Any]) -> JobView:
    """A row of VIEW_COLUMNS and `output`."""
    values = dict(row._mapping)  # noqa: SLF001 - public by SQLAlchemy's documentation
    return JobView(**values | {"state": JobState(values["state"]), "metadata": values["metadata"] or {}})
