"""What a producer does with mediascribe in the benchmarks: submit batches, announce them, read what was stored."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import func, select

import migrations
from models.budget import Scope
from models.database import Database, open_database
from models.job import Job, Result
from models.state import FINAL
from models.store.budgets import BudgetView, list_budgets
from models.store.submit import NewBatch
from worker.broker_app import announcer_for
from worker.dispatch import announcing_by, publish
from worker.environment import load_settings
from worker.ready_database import open_ready_database
from worker.submit import Item, accept


class Side:
    """A producer with a database of its own to look into; makes the tables when it is entered."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = load_settings(environment=settings, dotenv=Path("none")).settings
        self._batches: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Build the tables."""
        if not self._settings.embedded:
            database = open_database(self._settings.resolved_database_url())
            migrations.upgrade(database)
            database.close()
        self._database = open_ready_database(self._settings, pool_size=2)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut the connections."""
        self._database.close()

    @property
    def database(self) -> Database:
        """What it stores in, and what is looked at."""
        return self._database

    def submit(self, batch: str, paths: Sequence[Path], *, budget_usd: Decimal | None = None, **wish: Any) -> None:
        """Accept a batch, and announce it where there is a broker. `wish` is what each item asks for besides."""
        items = [Item(kind="caption", source=str(path), **wish) for path in paths]
        made = NewBatch(name=batch, budget_usd=budget_usd)
        self._batches[batch] = accept(self._database, self._settings, made, items).batch_id
        if not self._settings.embedded:
            announcing = announcing_by(announcer_for(self._settings), self._database)
            publish(self._database, announcing, alive_seconds=self._settings.lease_seconds)
            announcing.wait_until_sent(timeout_seconds=5.0)

    def count(self, batch: str) -> int:
        """How many of its jobs are final."""
        counted = select(func.count()).where(Job.batch_id == self._batches[batch], Job.state.in_(sorted(FINAL)))
        with self._database.read() as connection:
            return int(connection.execute(counted).scalar_one())

    def standing(self, batch: str) -> BudgetView:
        """How the batch's budget stands."""
        (view,) = list_budgets(self._database, scope=Scope.BATCH, name=self._batches[batch])
        return view

    def stored(self, batch: str) -> list[tuple[float, float, Mapping[str, Any] | None]]:
        """Begin, end and output of its jobs."""
        wanted = (
            select(Job.started_at, Job.finished_at, Result.output)
            .outerjoin(Result, Result.job_id == Job.id)
            .where(Job.batch_id == self._batches[batch])
        )
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return [(began.timestamp(), ended.timestamp(), output) for began, ended, output in rows if began and ended]
