"""Making the batch of a `run`, so that the same command finds it again: what is done is kept, the rest goes on."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

from cli.files import MediaFile
from cli.options import options_of
from gemini.prices import PriceTable
from models.database import Database
from models.state import FINAL, LIVE, JobState
from models.store import admin, queries, reports
from models.store.queries import JobFilter, JobView
from models.store.submit import NewBatch
from models.tier import ServiceTier, lane_of
from worker.settings import Settings
from worker.submit import Item, accept, chosen_tier, local_source

SLICE = 10_000
"""Jobs accepted in one transaction."""
PAGE = 1_000
_FIRST_OPTIONS = ("language", "prompt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a `run` asks for."""

    paths: tuple[str, ...]
    kind: str
    model: str
    options: Mapping[str, Any]
    """Of the jobs of all kinds."""
    force: bool
    budget_usd: Decimal | None = None
    """What may be spent on the batch; None leaves what was said before. Not part of the question."""
    tier: ServiceTier | None = None
    """None is that of the settings, and leaves jobs that there are where they are. Not part of the question either."""

    def batch_key(self) -> str:
        """The same for the same question about the same paths.

        Options that came later than `language` and `prompt` are in it where they are given, so that a command without
        them still finds the batch that an earlier version made.
        """
        where = sorted({local_source(path) for path in self.paths})
        later = {name: value for name, value in self.options.items() if name not in _FIRST_OPTIONS}
        first = [self.options.get(name) for name in _FIRST_OPTIONS]
        words = json.dumps([where, self.kind, self.model, *first, *([later] if later else [])], sort_keys=True)
        return "run:" + hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """The batch, and which of its jobs this command is about."""

    batch_id: str
    lane: str
    """Of jobs that are new."""
    job_ids: frozenset[str]
    done_before: int
    """Jobs that an earlier run had done already."""
    retried: int
    """Jobs that had failed or were cancelled, and are tried again."""


def accept_run(
    database: Database, settings: Settings, asked: Asked, media: Sequence[MediaFile], *, prices: PriceTable
) -> Accepted:
    """Store a job for each file that has none yet, and queue again what may succeed now.

    Raises RefusedError, DatabaseUnavailableError.
    """
    key = _forced_key(database, asked) if asked.force else asked.batch_key()
    lane = lane_of(asked.model, chosen_tier(asked.tier, settings, model=asked.model))
    batch = NewBatch(name=f"run {asked.paths[0]}"[:200], idempotency_key=key, budget_usd=asked.budget_usd)
    items = [
        Item(
            kind=file.kind, source=file.path, options=options_of(file.kind, asked.options), model=asked.model,
            service_tier=asked.tier, idempotency_key=file.key(key), reuse=not asked.force,
        )
        for file in media
    ]  # fmt: skip
    ids: set[str] = set()
    new: set[str] = set()
    batch_id = ""
    for start in range(0, len(items), SLICE):
        submission = accept(database, settings, batch, items[start : start + SLICE], prices=prices)
        batch_id = submission.batch_id
        ids.update(submission.job_ids)
        new |= submission.new
    known = [view for view in pages(database, JobFilter(batch_id=batch_id)) if view.id not in new]
    # Files that are gone or have changed since: their old jobs would only be paid for in vain.
    admin.cancel(database, [view.id for view in known if view.id not in ids and view.state in LIVE])
    again = [view.id for view in known if view.id in ids and may_succeed_now(view)]
    retried = admin.retry(database, again)
    if asked.tier is not None:
        admin.change_lane(database, [view.id for view in known if view.id in ids and view.lane != lane], lane)
    done = sum(view.id in ids and view.state is JobState.SUCCEEDED for view in known)
    return Accepted(batch_id=batch_id, lane=lane, job_ids=frozenset(ids), done_before=done, retried=len(retried))


def _forced_key(database: Database, asked: Asked) -> str:
    """The key of a batch of new answers: of one that was interrupted, so that the same command goes on; else a new one."""
    prefix = f"{asked.batch_key()}:"
    return reports.unfinished_key(database, prefix) or prefix + uuid4().hex


def may_succeed_now(view: JobView) -> bool:
    """Is the job ended without success, in a way that another try may mend?"""
    if view.state is JobState.CANCELLED:
        return True
    return view.state in FINAL and view.state is not JobState.SUCCEEDED and bool(view.error_retryable)


def pages(database: Database, wanted: JobFilter) -> Iterator[JobView]:
    """All matching jobs without their outputs, newest first."""
    before: str | None = None
    while True:
        views = queries.list_jobs(database, wanted, limit=PAGE, before=before)
        yield from views
        if len(views) < PAGE:
            return
        before = views[-1].id


def with_outputs(database: Database, ids: Sequence[str]) -> Iterator[JobView]:
    """The jobs with their outputs, in this order, a page in memory at a time."""
    for start in range(0, len(ids), PAGE):
        part = ids[start : start + PAGE]
        found = queries.get_jobs(database, part)
        yield from (found[job_id] for job_id in part if job_id in found)
