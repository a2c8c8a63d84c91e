"""Figures for monitoring: how many jobs and attempts there are of each sort. Each statement reads its table once.

That is seconds at ten million rows, so whoever asks often keeps the answer for a while.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from models.attempt import Attempt
from models.base import db_now
from models.database import Database
from models.job import Job
from models.state import JobState


@dataclass(frozen=True, kw_only=True, slots=True)
class JobCount:
    """How many jobs are alike."""

    kind: str
    state: JobState
    code: str | None
    """Of their failure; of a waiting job, of the attempt before."""
    jobs: int
    reused: int
    """Of them, those that were answered from the store."""
    oldest_seconds: float
    """How long ago the first of them was accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptCount:
    """How many ended attempts are alike."""

    outcome: str
    """The move that ended them."""
    code: str | None
    attempts: int


def count_jobs(database: Database) -> list[JobCount]:
    """All jobs by kind, state and failure code, as far as they were not purged."""
    alike = (Job.kind, Job.state, Job.error_code)
    counted = select(
        *alike, func.count().label("jobs"), func.count(Job.reused_from).label("reused"),
        func.min(Job.created_at).label("first"), db_now().label("now"),
    ).group_by(*alike).order_by(*alike)  # fmt: skip
    with database.read() as connection:
        return [_job_count(row) for row in connection.execute(counted)]


def count_attempts(database: Database) -> list[AttemptCount]:
    """All ended attempts by outcome and failure code, as far as their jobs were not purged."""
    alike = (Attempt.outcome, Attempt.code)
    counted = select(*alike, func.count().label("attempts")).group_by(*alike).order_by(*alike)
    with database.read() as connection:
        return [
            AttemptCount(outcome=row.outcome, code=row.code, attempts=row.attempts)
            for row in connection.execute(counted)
        ]


def _job_count(row: Any) -> JobCount:
    return JobCount(
        kind=row.kind, state=JobState(row.state), code=row.error_code, jobs=row.jobs, reused=row.reused,
        oldest_seconds=max(0.0, (row.now - row.first).total_seconds()),
    )  # fmt: skip
