"""What the tallies say, against a count of all jobs."""

from collections import Counter
from typing import Any

from sqlalchemy import select

from models.budget import Scope
from models.database import Database
from models.job import Job
from models.tally import Tally

SUMS = ("jobs", "reused", "calls", "input_tokens", "output_tokens", "thinking_tokens", "cost_usd")

Sums = dict[tuple[str, ...], tuple[Any, ...]]


def tallies(database: Database) -> Sums:
    """The sums by scope, name, kind and state, but for those that are nothing."""
    with database.read() as connection:
        rows = connection.execute(select(Tally)).all()
    return _added((row.scope, row.name, row.kind, row.state, *(getattr(row, name) for name in SUMS)) for row in rows)


def counted(database: Database) -> Sums:
    """The same from the jobs themselves."""
    with database.read() as connection:
        jobs = connection.execute(select(Job.__table__)).all()
    return _added(
        (scope, name, job.kind, job.state, 1, int(job.reused_from is not None), *(getattr(job, each) for each in SUMS[2:]))
        for job in jobs
        for scope, name in ((Scope.BATCH, job.batch_id), (Scope.OWNER, job.owner), (Scope.LANE, job.lane))
    )  # fmt: skip


def _added(rows: Any) -> Sums:
    added: Counter[tuple[str, ...]] = Counter()
    for scope, name, kind, state, *sums in rows:
        for each, value in zip(SUMS, sums, strict=True):
            added[str(scope), name, kind, state, each] += value
    keys = {key[:4] for key, value in added.items() if value}
    return {key: tuple(added[*key, each] for each in SUMS) for key in keys}
