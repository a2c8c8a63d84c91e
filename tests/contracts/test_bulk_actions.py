"""Bulk actions: frozen when they are made, done once by whoever does it, and the record of what was done."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, select, update

from models.bulk_action import BulkState, BulkVerb
from models.database import Database, DatabaseUnavailableError
from models.job import Job
from models.state import JobState
from models.store import admin, bulk_actions
from models.store.bulk_actions import BulkActionView, NewBulkAction, work_on_some
from models.store.outlook import Chore, look
from models.store.queries import JobFilter
from models.store.submit import NewBatch
from tests.contracts.jobs import claim, submit_jobs

COUNT = 1_100
"""Two slices."""


def create(database: Database, action: str = "cancel", *, owner: str = "default", **wanted: Any) -> str:
    new = NewBulkAction(action=BulkVerb(action), wanted=JobFilter(owner=owner, **wanted), reason="why", key_id="k")
    return bulk_actions.create_bulk_action(database, new)


def view(database: Database, action_id: str) -> BulkActionView:
    found = bulk_actions.find_bulk_action(database, action_id, owner="default")
    assert found is not None
    return found


def counts(database: Database, action_id: str) -> tuple[BulkState, int, int, int]:
    found = view(database, action_id)
    return found.state, found.total, found.changed, found.skipped


def states(database: Database, ids: tuple[str, ...]) -> set[str]:
    with database.read() as connection:
        return set(connection.execute(select(Job.state).where(Job.id.in_(ids)).distinct()).scalars())


def finish(database: Database) -> None:
    while work_on_some(database):
        pass


def test_what_is_previewed_is_what_is_done_and_nothing_else(database: Database) -> None:
    """Neither jobs of others, nor of another kind, nor those that are made after it was asked for."""
    mine = submit_jobs(database, COUNT)
    other = submit_jobs(database, 3, kind="transcribe")
    bobs = submit_jobs(database, 3, batch=NewBatch(owner="bob"))
    wanted = JobFilter(owner="default", kind="caption")
    preview = bulk_actions.preview_bulk_action(database, NewBulkAction(action=BulkVerb.CANCEL, wanted=wanted))
    assert (preview.total, len(preview.examples)) == (COUNT, 5)
    action_id = create(database, kind="caption")
    later = submit_jobs(database, 3)
    assert counts(database, action_id) == (BulkState.PENDING, COUNT, 0, 0)
    finish(database)
    assert counts(database, action_id) == (BulkState.SUCCEEDED, COUNT, COUNT, 0)
    assert states(database, mine.job_ids) == {JobState.CANCELLED}
    assert states(database, other.job_ids + bobs.job_ids + later.job_ids) == {JobState.QUEUED}


def test_a_retry_takes_what_had_ended_when_it_was_asked_for(database: Database) -> None:
    jobs = submit_jobs(database, 5)
    later, ended = jobs.job_ids[:2], jobs.job_ids[2:]
    admin.cancel(database, ended)
    action_id = create(database, "retry", batch_id=jobs.batch_id)
    admin.retry(database, ended[:1])  # somebody was faster
    admin.cancel(database, later)
    long_after = datetime(2099, 1, 1, tzinfo=UTC)
    with database.write() as connection:  # so that it is later on a clock of milliseconds too
        connection.execute(update(Job).where(Job.id.in_(later)).values(finished_at=long_after))
    finish(database)
    assert counts(database, action_id) == (BulkState.SUCCEEDED, 3, 2, 1)
    assert states(database, ended) == {JobState.QUEUED}
    assert states(database, later) == {JobState.CANCELLED}


def test_a_running_job_is_asked_to_stop_and_counts_once(database: Database) -> None:
    jobs = submit_jobs(database, 2)
    claim(database, jobs.job_ids[:1])
    ids = create(database, ids=jobs.job_ids)
    finish(database)
    assert counts(database, ids) == (BulkState.SUCCEEDED, 2, 2, 0)
    assert counts(database, create(database, ids=jobs.job_ids)) == (BulkState.SUCCEEDED, 0, 0, 0)


def test_an_aborted_action_stops_where_it_is(database: Database) -> None:
    submit_jobs(database, COUNT)
    action_id = create(database, kind="caption")
    assert work_on_some(database)
    assert not bulk_actions.abort_bulk_action(database, action_id, owner="bob")
    assert bulk_actions.abort_bulk_action(database, action_id, owner="default")
    assert not bulk_actions.abort_bulk_action(database, action_id, owner="default")
    assert not work_on_some(database)
    assert counts(database, action_id) == (BulkState.ABORTED, COUNT, admin.SLICE, 0)


def test_a_slice_that_was_cut_off_is_as_if_it_had_not_begun(database: Database) -> None:
    """The worker is gone between changing the jobs and noting how far it was; another goes on."""
    jobs = submit_jobs(database, COUNT)
    action_id = create(database, kind="caption")
    assert work_on_some(database)

    def break_off(*arguments: Any) -> None:
        if arguments[2].startswith("UPDATE bulk_action"):
            raise DatabaseUnavailableError("gone")

    event.listen(database.writer, "before_cursor_execute", break_off)
    with pytest.raises(DatabaseUnavailableError):
        work_on_some(database)
    event.remove(database.writer, "before_cursor_execute", break_off)
    assert counts(database, action_id)[2] == admin.SLICE
    admin.retry(database, jobs.job_ids[:1])  # by somebody who wants it all the same: it had its turn
    finish(database)
    assert counts(database, action_id) == (BulkState.SUCCEEDED, COUNT, COUNT, 0)
    assert states(database, jobs.job_ids[:1]) == {JobState.QUEUED}
    assert states(database, jobs.job_ids[1:]) == {JobState.CANCELLED}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_who_work_on_the_same_actions_do_each_job_once(database: Database) -> None:
    submit_jobs(database, COUNT)
    submit_jobs(database, COUNT, kind="transcribe")
    actions = [create(database, kind=kind) for kind in ("caption", "transcribe")]
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            work_on_some(database)
            if not look(database, alive_seconds=60.0, chores=frozenset({Chore.BULK_ACTION})).chores:
                is_over.set()

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(work) for _ in range(2)]:
            one.result(60)
    assert [counts(database, each) for each in actions] == [(BulkState.SUCCEEDED, COUNT, COUNT, 0)] * 2
