"""Finding what was already paid for: results of the same question, and answers of single clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, tuple_

from models.attempt import Answer
from models.database import Database
from models.job import Job, Result
from models.state import JobState


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredResult:
    """The result of an earlier job that asked the same of the same bytes."""

    job_id: str
    model_version: str | None
    output: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAnswer:
    """The paid answer of one clip."""

    model_version: str | None
    answer: Mapping[str, Any]


def find_results(database: Database, questions: Sequence[tuple[str, str]]) -> list[StoredResult | None]:
    """For each (owner, question hash), the latest stored result. Uses ix_job_answered; owners never share."""
    latest = (
        select(
            Job.owner, Job.question_hash, Job.id, Job.model_version, Result.output,
            func.row_number().over(partition_by=(Job.owner, Job.question_hash), order_by=Job.id.desc()).label("place"),
        )
        .join(Result, Result.job_id == Job.id)
        .where(Job.state == JobState.SUCCEEDED, tuple_(Job.owner, Job.question_hash).in_(questions))
        .subquery()
    )  # fmt: skip
    with database.read() as connection:
        rows = connection.execute(select(latest).where(latest.c.place == 1)).all()
    found = {
        (row.owner, row.question_hash): StoredResult(job_id=row.id, model_version=row.model_version, output=row.output)
        for row in rows
    }
    return [found.get(question) for question in questions]


def find_answers(database: Database, clips: Sequence[tuple[str, str]]) -> list[StoredAnswer | None]:
    """For each (owner, clip hash), the stored answer. Uses the primary key."""
    query = select(Answer.owner, Answer.clip_hash, Answer.model_version, Answer.answer).where(
        tuple_(Answer.owner, Answer.clip_hash).in_(clips)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    found = {
        (row.owner, row.clip_hash): StoredAnswer(model_version=row.model_version, answer=row.answer) for row in rows
    }
    return [found.get(clip) for clip in clips]
