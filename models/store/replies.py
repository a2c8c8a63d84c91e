"""Outcomes that Celery producers wait for: which are due, and which were given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from models.database import Database
from models.job import Job, Result
from models.state import JobState


@dataclass(frozen=True, kw_only=True, slots=True)
class OwedReply:
    """The outcome of a finished job that a producer waits for."""

    job_id: str
    task_id: str
    output: Mapping[str, Any] | None
    error_code: str
    error_message: str


def owed(database: Database, *, limit: int, after: str | None = None) -> list[OwedReply]:
    """Finished jobs after the given one whose producers have not been told, oldest first. Uses ix_job_unreported."""
    query = (
        select(Job.id, Job.client_ref, Job.state, Job.error_code, Job.error_message, Result.output)
        .outerjoin(Result, Result.job_id == Job.id)
        .where(Job.owes_reply, Job.finished_at.is_not(None))
        .order_by(Job.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Job.id > after)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [
        OwedReply(
            job_id=row.id,
            task_id=row.client_ref or "",
            output=row.output,
            error_code=row.error_code or (JobState.CANCELLED if row.state == JobState.CANCELLED else ""),
            error_message=row.error_message or "",
        )
        for row in rows
    ]


def settle(database: Database, job_ids: Sequence[str]) -> None:
    """The producers of these jobs were told."""
    with database.write() as connection:
        connection.execute(update(Job).where(Job.id.in_(job_ids)).values(owes_reply=False))
