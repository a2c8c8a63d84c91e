"""Claiming: a worker takes jobs of the line, each by one guarded statement: of two that name the same job, one gets it."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Double, Row, and_, bindparam, literal, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from models.base import db_after, db_now
from models.database import Database
from models.job import LOSSES_IN_COMPANY, Job
from models.lane import Lane
from models.moves import ClaimedJob
from models.state import JobState
from models.store.budgets import is_out_of_budget
from models.store.claimed import claimed, claimed_columns
from models.store.fallback import asked_model, is_unbegun_elsewhere
from models.store.lanes import PROBE_SECONDS, is_stopped
from models.store.line import (
    ANNOUNCED_SECONDS,
    advance,
    is_held_back,
    line_of,
    line_of_batch,
    locked,
    outside_lanes,
    place_of,
)
from models.store.walk import is_still, walk_the_index


def claim(
    database: Database, ids: Sequence[str], *, worker_id: str, lease_seconds: float, not_lanes: Sequence[str] = ()
) -> list[ClaimedJob]:
    """Take those of the announced jobs that are still free; unknown ids are no error, nor are jobs of other lanes."""
    given = {"ids": ids, "not_lanes": not_lanes, **_taker(worker_id, lease_seconds)}
    with database.write() as connection:
        rows = connection.execute(_claim(leaves_out=bool(not_lanes)), given)
        return _in_order(rows, worker_id)


def claim_next(
    database: Database,
    *,
    limit: int,
    worker_id: str,
    lease_seconds: float,
    batch_id: str | None = None,
    announced_before_seconds: float | None = None,
    alone: bool = False,
    not_lanes: Sequence[str] = (),
) -> list[ClaimedJob]:
    """Take the next jobs in line, straight from SQL, in order of priority and turn. Uses ix_job_queued.

    Those of one batch, where it is given, in the order in which they came. Uses ix_job_batch.

    Jobs under announcement are left to the worker that will get the message, unless the announcement is older than
    `announced_before_seconds` (then the message is taken for lost). With `alone`, only jobs that have to run alone; none of
    `not_lanes`.
    """
    free: ColumnElement[bool] = Job.announced_until.is_(None)
    if announced_before_seconds is not None:
        free |= Job.announced_until < db_after(literal(ANNOUNCED_SECONDS - announced_before_seconds))
    line = line_of(free, alone=alone) if batch_id is None else line_of_batch(batch_id, free, alone=alone)
    if not_lanes:
        line = line.where(outside_lanes())
    given = {"not_lanes": not_lanes, **_taker(worker_id, lease_seconds)}
    with database.write() as connection:
        walk_the_index(connection)
        chosen = Job.id.in_(select(locked(line.limit(limit)).c.id))
        rows = connection.execute(_taking(chosen, asked_model()), given).all()
        advance(connection, database.dialect, rows)
    return _in_order(rows, worker_id)


def claim_probe(
    database: Database,
    lane: str,
    *,
    worker_id: str,
    lease_seconds: float,
    batch_id: str | None = None,
    alone: bool = False,
) -> list[ClaimedJob]:
    """Take one job of a stopped lane, to find out whether it is well again; none if another worker is at it, or there is none.

    Any job will do, announced or not. Of workers that ask at the same moment the lane's row lets one through. Uses ix_job_lane.
    """
    company = Job.losses >= LOSSES_IN_COMPANY if alone else Job.losses < LOSSES_IN_COMPANY
    mine = [~is_out_of_budget(), is_unbegun_elsewhere(), *([] if batch_id is None else [Job.batch_id == batch_id])]
    any_job = select(Job.id).where(Job.lane == lane, Job.state == JobState.QUEUED, company, *mine)
    due = update(Lane).where(Lane.name == lane, is_stopped(), Lane.probe_at <= db_now())
    with database.write() as connection:
        walk_the_index(connection)
        locked = any_job.limit(1).with_for_update(skip_locked=True, of=Job)
        job_id = connection.execute(locked).scalar()
        if job_id is None or not connection.execute(due.values(probe_at=db_after(literal(PROBE_SECONDS)))).rowcount:
            return []
        rows = connection.execute(_taking(Job.id == job_id, None), _taker(worker_id, lease_seconds))
        return _in_order(rows, worker_id)


@cache
def _claim(*, leaves_out: bool) -> ReturningUpdate[Any]:
    """The claim of jobs by their ids, built once: that costs more than to run it."""
    named = (Job.id.in_(bindparam("ids", expanding=True)), Job.losses < LOSSES_IN_COMPANY, ~is_held_back())
    return _taking(and_(*named, *([outside_lanes()] if leaves_out else [])), asked_model())


def _taking(chosen: ColumnElement[bool], asked: ColumnElement[str] | None) -> ReturningUpdate[Any]:
    """Makes the chosen jobs a worker's (the parameters are those of `_taker`), to be asked with their own model or `asked`."""
    return (
        update(Job)
        .where(chosen, is_still(JobState.QUEUED))
        .values(
            state=JobState.RUNNING,
            claim=Job.claim + 1,
            attempts=Job.attempts + 1,
            lease_owner=bindparam("taker"),
            lease_until=db_after(bindparam("lease_seconds", type_=Double())),
            announced_until=None,
            asked_model=asked,
            started_at=db_now(),
        )
        .returning(*claimed_columns(), Job.priority, Job.turn)
    )


def _taker(worker_id: str, lease_seconds: float) -> dict[str, Any]:
    return {"taker": worker_id, "lease_seconds": lease_seconds}


def _in_order(rows: Iterable[Row[Any]], worker_id: str) -> list[ClaimedJob]:
    """The jobs of claimed rows, in the order of the line."""
    return [claimed(row, worker_id) for row in sorted(rows, key=place_of)]
