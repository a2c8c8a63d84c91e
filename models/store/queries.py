"""Reading jobs as everybody sees them: one, a page, all of a batch.

Every function returns frozen values; rows do not leave this folder.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import eq
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, literal, or_, select

from models.database import Database
from models.ids import first_id as first_id_at
from models.job import Job, Result
from models.state import LIVE, JobState
from models.store.walk import Stretch, is_seen


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


_ORDERS = (("error_code",), ("batch_id", "state"), ("batch_id",), ("owner", "state"), ("owner",), ("state",), ())
"""What jobs are listed by, each with an index over it and the id: of those that a filter gives, the first."""


CLOCKS_DIFFER_SECONDS = 86_400.0
"""A job's id tells when it was made by its submitter's clock, `created_at` by the database's. They are no further apart."""


def stretch_of(wanted: JobFilter) -> Stretch:
    """The stretch of an index in which the jobs that match lie, as close together as may be."""
    is_small = wanted.ids is not None  # then the ids are looked up, whatever else is wanted
    given = (
        () if is_small else next(names for names in _ORDERS if all(getattr(wanted, name) is not None for name in names))
    )
    first_id = None if wanted.since is None else first_id_at("job", wanted.since.timestamp() - CLOCKS_DIFFER_SECONDS)
    return Stretch(equal={getattr(Job, name): getattr(wanted, name) for name in given}, first_id=first_id)


def matching(wanted: JobFilter, *, within: Stretch | None = None) -> list[ColumnElement[bool]]:
    """The filter as conditions on job; of jobs within a stretch, what is not true of all of it anyway."""
    equal = {
        Job.owner: wanted.owner, Job.state: wanted.state, Job.kind: wanted.kind, Job.batch_id: wanted.batch_id,
        Job.error_code: wanted.error_code,
    }  # fmt: skip
    known = within.equal if within else {}
    compare: Callable[[Any, Any], ColumnElement[bool]] = is_seen if within else eq
    conditions = [
        compare(column, value) for column, value in equal.items() if value is not None and column not in known
    ]
    if wanted.ids is not None:
        conditions.append(Job.id.in_(wanted.ids))
    if wanted.since is not None:
        conditions.append(Job.created_at >= wanted.since)
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

    Uses the index of the filter's stretch. What is not in the stretch's columns is looked for in it, to its end if need be.
    """
    stretch = stretch_of(wanted)
    place = stretch.within() if before is None else stretch.before(before)
    query = _view(with_output).where(*place, *matching(wanted, within=stretch))
    query = query.order_by(*stretch.newest_first()).limit(limit)
    with database.read() if wanted.ids is not None else database.read_walking() as connection:
        return [job_view(row) for row in connection.execute(query)]


def iterate_jobs(database: Database, wanted: JobFilter, *, page: int = 500) -> Iterator[JobView]:
    """All matching jobs with their output, oldest first, a page at a time in transactions of their own."""
    after: str | None = None
    stretch = stretch_of(wanted)
    while True:
        place = stretch.within() if after is None else stretch.after(after)
        query = _view(with_output=True).where(*place, *matching(wanted, within=stretch))
        query = query.order_by(*stretch.oldest_first()).limit(page)
        with database.read_walking() as connection:
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
