"""What a claim brings back: the columns of the claimed rows, and the job as its worker holds it."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, select
from sqlalchemy.orm import aliased

from models.attempt import Attempt
from models.base import db_seconds_until
from models.failures import FailureCode
from models.job import Job
from models.moves import ClaimedJob
from models.state import FINAL, MOVES, Move

_ASKED = {"model", "lane", "own_model"}
"""What depends on whether the fallback of its lane is asked."""
_AS_STORED = [name for name in ClaimedJob.__slots__ if name not in {"worker_id", *_ASKED}]


@cache
def claimed_columns() -> tuple[ColumnElement[Any], ...]:
    """What a claim returns of each row."""
    reckoned = {
        "refused_seconds": case(((Job.claim > 1) & (Job.lane != Job.model), _refused_seconds())),
        "deadline_in_seconds": db_seconds_until(Job.deadline_at),
        "deadline_after_seconds": db_seconds_until(Job.deadline_at) - db_seconds_until(Job.created_at),
    }
    columns = (reckoned[name].label(name) if name in reckoned else getattr(Job, name) for name in _AS_STORED)
    return (*columns, *(getattr(Job, name) for name in ("model", "lane", "asked_model")))


def _refused_seconds() -> ColumnElement[Any]:
    """Since an attempt first found no room, none before the job last ended counted. Uses the primary key of attempt."""
    ended = aliased(Attempt)
    final = [str(move) for move in Move if MOVES[move].target in FINAL]
    last = select(func.max(ended.claim)).where(ended.job_id == Job.id, ended.outcome.in_(final)).correlate(Job)
    refused = (Attempt.job_id == Job.id, Attempt.code == FailureCode.GEMINI_UNAVAILABLE, Attempt.outcome == Move.WAIT)
    since = select(func.min(Attempt.ended_at)).where(*refused, Attempt.claim > func.coalesce(last.scalar_subquery(), 0))
    return -db_seconds_until(since.correlate(Job).scalar_subquery())


def claimed(row: Row[Any], worker_id: str) -> ClaimedJob:
    """The job of a claimed row, to be asked with its own model or its fallback."""
    asked = {"model": row.asked_model or row.model, "lane": row.asked_model or row.lane, "own_model": row.model}
    return ClaimedJob(worker_id=worker_id, **asked, **{name: getattr(row, name) for name in _AS_STORED})
