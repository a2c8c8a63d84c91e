"""Questions in flight: of those who would ask the same, one asks and the others wait for what it gets.

A job that has read its media item takes the question, looks for a stored result in the same go, and else asks; one that
finds the question taken waits, and is queued again in the transaction in which the other ends. A question is held while
its job runs under the claim that took it, and while it is in a batch at Gemini, which may take a day. Who holds it need not
clear up: what a lost worker held is free as soon as its job was taken back.

Every transaction locks questions in the order of their key, after the jobs that it moves; twins that another
transaction has locked are left to that one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    FromClause,
    Integer,
    SQLColumnExpression,
    String,
    and_,
    delete,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from models.base import TypedId
from models.database import Database
from models.job import Job
from models.parcel import ParcelledCall, ParcelledState
from models.question import Question
from models.state import FINAL, JobState
from models.store.answers import Key, StoredResult, answered_by, results_of
from models.store.rows import INTEGER, TEXT, RowShape, insert_into
from models.store.walk import is_still

SLICE = 1_000
"""Abandoned questions a transaction."""
MOST_WOKEN = 10_000
"""Twins that one end wakes. If there should be more, the rest come when they are due."""
IN_ITS_PLACE = 8
"""Without a result one twin goes on in each batch, of so many batches: a `run` works on its own batch alone, so that the first
in line may be one that nobody works on. The first of them to come asks."""


class _ROW:
    """The columns of the question that a statement is about, for a query within it.

    Spelt out, since SQLAlchemy would take the table into the query's own FROM, or leave out its name.
    """

    owner: ColumnElement[str] = literal_column("question.owner", String())
    question_hash: ColumnElement[str] = literal_column("question.question_hash", String())
    job_id: ColumnElement[str] = literal_column("question.job_id", TypedId("job"))
    claim: ColumnElement[int] = literal_column("question.claim", Integer())


_KEY = (Question.owner, Question.question_hash)
_ASKED = RowShape(
    name="asked", types={"owner": TEXT, "question_hash": TEXT, "job_id": TypedId("job"), "claim": INTEGER}
)
_WOKEN = RowShape(name="woken", types={"owner": TEXT, "question_hash": TEXT, "most": INTEGER})
_TWINS_WOKEN: Mapping[str, int] = {JobState.SUCCEEDED: MOST_WOKEN, JobState.WAITING: 0}
"""By the state that its end leads to, how many twins go on: all, where there is a result to take. None where the job itself
comes back to ask; else `IN_ITS_PLACE`."""


class Asker(Enum):
    """Who asks a question that has no stored result."""

    THIS_JOB = "this job"
    A_TWIN = "a twin"
    """Another job is asking the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """A running job that would ask a question."""

    owner: str
    question_hash: str
    job_id: str
    claim: int
    preferred_hash: str | None = None
    """A question whose stored result, if there is one, is taken before that of this one."""

    @property
    def key(self) -> Key:
        """What it has in common with its twins."""
        return self.owner, self.question_hash


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How the attempt at a question ended."""

    asking: Asking
    state: str
    """The job's, now."""
    is_twin: bool
    """It did not ask, but waits for its twin."""

    @property
    def asked(self) -> dict[str, Any]:
        """A row of `_ASKED`."""
        return _row(self.asking)


def ask(database: Database, asking: Sequence[Asking]) -> list[StoredResult | Asker]:
    """For each, the stored result, or who asks: the job itself has the question then. Safe to repeat.

    Of those in one group that ask the same, the first takes the question. Results are looked up after the questions are
    taken: who held one until just now has stored its result by then. Uses the primary keys and ix_job_answered.
    """
    first = {one.key: one for one in reversed(asking)}
    preferred = {(one.owner, one.preferred_hash) for one in asking if one.preferred_hash}
    with database.write_unsynced() as connection:
        asked = [_row(one) for one in first.values()]
        taken = {tuple(row) for row in _ASKED.run(connection, _take(database.dialect), asked)}
        found = results_of(connection, [*{*first, *preferred}])
        known = [found.get((one.owner, one.preferred_hash or "")) or found.get(one.key) for one in asking]
        mine = [first[one.key] is one and one.key in taken for one in asking]
        in_vain = [_row(one) for one, result, is_mine in zip(asking, known, mine, strict=True) if result and is_mine]
        _ASKED.run(connection, _delete(database.dialect), in_vain)
    askers = (Asker.THIS_JOB if is_mine else Asker.A_TWIN for is_mine in mine)
    return [result or asker for result, asker in zip(known, askers, strict=True)]


def end_questions(connection: Connection, dialect: str, ended: Sequence[Ended]) -> None:
    """These attempts have just ended in this transaction: what they asked is free, and who waits for it goes on."""
    waiting = [one.asked for one in ended if one.is_twin]
    ours = [one.asked for one in ended if not one.is_twin]
    if waiting:
        _let_wait(connection, dialect, waiting, beside=ours)
    gone = _ASKED.run(connection, _delete(dialect), ours)
    if awaited := {(row.owner, row.question_hash) for row in gone if row.has_twins}:
        most = sorted((_TWINS_WOKEN.get(one.state, IN_ITS_PLACE), one.asking.key) for one in ended if not one.is_twin)
        _wake(connection, dialect, {key: count for count, key in most if key in awaited})


def _let_wait(
    connection: Connection, dialect: str, twins: Sequence[Mapping[str, Any]], *, beside: Sequence[Mapping[str, Any]]
) -> None:
    """Leave word that these twins wait; one whose question is free by now goes on at once."""
    _ASKED.run(connection, _lock(dialect), [*twins, *beside])
    marked = {tuple(row) for row in _ASKED.run(connection, _mark(dialect), twins)}
    too_late = [twin["job_id"] for twin in twins if (twin["owner"], twin["question_hash"]) not in marked]
    if too_late:
        _queue(connection, Job.id.in_(too_late))


def is_any_abandoned() -> ColumnElement[bool]:
    """Is there a question of a job that no longer runs under the claim that took it?"""
    return exists(select(Question.job_id).where(~_is_held()))


def free_abandoned(database: Database) -> int:
    """Free the questions of jobs that no longer run under the claim that took them, each for a twin of it; how many."""
    some = select(*_KEY).where(~_is_held()).order_by(*_KEY).limit(SLICE).with_for_update(skip_locked=True).cte("some")
    freed = delete(Question).where(tuple_(*_KEY).in_(select(some.c.owner, some.c.question_hash))).returning(*_KEY)
    with database.write() as connection:
        keys = [(row.owner, row.question_hash) for row in connection.execute(freed)]
        _wake(connection, database.dialect, dict.fromkeys(keys, IN_ITS_PLACE))
    return len(keys)


def _row(one: Asking) -> dict[str, Any]:
    return {"owner": one.owner, "question_hash": one.question_hash, "job_id": one.job_id, "claim": one.claim}


def _is_held() -> ColumnElement[bool]:
    """Does its job run under the claim that took it, or wait for a batch? A claim that this statement cannot see yet counts."""
    holder = aliased(Job)
    runs = or_(holder.claim < _ROW.claim, and_(holder.claim == _ROW.claim, holder.state == JobState.RUNNING))
    return or_(exists(select(holder.id).where(holder.id == _ROW.job_id, runs)), _is_in_batch())


def _is_in_batch() -> ColumnElement[bool]:
    """Is the question in a batch at Gemini, or its answer there for its job? Uses ix_parcelled_call_job.

    It is paid for, whatever became of the attempt that sent it: the worker may have left meanwhile.
    """
    holder = aliased(Job)
    states = [ParcelledState.UNDER_WAY, ParcelledState.ANSWERED]
    sent = exists().where(ParcelledCall.job_id == holder.id, ParcelledCall.state.in_(states))
    return exists(select(holder.id).where(holder.id == _ROW.job_id, holder.state.not_in(sorted(FINAL)), sent))


def _is_about(rows: FromClause) -> ColumnElement[bool]:
    return and_(Question.owner == rows.c.owner, Question.question_hash == rows.c.question_hash)


@cache
def _take(dialect: str) -> Executable:
    rows = _ASKED.table(dialect)
    a = rows.c
    is_open = answered_by(a.owner, a.question_hash).is_(None)
    source = select(a.owner, a.question_hash, a.job_id, a.claim, false()).where(is_open)
    columns = ["owner", "question_hash", "job_id", "claim", "is_awaited"]
    fresh = insert_into(dialect, Question).from_select(columns, source.order_by(a.owner, a.question_hash))
    new = fresh.excluded
    is_own = and_(Question.job_id == new.job_id, Question.claim <= new.claim)
    taken: Executable = fresh.on_conflict_do_update(
        index_elements=["owner", "question_hash"],
        set_={"job_id": new.job_id, "claim": new.claim, "is_awaited": false()},
        where=or_(is_own, ~_is_held()),
    ).returning(*_KEY)
    return taken


@cache
def _lock(dialect: str) -> Executable:
    rows = _ASKED.table(dialect)
    return select(*_KEY).join(rows, _is_about(rows)).order_by(*_KEY).with_for_update(of=Question)


@cache
def _mark(dialect: str) -> Executable:
    rows = _ASKED.table(dialect)
    return update(Question).where(_is_about(rows)).values(is_awaited=True).returning(*_KEY)


@cache
def _delete(dialect: str) -> Executable:
    rows = _ASKED.table(dialect)
    mine = and_(_is_about(rows), Question.job_id == rows.c.job_id, Question.claim == rows.c.claim)
    in_order = select(*_KEY).join(rows, mine).order_by(*_KEY).with_for_update(of=Question).cte("in_order")
    # The mark is for a twin whose transaction ended while this one waited for its lock, and that it does not see.
    twin = exists(select(Job.id).where(*_waits_for(_ROW.owner, _ROW.question_hash)))
    return (
        delete(Question)
        .where(tuple_(*_KEY).in_(select(in_order.c.owner, in_order.c.question_hash)), ~_is_in_batch())
        .returning(*_KEY, or_(Question.is_awaited, twin).label("has_twins"))
    )


def _waits_for(
    owner: SQLColumnExpression[str], question_hash: SQLColumnExpression[str]
) -> tuple[ColumnElement[bool], ...]:
    """What ix_job_twin finds."""
    return Job.state == literal_column(f"'{JobState.WAITING}'"), Job.owner == owner, Job.question_hash == question_hash


def _wake(connection: Connection, dialect: str, most: Mapping[Key, int]) -> None:
    """Queue so many of those who wait for each question."""
    rows = [{"owner": key[0], "question_hash": key[1], "most": count} for key, count in most.items() if count]
    chosen = [row.id for row in _WOKEN.run(connection, _first_in_line(dialect), rows)]
    for start in range(0, len(chosen), SLICE):
        _queue(connection, Job.id.in_(chosen[start : start + SLICE]))


@cache
def _first_in_line(dialect: str) -> Executable:
    """Of those who wait for each question, the next in line.

    Without a result, one of each batch, and none that waits for something else as well.
    """
    rows = _WOKEN.table(dialect)
    w, key, line = rows.c, (Job.owner, Job.question_hash), (Job.priority.desc(), Job.turn, Job.id)
    place = func.row_number().over(partition_by=key, order_by=line)
    in_batch = func.row_number().over(partition_by=(*key, Job.batch_id), order_by=line)
    takes_result = w.most > literal(IN_ITS_PLACE)
    waiting = (
        select(Job.id, Job.owner, Job.question_hash, place.label("place"), in_batch.label("in_batch"), w.most)
        .select_from(rows)
        .join(Job, and_(*_waits_for(w.owner, w.question_hash), or_(Job.error_code.is_(None), takes_result)))
        .subquery()
    ).c
    nth = func.row_number().over(partition_by=(waiting.owner, waiting.question_hash), order_by=waiting.place)
    chosen = (
        select(waiting.id, nth.label("nth"), waiting.most)
        .where(or_(waiting.in_batch == 1, waiting.most > literal(IN_ITS_PLACE)))
        .subquery()
    ).c
    return select(chosen.id).where(chosen.nth <= chosen.most)


def _queue(connection: Connection, chosen: ColumnElement[bool]) -> None:
    free = select(Job.id).where(chosen, is_still(JobState.WAITING)).with_for_update(skip_locked=True).cte("free")
    connection.execute(
        update(Job)
        .where(Job.id.in_(select(free.c.id)), is_still(JobState.WAITING))
        .values(state=JobState.QUEUED, due_at=None, announced_until=None)
    )
