"""Tallies say what a count of all jobs says, whatever happened to these (`test_state_model.py` tries the orders)."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from models.budget import Scope
from models.database import Database, open_database
from models.moves import Record, succeeded
from models.state import JobState
from models.store import admin, reports
from models.store.queries import JobFilter
from models.store.record import record
from models.store.submit import NewBatch
from models.store.tallies import fold_tallies
from models.tally import Tally
from tests.contracts.jobs import claim, new_call, submit_jobs
from tests.contracts.tallied import counted, tallies


def work(database: Database, *, owner: str = "default") -> str:
    """Five jobs: one is done, one runs, one is in another lane, one is cancelled; the id of their batch."""
    submitted = submit_jobs(database, 5, batch=NewBatch(owner=owner))
    done, _ = claim(database, submitted.job_ids[:2])
    record(
        database, [Record(job=done, calls=(new_call(),), ending=succeeded({}, model_version="v", reused_from=done.id))]
    )
    admin.change_lane(database, [submitted.job_ids[2]], "other")
    admin.cancel(database, [submitted.job_ids[3]])
    return submitted.batch_id


def test_every_move_is_tallied_by_batch_owner_and_lane(database: Database) -> None:
    batch_id = work(database)
    work(database, owner="ada")
    assert tallies(database) == counted(database)
    totals = reports.totals(database, JobFilter(batch_id=batch_id))
    assert (totals.total, totals.by_state[JobState.SUCCEEDED], totals.reused, totals.calls) == (5, 1, 1, 1)
    assert reports.totals(database, JobFilter()).total == 10
    assert reports.totals(database, JobFilter(owner="ada", kind="caption")).total == 5
    assert reports.totals(database, JobFilter(owner="ada", kind="transcribe")).total == 0


def test_a_filter_that_is_not_tallied_counts_the_same(database: Database) -> None:
    batch_id = work(database)
    wanted = JobFilter(batch_id=batch_id)
    tallied, found = (
        replace(reports.totals(database, which), oldest_queued_seconds=None)
        for which in (wanted, replace(wanted, owner="default"))
    )
    assert tallied == found


def test_lines_of_connections_that_are_gone_are_added_up(database_url: str) -> None:
    for _ in range(3):
        gone = open_database(database_url)
        work(gone)
        gone.close()
    database = open_database(database_url)
    before = tallies(database)
    assert before == counted(database)
    folded = fold_tallies(database)
    assert (folded > 0) == (database.dialect == "postgresql")
    assert fold_tallies(database) == 0
    assert tallies(database) == before
    work(database)
    assert tallies(database) == counted(database)
    database.close()


def test_nothing_is_left_of_a_batch_that_was_purged(database: Database) -> None:
    kept, purged = work(database), submit_jobs(database, 3).batch_id
    admin.cancel_batch(database, purged)
    admin.purge(database, older_than_seconds=-60.0)
    assert tallies(database) == counted(database)
    with database.read() as connection:
        names = set(connection.execute(select(Tally.name).where(Tally.scope == Scope.BATCH)).scalars())
    assert names == {kept}


def test_the_pace_of_very_many_jobs_is_that_of_the_latest(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = submit_jobs(database, 6)
    admin.cancel_batch(database, submitted.batch_id)
    assert reports.totals(database, JobFilter()).finished_last_minute == 6
    monkeypatch.setattr(reports, "MOST_A_MINUTE", 4)
    assert 4 <= reports.totals(database, JobFilter()).finished_last_minute <= 6
