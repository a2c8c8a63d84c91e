"""Storing calls, and adding what they used to their jobs.

A call is stored once, whoever owns its job by now, because it was paid; the job's sums are those of its stored calls.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, case, func, select, true, update
from sqlalchemy.types import TypeEngine

from models.attempt import Call
from models.base import TypedId, db_now, nano_usd
from models.job import Job
from models.moves import CallRecord, Record
from models.state import JobState
from models.store.rows import BIG, DOCUMENT, INTEGER, REAL, TEXT, RowShape, insert_into

_JOB_ID, _CALL_ID = TypedId("job"), TypedId("cal")

USAGE = {
    "calls": INTEGER,
    "input_tokens": BIG,
    "output_tokens": BIG,
    "thinking_tokens": BIG,
    "cached_tokens": BIG,
    "cost": BIG,
}
_PROGRESS: Mapping[str, TypeEngine[Any]] = {
    "done": INTEGER,
    "total": INTEGER,
    "seconds_done": REAL,
    "seconds_total": REAL,
}
_USED = RowShape(name="used", types={"id": _JOB_ID, "claim": INTEGER, **_PROGRESS, **USAGE})
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


def insert_calls(connection: Connection, dialect: str, records: Sequence[Record]) -> set[str]:
    """Store the calls; the ids of those that were not stored before."""
    rows = [_call_row(r, call) for r in records for call in r.calls]
    return {row.id for row in _CALLS.run(connection, _call_insert(dialect), rows)}


Owned = tuple[str, int]
"""A job and the claim that owned it."""


def count_usage(connection: Connection, dialect: str, records: Sequence[Record], new_calls: set[str]) -> set[Owned]:
    """Add what was used to jobs that do not end here; the jobs that still run, with the claims that own them."""
    rows = [{"id": r.job.id, "claim": r.job.claim, **usage_of(r, new_calls), **_progress(r)} for r in records]
    found = _USED.run(connection, _usage_update(dialect), _merged(rows))
    return {(row.id, row.claim) for row in found if row.state == JobState.RUNNING}


def _merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a job, since an UPDATE FROM takes only one of several matches; the latest claim is the one that may own it."""
    merged: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["claim"]):
        seen = merged.setdefault(row["id"], row)
        if seen is not row:
            seen.update(row | {key: seen[key] + row[key] for key in USAGE})
    return list(merged.values())


def usage_of(r: Record, new_calls: set[str]) -> dict[str, int]:
    """What the record's new calls used, summed."""
    calls = [call for call in r.calls if call.id in new_calls]
    return {
        "calls": len(calls),
        "input_tokens": sum(call.input_tokens for call in calls),
        "output_tokens": sum(call.output_tokens for call in calls),
        "thinking_tokens": sum(call.thinking_tokens for call in calls),
        "cached_tokens": sum(call.cached_tokens for call in calls),
        "cost": sum(nano_usd(call.cost_usd) for call in calls if call.cost_usd is not None),
    }


def _progress(r: Record) -> dict[str, float | None]:
    return {name: getattr(r.progress, name, None) for name in _PROGRESS}


def _call_row(r: Record, call: CallRecord) -> dict[str, Any]:
    return {
        "id": call.id, "job_id": r.job.id, "claim": r.job.claim, "clip": call.clip, "lane": call.lane, "model": call.model,
        "model_version": call.model_version, "http_status": call.http_status, "finish_reason": call.finish_reason,
        "response_id": call.response_id, "code": call.failure and call.failure.code,
        "message": call.failure and call.failure.message, "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens, "thinking_tokens": call.thinking_tokens,
        "cached_tokens": call.cached_tokens, "input_by_modality": dict(call.input_by_modality),
        "cost_usd": None if call.cost_usd is None else nano_usd(call.cost_usd), "duration_seconds": call.duration_seconds,
    }  # fmt: skip


@cache
def _usage_update(dialect: str) -> Executable:
    u = _USED.table(dialect).c
    owned = (Job.claim == u.claim) & (Job.state == JobState.RUNNING)
    return (
        update(Job)
        .where(Job.id == u.id)
        .values(
            **{
                f"progress_{name}": case((owned, func.coalesce(u[name], column)), else_=column)
                for name in _PROGRESS
                for column in [getattr(Job, f"progress_{name}")]
            },
            **added(u),
        )
        .returning(Job.id, Job.claim, Job.state)
    )


def added(used: Any) -> dict[str, Any]:
    """Columns of a job, with what was used added."""
    return {
        "calls": Job.calls + used.calls,
        "input_tokens": Job.input_tokens + used.input_tokens,
        "output_tokens": Job.output_tokens + used.output_tokens,
        "thinking_tokens": Job.thinking_tokens + used.thinking_tokens,
        "cached_tokens": Job.cached_tokens + used.cached_tokens,
        "cost_usd": Job.cost_usd + used.cost,
    }


@cache
def _call_insert(dialect: str) -> Executable:
    c = _CALLS.table(dialect).c
    columns = [*_CALLS.types, "ended_at"]
    source = select(*(c[key] for key in _CALLS.types), db_now()).where(true())
    fresh: Executable = (
        insert_into(dialect, Call).from_select(columns, source).on_conflict_do_nothing().returning(Call.id)
    )
    return fresh
