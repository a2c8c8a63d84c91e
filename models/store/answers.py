"""Finding what was already paid for: results of the same question, and answers of single clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, ScalarSelect, literal_column, select, tuple_

from models.attempt import Answer
from models.database import Database
from models.job import Job, Result
from models.state import JobState
from models.store.rows import TEXT, RowShape

Key = tuple[str, str]
"""A question: its owner and its hash."""

SLICE = 5_000
"""Questions a statement where there are many."""

_WANTED = RowShape(name="wanted", types={"owner": TEXT, "question_hash": TEXT})


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredResult:
    """The result of an earlier job that asked the same of the same bytes."""

    job_id: str
    question_hash: str
    model_version: str | None
    output: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAnswer:
    """The paid answer of one clip."""

    model_version: str | None
    answer: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedAnswer:
    """An answer that may be stored: of any job of the owner, or of one job alone."""

    owner: str
    clip_hash: str
    job_id: str | None = None


def find_results(database: Database, questions: Sequence[Key]) -> dict[Key, StoredResult]:
    """The latest stored result of each question that has one."""
    with database.read() as connection:
        return results_of(connection, questions)


def results_of(connection: Connection, questions: Sequence[Key]) -> dict[Key, StoredResult]:
    """The same, within a transaction. Uses ix_job_answered; owners never share."""
    rows = [{"owner": owner, "question_hash": question_hash} for owner, question_hash in questions]
    answered = {
        row.id: (row.owner, row.question_hash)
        for row in _WANTED.run(connection, _latest_ids(connection.dialect.name), rows)
    }
    if not answered:
        return {}
    stored = select(Job.id, Job.model_version, Result.output).join(Result, Result.job_id == Job.id)
    found = connection.execute(stored.where(Job.id.in_(answered)))
    return {
        answered[row.id]: StoredResult(
            job_id=row.id, question_hash=answered[row.id][1], model_version=row.model_version, output=row.output
        )
        for row in found
    }


def find_answered(database: Database, questions: Sequence[Key]) -> set[Key]:
    """Those of the questions that have a stored result, thousands a statement. Uses ix_job_answered."""
    answered: set[Key] = set()
    for start in range(0, len(questions), SLICE):
        rows = [{"owner": owner, "question_hash": one} for owner, one in questions[start : start + SLICE]]
        with database.read() as connection:
            found = _WANTED.run(connection, _latest_ids(database.dialect), rows)
        answered.update((row.owner, row.question_hash) for row in found)
    return answered


def answered_by(owner: ColumnElement[str], question_hash: ColumnElement[str]) -> ScalarSelect[str]:
    """The latest job that has the result of a question; NULL if none has.

    A scalar query, so that it is one look into the index for each question whatever PostgreSQL believes of the table's
    size; and with the state spelt out, or it would plan anew each time whether the index may be used.
    """
    is_whole = Job.state == literal_column(f"'{JobState.SUCCEEDED}'")
    latest = select(Job.id).where(Job.owner == owner, Job.question_hash == question_hash, is_whole)
    return latest.order_by(Job.id.desc()).limit(1).scalar_subquery()


@cache
def _latest_ids(dialect: str) -> Executable:
    wanted = _WANTED.table(dialect).c
    latest = select(
        wanted.owner, wanted.question_hash, answered_by(wanted.owner, wanted.question_hash).label("id")
    ).subquery()
    return select(latest).where(latest.c.id.is_not(None))


def find_answers(database: Database, wanted: Sequence[WantedAnswer]) -> list[StoredAnswer | None]:
    """For each wanted answer, a stored one. Uses ix_answer_clip; owners never share."""
    query = select(Answer.owner, Answer.clip_hash, Answer.job_id, Answer.model_version, Answer.answer).where(
        tuple_(Answer.owner, Answer.clip_hash).in_({(answer.owner, answer.clip_hash) for answer in wanted})
    )
    found: dict[tuple[str, str, str | None], StoredAnswer] = {}
    with database.read() as connection:
        for row in connection.execute(query):
            stored = StoredAnswer(model_version=row.model_version, answer=row.answer)
            found[row.owner, row.clip_hash, row.job_id] = found[row.owner, row.clip_hash, None] = stored
    return [found.get((answer.owner, answer.clip_hash, answer.job_id)) for answer in wanted]
