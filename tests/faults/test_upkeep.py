"""Upkeep beside the work: purging and migrating while workers, submitters and readers are busy harms none of them."""

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

import migrations
from models.database import Database, open_database
from models.store import admin, queries
from models.store.queries import JobFilter
from models.store.submit import NewBatch, Submission, submit
from tests.acceptance.people import Person
from tests.contracts.jobs import new_job
from tests.faults.audit import FINAL
from tests.faults.books import query, read_books
from tests.faults.cluster import Cluster
from tests.services.databases import migrated
from tests.services.embedded import eventually
from tests.services.postgres import PostgresServer
from tests.services.proxy import Proxy, proxy
from tests.services.proxy_link import Direction

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.1}}


# Purging


def test_f32_purging_without_pause_deletes_no_live_job(server: Cluster) -> None:
    server.gemini.set_faults([SLOW])
    query(server.database_url, _KEEP_AN_ACCOUNT)
    server.start(2)
    ids = server.submit(100, name="first")
    with again_and_again(lambda: admin.purge(server.database, older_than_seconds=0.0)) as purging, polled(server):
        ids += server.submit(100, name="second")
        eventually(lambda: not queries.get_jobs(server.database, ids), "all jobs are done and gone")
    assert not purging.exception()
    deleted = query(server.database_url, "SELECT id, state FROM deleted")
    assert {f"job_{row['id'].hex}" for row in deleted} == set(ids)
    assert {row["state"] for row in deleted} == {"succeeded"} < FINAL
    asked = Counter(call["labels"]["job"] for call in server.gemini.ledger())
    asked_otherwise = {job_id: asked[job_id] for job_id in ids if asked[job_id] != 1}
    assert not asked_otherwise, "a job was asked about twice, or never"
    server.accepted.clear()
    assert server.audit().states == {}
    assert not any(read_books(server.database_url).calls), "calls of purged jobs are left"


_KEEP_AN_ACCOUNT = """
    CREATE TABLE deleted (id uuid, state text);
    CREATE FUNCTION keep_an_account() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO deleted VALUES (OLD.id, OLD.state); RETURN OLD; END';
    CREATE TRIGGER keep_an_account BEFORE DELETE ON job FOR EACH ROW EXECUTE FUNCTION keep_an_account();
"""


@contextmanager
def again_and_again(deed: Callable[[], object]) -> Iterator["Future[None]"]:
    """Do it without pause until the block ends; what it raised is in the future."""
    stopped = threading.Event()

    def repeat() -> None:
        while not stopped.wait(0.01):
            deed()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(repeat)
        try:
            yield running
        finally:
            stopped.set()


@contextmanager
def polled(cluster: Cluster) -> Iterator[None]:
    """Two clients page through all jobs, with their outputs, until the block ends."""

    def look() -> None:
        for view in queries.iterate_jobs(cluster.database, JobFilter(), page=50):
            assert (view.output is not None) == (view.state == "succeeded")

    with again_and_again(look) as first, again_and_again(look) as second:
        yield
    assert not first.exception()
    assert not second.exception()


# A purge and a submit that meet, the moment chosen exactly


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """Somebody submits by a way on which they can be stopped, beside a purge."""

    url: str
    mine: Database
    theirs: Database
    way: Proxy

    def submit_with_purge_at(
        self, moment: bytes, batch: NewBatch, *, direction: Direction = "up", **changes: Any
    ) -> Submission:
        """Submit one job, stopped where those bytes pass; there everything ended is purged, or waits for the submit."""
        stopped = self.way.trip(moment, direction=direction)
        with ThreadPoolExecutor(2) as pool:
            submitting = pool.submit(submit, self.theirs, batch, [new_job(**changes)])
            stopped.wait()
            purging = pool.submit(admin.purge, self.mine, older_than_seconds=0.0)
            try:
                eventually(lambda: purging.done() or query(self.url, _WAITING), "the purge is done, or waits")
            finally:
                stopped.release()
            assert purging.result(20) == 1
            return submitting.result(20)


@pytest.fixture
def meeting(postgres: PostgresServer, migrated_postgres_url: str) -> Iterator[Meeting]:
    with (
        proxy(postgres.port) as way,
        closing(migrated(migrated_postgres_url)) as mine,
        closing(open_database(way.url(migrated_postgres_url))) as theirs,
    ):
        yield Meeting(url=migrated_postgres_url, mine=mine, theirs=theirs, way=way)


BATCH_IS_OPENED = b"INSERT 0 "
"""What PostgreSQL answers when the first statement of a submit, which makes its batch or finds it, is done."""
_WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
KEYED = NewBatch(name="daily", idempotency_key="daily")


def test_f32_a_batch_that_is_purged_while_somebody_submits_to_it_is_there_again(meeting: Meeting) -> None:
    done = submit(meeting.mine, KEYED, [new_job()])
    admin.cancel(meeting.mine, done.job_ids)
    submission = meeting.submit_with_purge_at(BATCH_IS_OPENED, KEYED, direction="down")
    assert queries.get_jobs(meeting.mine, submission.job_ids)


def test_f32_a_job_that_is_purged_while_somebody_submits_its_key_is_made_anew(meeting: Meeting) -> None:
    done = submit(meeting.mine, NewBatch(), [new_job(idempotency_key="k")])
    admin.cancel(meeting.mine, done.job_ids)
    submission = meeting.submit_with_purge_at(b"job.idempotency_key IN", NewBatch(), idempotency_key="k")
    assert queries.get_jobs(meeting.mine, submission.job_ids)


def test_f32_a_purge_leaves_a_batch_that_somebody_is_submitting_to(meeting: Meeting) -> None:
    done = submit(meeting.mine, KEYED, [new_job()])
    admin.cancel(meeting.mine, done.job_ids)
    submission = meeting.submit_with_purge_at(b"UPDATE batch SET next_turn", KEYED)
    assert queries.get_jobs(meeting.mine, submission.job_ids)


# Migrating


@pytest.mark.long
def test_workers_go_on_while_the_database_is_brought_up_to_date_again_and_again(server: Cluster) -> None:
    server.gemini.set_faults([SLOW])
    server.start(2)
    server.submit(150)
    administrator = Person(folder=server.folder, settings=server.settings)
    server.wait_until_done(20)
    for _ in range(3):
        upgraded = administrator.runs("db", "upgrade")
        assert upgraded.returncode == 0, upgraded.stderr
    server.wait_until_all_done()
    assert server.audit().states == {"succeeded": 150}


@pytest.mark.long
def test_workers_go_on_when_the_database_gets_a_column_of_a_newer_version_and_older_ones_that_start_say_so(
    server: Cluster, tmp_path: Path
) -> None:
    server.gemini.set_faults([SLOW])
    server.start(2)
    server.submit(150)
    server.wait_until_done(20)
    upgrade_to_the_future(server.database, tmp_path / "future")
    done = server.done()
    assert done < 150
    server.wait_until_all_done()
    old = Person(folder=server.folder, settings=server.settings).runs("worker")
    assert old.returncode == 7
    assert "does not know; start a newer version" in old.stderr
    assert server.audit().states == {"succeeded": 150}


def upgrade_to_the_future(database: Database, folder: Path) -> None:
    """Apply a revision that this version does not have: a column that may be empty, on the two busiest tables."""
    shutil.copytree(Path(migrations.__file__).parent, folder)
    (folder / "versions" / "9999_future.py").write_text(
        f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9999", "{migrations.newest_revision()}"


def upgrade():
    op.add_column("job", sa.Column("mood", sa.String(20)))
    op.add_column("call", sa.Column("mood", sa.String(20)))
"""
    )
    config = Config()
    config.set_main_option("script_location", str(folder))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
