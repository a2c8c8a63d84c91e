"""Reading what went wrong: failures grouped by their cause."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, String, cast, func, select, union_all

from models.database import Database
from models.job import Job
from models.state import JobState
from models.store.queries import JobFilter, matching, stretch_of

MOST_GROUPED = 5_000
"""Failures that are grouped by their cause: what went wrong lately, in a time that does not grow with all that ever did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureGroup:
    """Jobs that failed alike."""

    code: str
    message: str
    count: int
    example_job_id: str
    example_source: str


def failure_groups(database: Database, wanted: JobFilter, *, limit: int = 100) -> list[FailureGroup]:
    """Failed and partial jobs grouped by code and words, most frequent first, each with its latest example.

    Words that name the job's own source are grouped as if they named none. The latest `MOST_GROUPED` of either state are looked at,
    by the index of the filter's stretch.
    """
    latest = union_all(*(_latest(replace(wanted, state=state)) for state in (JobState.FAILED, JobState.PARTIAL)))
    failures = latest.subquery().c
    cause = func.replace(func.coalesce(failures.error_message, ""), failures.source, "…")
    example = func.max(cast(failures.id, String))
    grouped = (
        select(failures.error_code, cause.label("cause"), func.count().label("jobs"), example.label("example"))
        .where(failures.error_code.is_not(None))
        .group_by(failures.error_code, cause)
        .order_by(func.count().desc())
        .limit(limit)
    )
    with database.read_walking() as connection:
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


def _latest(wanted: JobFilter) -> Select[Any]:
    stretch = stretch_of(wanted)
    columns = (Job.id, Job.source, Job.error_code, Job.error_message)
    ended = select(*columns).where(*stretch.within(), *matching(wanted, within=stretch))
    return select(ended.order_by(*stretch.newest_first()).limit(MOST_GROUPED).subquery())
