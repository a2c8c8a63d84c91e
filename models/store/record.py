"""Storing what workers did: groups of endings, calls and paid answers, each group one transaction."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, case, func, insert, select, true, update

from models.attempt import Answer, Attempt, Call
from models.base import TypedId, db_after, db_now, nano_usd
from models.database import Database
from models.job import Job, Result
from models.moves import CallRecord, Record
from models.state import FINAL, JobState, Move
from models.store.rows import BIG, DOCUMENT, FLAG, INTEGER, REAL, TEXT, RowShape, insert_into

_JOB_ID, _CALL_ID = TypedId("job"), TypedId("cal")

_ERROR = ("code", "message", "retryable", "detail")
_USAGE = {
    "calls": INTEGER,
    "input_tokens": BIG,
    "output_tokens": BIG,
    "thinking_tokens": BIG,
    "cached_tokens": BIG,
    "cost": BIG,
}
_ENDINGS = RowShape(
    name="endings",
    types={
        "id": _JOB_ID,
        "claim": INTEGER,
        "move": TEXT,
        "state": TEXT,
        "uncounted": INTEGER,
        "delay_seconds": REAL,
        "code": TEXT,
        "message": TEXT,
        "retryable": FLAG,
        "detail": DOCUMENT,
        "output": DOCUMENT,
        "question_hash": TEXT,
        "model_version": TEXT,
        "reused_from": _JOB_ID,
        "worker_id": TypedId("wrk"),
        **_USAGE,
    },
)
_USED = RowShape(name="used", types={"id": _JOB_ID, "claim": INTEGER, "done": INTEGER, "total": INTEGER, **_USAGE})
_CALLS = RowShape(
    name="calls",
    types={
        "id": _CALL_ID,
        "job_id": _JOB_ID,
        "claim": INTEGER,
        "clip": INTEGER,
        "lane": TEXT,
        "model": TEXT,
        "model_version": TEXT,
        "http_status": INTEGER,
        "finish_reason": TEXT,
        "response_id": TEXT,
        "code": TEXT,
        "message": TEXT,
        "input_tokens": BIG,
        "output_tokens": BIG,
        "thinking_tokens": BIG,
        "cached_tokens": BIG,
        "input_by_modality": DOCUMENT,
        "cost_usd": BIG,
        "duration_seconds": REAL,
    },
)
_ANSWERS = RowShape(
    name="answers",
    types={"owner": TEXT, "clip_hash": TEXT, "job_id": _JOB_ID, "model_version": TEXT, "answer": DOCUMENT},
)


def record(database: Database, records: Sequence[Record]) -> list[bool]:
    """Store the records in one transaction; for each, whether its claim still owned the job.

    An ending of a claim that no longer owns its job changes nothing; its calls are stored all the same, since they
    were paid, and so are its answers, for whoever holds the job now. Storing the same records twice is harmless, so the
    caller may repeat after a commit whose outcome is unknown. Relies on the primary key of job and on the
    compare-and-set of (id, claim, state).
    """
    dialect = database.dialect
    with database.write() as connection:
        new_calls = _insert_calls(connection, dialect, records)
        ended = _end_attempts(connection, dialect, [r for r in records if r.ending], new_calls)
        # Calls of others: answers of unfinished recordings, and of workers that had lost their claim.
        rest = [r for r in records if r.ending is None or r.job.id not in ended]
        owned = ended | _count_usage(connection, dialect, rest, new_calls)
        kept = [r for r in records if not (r.ending and r.ending.output is not None and r.job.id in ended)]
        _insert(connection, _answer_insert(dialect), _ANSWERS, _answer_rows(kept))
    return [r.job.id in owned for r in records]


def _end_attempts(connection: Connection, dialect: str, records: list[Record], new_calls: set[str]) -> set[str]:
    """Apply the endings; the ids of the jobs that were still owned."""
    rows = [_ending_row(r, new_calls) for r in records]
    owned = {row.id for row in _insert(connection, _ending_update(dialect), _ENDINGS, rows)}
    applied = [row for row in rows if row["id"] in owned]
    _insert(connection, _attempt_insert(dialect), _ENDINGS, applied)
    _insert(connection, _result_insert(dialect), _ENDINGS, [row for row in applied if row["output"] is not None])
    return owned


def _insert_calls(connection: Connection, dialect: str, records: Sequence[Record]) -> set[str]:
    """Store the calls; the ids of those that were not stored before."""
    rows = [_call_row(r, call) for r in records for call in r.calls]
    return {row.id for row in _insert(connection, _call_insert(dialect), _CALLS, rows)}


def _count_usage(connection: Connection, dialect: str, records: list[Record], new_calls: set[str]) -> set[str]:
    """Add what was used to jobs that do not end here; the ids of those that the claim still owns."""
    rows = [{"id": r.job.id, "claim": r.job.claim, **_usage(r, new_calls), **_progress(r)} for r in records]
    found = _insert(connection, _usage_update(dialect), _USED, _merged(rows))
    claims = {r.job.id: r.job.claim for r in records if r.ending is None}
    return {row.id for row in found if row.state == JobState.RUNNING and claims.get(row.id) == row.claim}


def _insert(
    connection: Connection, statement: Executable, shape: RowShape, rows: Sequence[Mapping[str, Any]]
) -> list[Any]:
    if not rows:
        return []
    result = connection.execute(statement, shape.parameter(rows))
    return list(result) if result.returns_rows else []


def _merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a job: an UPDATE FROM takes only one of several matches."""
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        seen = merged.setdefault(row["id"], row)
        if seen is not row:
            seen.update({key: seen[key] + row[key] for key in _USAGE}, done=row["done"], total=row["total"])
    return list(merged.values())


def _usage(r: Record, new_calls: set[str]) -> dict[str, int]:
    calls = [call for call in r.calls if call.id in new_calls]
    return {
        "calls": len(calls),
        "input_tokens": sum(call.input_tokens for call in calls),
        "output_tokens": sum(call.output_tokens for call in calls),
        "thinking_tokens": sum(call.thinking_tokens for call in calls),
        "cached_tokens": sum(call.cached_tokens for call in calls),
        "cost": sum(nano_usd(call.cost_usd) for call in calls if call.cost_usd is not None),
    }


def _progress(r: Record) -> dict[str, int | None]:
    done, total = r.progress or (None, None)
    return {"done": done, "total": total}


def _ending_row(r: Record, new_calls: set[str]) -> dict[str, Any]:
    ending = r.ending
    assert ending is not None
    failure = ending.failure
    return {
        "id": r.job.id, "claim": r.job.claim, "move": ending.move, "state": ending.state,
        "uncounted": 0 if ending.counts_attempt else 1, "delay_seconds": ending.delay_seconds,
        "code": failure and failure.code, "message": failure and failure.message,
        "retryable": failure and failure.retryable, "detail": failure and dict(failure.detail),
        "output": ending.output, "question_hash": ending.question_hash, "model_version": ending.model_version,
        "reused_from": ending.reused_from, "worker_id": r.job.worker_id, **_usage(r, new_calls),
    }  # fmt: skip


def _call_row(r: Record, call: CallRecord) -> dict[str, Any]:
    return {
        "id": call.id, "job_id": r.job.id, "claim": r.job.claim, "clip": call.clip, "lane": r.job.lane, "model": call.model,
        "model_version": call.model_version, "http_status": call.http_status, "finish_reason": call.finish_reason,
        "response_id": call.response_id, "code": call.failure and call.failure.code,
        "message": call.failure and call.failure.message, "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens, "thinking_tokens": call.thinking_tokens,
        "cached_tokens": call.cached_tokens, "input_by_modality": dict(call.input_by_modality),
        "cost_usd": None if call.cost_usd is None else nano_usd(call.cost_usd), "duration_seconds": call.duration_seconds,
    }  # fmt: skip


def _answer_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    unique = {
        (r.job.id, answer.clip_hash): {
            "owner": r.job.owner,
            "clip_hash": answer.clip_hash,
            "job_id": r.job.id,
            "model_version": answer.model_version,
            "answer": dict(answer.answer),
        }
        for r in records
        for answer in r.answers
    }
    return list(unique.values())


@cache
def _ending_update(dialect: str) -> Executable:
    e = _ENDINGS.table(dialect).c
    # What goes back to the line after somebody asked to cancel it ends instead.
    is_cancelled = Job.cancel_requested & e.state.in_(["queued", "waiting"])
    state = case((is_cancelled, str(JobState.CANCELLED)), else_=e.state)
    ends = state.in_([str(final) for final in FINAL])
    return (
        update(Job)
        .where(Job.id == e.id, Job.claim == e.claim, Job.state == JobState.RUNNING)
        .values(
            state=state,
            attempts=Job.attempts - e.uncounted,
            lease_owner=None, lease_until=None, announced_until=None,
            cancel_requested=False,
            due_at=case((state == JobState.WAITING, db_after(e.delay_seconds)), else_=None),
            finished_at=case((ends, db_now()), else_=None),
            progress_done=case((e.state == JobState.SUCCEEDED, Job.progress_total), else_=Job.progress_done),
            question_hash=func.coalesce(e.question_hash, Job.question_hash),
            reused_from=e.reused_from,
            model_version=func.coalesce(e.model_version, Job.model_version),
            **{f"error_{name}": case((is_cancelled, None), else_=e[name]) for name in _ERROR},
            **_added(e),
        )
        .returning(Job.id)
    )  # fmt: skip


@cache
def _usage_update(dialect: str) -> Executable:
    u = _USED.table(dialect).c
    owned = (Job.claim == u.claim) & (Job.state == JobState.RUNNING)
    return (
        update(Job)
        .where(Job.id == u.id)
        .values(
            progress_done=case((owned, func.coalesce(u.done, Job.progress_done)), else_=Job.progress_done),
            progress_total=case((owned, func.coalesce(u.total, Job.progress_total)), else_=Job.progress_total),
            **_added(u),
        )
        .returning(Job.id, Job.claim, Job.state)
    )


def _added(used: Any) -> dict[str, Any]:
    return {
        "calls": Job.calls + used.calls,
        "input_tokens": Job.input_tokens + used.input_tokens,
        "output_tokens": Job.output_tokens + used.output_tokens,
        "thinking_tokens": Job.thinking_tokens + used.thinking_tokens,
        "cached_tokens": Job.cached_tokens + used.cached_tokens,
        "cost_usd": Job.cost_usd + used.cost,
    }


@cache
def _attempt_insert(dialect: str) -> Executable:
    rows = _ENDINGS.table(dialect)
    # The job was just updated in this transaction: its state and attempts are those after the move.
    e, outcome = rows.c, case((Job.state == JobState.CANCELLED, str(Move.CANCEL)), else_=rows.c.move)
    source = select(
        e.id, e.claim, Job.attempts + e.uncounted, e.worker_id, outcome, e.code, e.message, Job.started_at, db_now()
    ).select_from(rows.join(Job, Job.id == e.id))
    columns = ["job_id", "claim", "number", "worker_id", "outcome", "code", "message", "started_at", "ended_at"]
    return insert(Attempt).from_select(columns, source)


@cache
def _result_insert(dialect: str) -> Executable:
    e = _ENDINGS.table(dialect).c
    fresh = insert_into(dialect, Result).from_select(
        ["job_id", "output", "created_at"], select(e.id, e.output, db_now()).where(true())
    )
    # A retried partial job replaces its own result.
    replaced: Executable = fresh.on_conflict_do_update(
        index_elements=["job_id"], set_={"output": fresh.excluded.output, "created_at": fresh.excluded.created_at}
    )
    return replaced


@cache
def _call_insert(dialect: str) -> Executable:
    c = _CALLS.table(dialect).c
    columns = [*_CALLS.types, "ended_at"]
    source = select(*(c[key] for key in _CALLS.types), db_now()).where(true())
    fresh: Executable = (
        insert_into(dialect, Call).from_select(columns, source).on_conflict_do_nothing().returning(Call.id)
    )
    return fresh


@cache
def _answer_insert(dialect: str) -> Executable:
    a = _ANSWERS.table(dialect).c
    source = select(*(a[key] for key in _ANSWERS.types), db_now()).where(true())
    fresh: Executable = (
        insert_into(dialect, Answer).from_select([*_ANSWERS.types, "created_at"], source).on_conflict_do_nothing()
    )
    return fresh
