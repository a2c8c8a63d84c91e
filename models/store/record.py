"""Storing what workers did: groups of endings, calls and paid answers, each group one transaction (`calls` has its calls)."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, case, func, insert, select, true, update

from models.attempt import Answer, Attempt
from models.base import TypedId, db_after, db_now
from models.database import Database
from models.failures import FailureCode
from models.job import Job, Result
from models.moves import Record
from models.state import FINAL, JobState, Move
from models.store.calls import USAGE, Owned, added, count_usage, insert_calls, usage_of
from models.store.holds import end_holds
from models.store.parcels import wake_waiting
from models.store.questions import Asking, Ended, end_questions
from models.store.rows import DOCUMENT, FLAG, INTEGER, REAL, TEXT, RowShape, insert_into
from models.store.spending import count_spending
from models.store.walk import is_still
from models.store.webhooks.outbox import ended_columns, tell_ended

_JOB_ID = TypedId("job")

_ERROR = ("code", "message", "retryable", "detail")
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
        **USAGE,
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
    in_order = sorted(records, key=_claim_of)  # rows are locked in this order, which avoids most deadlocks
    with database.write() as connection:
        new_calls = insert_calls(connection, dialect, in_order)
        moved = _end_attempts(connection, dialect, [r for r in in_order if r.ending], new_calls)
        ended = {(row.id, row.claim) for row in moved}
        # Calls of others: answers of unfinished recordings, and of workers that had lost their claim.
        rest = [r for r in in_order if r.ending is None or _claim_of(r) not in ended]
        running = count_usage(connection, dialect, rest, new_calls)
        kept = [r for r in in_order if not (r.ending and r.ending.output is not None and _claim_of(r) in ended)]
        _ANSWERS.run(connection, _answer_insert(dialect), _answer_rows(kept))
        tell_ended(connection, dialect, moved)  # locks batches: after all jobs, before budgets and sums
        end_holds(connection, dialect, [call.id for r in in_order for call in r.calls])
        count_spending(connection, dialect, in_order, new_calls)
    return [_claim_of(r) in (ended if r.ending else running) for r in records]


def _claim_of(r: Record) -> Owned:
    return r.job.id, r.job.claim


def _end_attempts(connection: Connection, dialect: str, records: list[Record], new_calls: set[str]) -> list[Any]:
    """Apply the endings; where each led whose claim still owned its job."""
    rows = [_ending_row(r, new_calls) for r in records]
    moved = _ENDINGS.run(connection, _ending_update(dialect), rows)
    owned = {(row.id, row.claim): row.state for row in moved}
    applied = [row for row in rows if (row["id"], row["claim"]) in owned]
    _ENDINGS.run(connection, _attempt_insert(dialect), applied)
    _ENDINGS.run(connection, _result_insert(dialect), [row for row in applied if row["output"] is not None])
    end_questions(connection, dialect, _ended(records, owned))
    if for_batches := sorted(row["id"] for row in applied if row["code"] == FailureCode.GEMINI_PENDING):
        wake_waiting(connection, for_batches)  # what they came to wait for may be over since they looked
    return moved


def _ended(records: Sequence[Record], states: Mapping[Owned, str]) -> list[Ended]:
    """Of the attempts that ended, those that had come to know their question."""
    return [
        Ended(
            asking=Asking(owner=r.job.owner, question_hash=r.ending.question_hash, job_id=r.job.id, claim=r.job.claim),
            state=states[_claim_of(r)],
            is_twin=r.ending.is_twin,
        )
        for r in records
        if r.ending and r.ending.question_hash and _claim_of(r) in states
    ]


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
        "reused_from": ending.reused_from, "worker_id": r.job.worker_id, **usage_of(r, new_calls),
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
        .where(Job.id == e.id, Job.claim == e.claim, is_still(JobState.RUNNING))
        .values(
            state=state,
            attempts=Job.attempts - e.uncounted,
            lease_owner=None, lease_until=None, announced_until=None,
            cancel_requested=False,
            due_at=case((state == JobState.WAITING, db_after(e.delay_seconds)), else_=None),
            finished_at=case((ends, db_now()), else_=None),
            progress_done=case((e.state == JobState.SUCCEEDED, Job.progress_total), else_=Job.progress_done),
            progress_seconds_done=case(
                (e.state == JobState.SUCCEEDED, Job.progress_seconds_total), else_=Job.progress_seconds_done
            ),
            question_hash=func.coalesce(e.question_hash, Job.question_hash),
            reused_from=e.reused_from,
            model_version=func.coalesce(e.model_version, Job.model_version),
            **{f"error_{name}": case((is_cancelled, None), else_=e[name]) for name in _ERROR},
            **added(e),
        )
        .returning(Job.claim, *ended_columns())
    )  # fmt: skip


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
def _answer_insert(dialect: str) -> Executable:
    a = _ANSWERS.table(dialect).c
    source = select(*(a[key] for key in _ANSWERS.types), db_now()).where(true())
    fresh: Executable = (
        insert_into(dialect, Answer).from_select([*_ANSWERS.types, "created_at"], source).on_conflict_do_nothing()
    )
    return fresh
