"""No statement of a tick, a claim, a page or a count reads more of the jobs than it is about, however many there are.

On PostgreSQL every statement is run and counted, in blocks of 8 KiB: once as it is right after many jobs came, of which the planner
knows nothing, and once after it has looked at the table. SQLite says how it would go about it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from models.bulk_action import BulkVerb
from models.database import Database
from models.moves import Record, succeeded, waits
from models.state import JobState
from models.store import (
    admin,
    bulk_actions,
    causes,
    claims,
    dispatch,
    lane_views,
    leases,
    queries,
    questions,
    replies,
    reports,
    usage,
)
from models.store.outlook import Chore, look
from models.store.queries import JobFilter
from models.store.record import record
from models.store.submit import NewBatch
from models.store.webhooks import endpoints
from models.store.webhooks.outbox import tell_batches
from tests.contracts.jobs import TRANSIENT, new_call, new_worker, submit_jobs
from tests.contracts.webhooks.telling import BOTH, endpoint
from tests.services.databases import migrated
from tests.services.multiply import multiply
from tests.services.plans import Plans, explained
from tests.services.postgres import PostgresServer

SOME = 20_000
MANY = 1_000_000
BUNDLE = 32
MOST_BLOCKS_READ = 300
MOST_BLOCKS_WRITTEN = 120
"""A row: its page, the indexes over what changes, the row of another table that comes with it."""
MOST_BLOCKS_GROUPED = 3 * causes.MOST_GROUPED
NO_PRODUCERS = {"sqlite": {"pk_job"}, "postgresql": set()}
"""Who speaks Celery, and waits for replies, does so with PostgreSQL."""
FINISHED = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 day')", "postgresql": "now() - interval '1 day'"}


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """A database with as many jobs that are queued as that are done, and a few of another owner's."""

    database: Database
    queued: str
    """The batch whose jobs all wait."""
    done: str
    """The one whose jobs are done, of a hundred one failed."""
    small: str
    worker_id: str

    def analyse(self) -> None:
        """Let the database look at its tables."""
        with self.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Which database."""
    return str(request.param)


@pytest.fixture(scope="module", params=[SOME, pytest.param(MANY, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def backlog(
    request: pytest.FixtureRequest, dialect: str, tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> Iterator[Backlog]:
    """So many jobs of either sort, that have just come."""
    url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/jobs.db" if dialect == "sqlite" else postgres.create_database()
    database = migrated(url)
    if dialect == "postgresql":
        with database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE job SET (autovacuum_enabled = off)")
    yield _fill(database, request.param)
    database.close()
    if dialect == "postgresql":
        postgres.drop_database(url)


def _fill(database: Database, count: int) -> Backlog:
    queued, done = (submit_jobs(database, 1, batch=NewBatch(name=name)) for name in ("queued", "done"))
    small = submit_jobs(database, 50, batch=NewBatch(name="small", owner="ada"))
    hashed = "substr('0123456789abcdef' || CAST(n AS text) || 'fedcba9876543210', 1, 30)"
    multiply(database, queued.job_ids[0], count, first=1)
    multiply(
        database, done.job_ids[0], count, first=2 * MANY, question_hash=hashed, claim="1", attempts="1",
        state="CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'succeeded' END", finished_at=FINISHED[database.dialect],
        error_code="CASE WHEN n % 100 = 0 THEN 'media_corrupt' END",
        error_message="CASE WHEN n % 100 = 0 THEN 'cannot be decoded' END",
    )  # fmt: skip
    return Backlog(
        database=database, queued=queued.batch_id, done=done.batch_id, small=small.batch_id, worker_id=new_worker(database)
    )  # fmt: skip


def asks(backlog: Backlog) -> dict[str, tuple[Callable[[], Any], set[str]]]:
    """What is asked again and again, and which of the job's indexes may be used for it."""
    database = backlog.database
    return {
        "look": (
            lambda: look(database, alive_seconds=60.0),
            {"ix_job_announced", "ix_job_waiting", "ix_job_queued", "ix_job_lane"},
        ),
        "look after everything": (
            lambda: look(database, alive_seconds=60.0, chores=frozenset(Chore)),
            {"ix_job_announced", "ix_job_waiting", "ix_job_queued", "ix_job_lane", "ix_job_running", "ix_job_deadline",
             "ix_job_alone", "pk_job"},
        ),
        "alone": (lambda: dispatch.any_alone(database), {"ix_job_alone"}),
        "wake": (lambda: dispatch.wake(database), {"ix_job_waiting", "pk_job"}),
        "lapse": (lambda: leases.lapse(database), {"ix_job_running"}),
        "expire": (lambda: leases.expire(database), {"ix_job_deadline"}),
        "abandoned questions": (lambda: questions.free_abandoned(database), {"pk_job"}),
        "replies": (lambda: replies.owed(database, limit=9), {"ix_job_unreported", *NO_PRODUCERS[database.dialect]}),
        "purge": (lambda: admin.purge(database, older_than_seconds=1e7), {"ix_job_finished", "ix_job_of_batch", "ix_job_batch", "pk_job"}),
        "lanes": (lambda: lane_views.list_lanes(database), set()),
        "usage": (lambda: usage.usage(database, usage.UsageFilter()), set()),
    }  # fmt: skip


def counts(backlog: Backlog) -> dict[str, JobFilter]:
    """Whose jobs are counted."""
    return {
        "all": JobFilter(), "of an owner": JobFilter(owner="default"), "of a kind": JobFilter(kind="caption"),
        "queued": JobFilter(batch_id=backlog.queued), "done": JobFilter(batch_id=backlog.done),
        "small": JobFilter(batch_id=backlog.small),
    }  # fmt: skip


def lists(backlog: Backlog) -> dict[str, tuple[JobFilter, str]]:
    """The filters of lists, some of which nothing matches; and the index that each is read from."""
    batches: dict[str, dict[str, Any]] = {
        name: {"batch_id": getattr(backlog, name)} for name in ("queued", "done", "small")
    }
    owners: dict[str, dict[str, Any]] = {owner: {"owner": owner} for owner in ("default", "ada")}
    by_state: dict[str, tuple[dict[str, Any], str]] = {"": ({}, "ix_job_state")}
    by_state |= {name: (given, "ix_job_batch") for name, given in batches.items()}
    by_state |= {name: (given, "ix_job_owner_state") for name, given in owners.items()}
    found = {
        f"{state} {name}": (JobFilter(state=state, **given), index)
        for state in JobState
        for name, (given, index) in by_state.items()
    }
    found |= {name: (JobFilter(**given), "ix_job_of_batch") for name, given in batches.items()}
    found |= {name: (JobFilter(**given), "ix_job_owner") for name, given in owners.items()}
    codes = {"corrupt": "media_corrupt", "internal": "internal"}
    found |= {name: (JobFilter(error_code=code), "ix_job_error") for name, code in codes.items()}
    found["internal done"] = JobFilter(error_code="internal", batch_id=backlog.done), "ix_job_error"
    found["since now"] = JobFilter(since=datetime.now(UTC)), "pk_job"
    found["since now done"] = JobFilter(since=datetime.now(UTC), batch_id=backlog.done), "ix_job_of_batch"
    return found


def check(
    plans: Plans, what: str, *, indexes: set[str], blocks: int = MOST_BLOCKS_READ, is_sorted: bool = False
) -> None:
    """Fail where the jobs are read from end to end, sorted, or found by another index than these."""
    told = "\n".join(map(str, plans.found))
    assert not plans.scans("job"), f"{what}: {told}"
    assert plans.indexes("job") <= indexes, f"{what}: {told}"
    assert plans.blocks <= blocks, f"{what}: {told}"
    assert is_sorted or not plans.sorts("job"), f"{what}: {told}"


def check_reading(backlog: Backlog) -> None:
    database = backlog.database
    for what, (ask, indexes) in asks(backlog).items():
        with explained(database) as plans:
            ask()
        check(plans, what, indexes=indexes, is_sorted=what in UNORDERED)
    for what, wanted in counts(backlog).items():
        with explained(database) as plans:
            reports.count_states(database, wanted)
        check(plans, f"count of {what}", indexes=set())
        with explained(database) as plans:
            reports.totals(database, wanted)
        firsts = {"ix_job_finished", "ix_job_batch", "ix_job_owner_state", "ix_job_state"}
        check(plans, f"totals of {what}", indexes=firsts)
    for what, (wanted, index) in lists(backlog).items():
        for before in (None, "job_" + "f" * 32):
            with explained(database) as plans:
                queries.list_jobs(database, wanted, limit=50, before=before)
            check(plans, f"list of {what}", indexes={index})
        with explained(database) as plans:
            next(queries.iterate_jobs(database, wanted, page=50), None)
        check(plans, f"stream of {what}", indexes={index}, blocks=4 * MOST_BLOCKS_READ)
    for what, wanted in counts(backlog).items():
        with explained(database) as plans:
            causes.failure_groups(database, wanted)
        by = {"ix_job_batch", "ix_job_owner_state", "ix_job_state", "pk_job"}
        check(plans, f"causes of {what}", indexes=by, blocks=MOST_BLOCKS_GROUPED, is_sorted=True)


def check_moving(backlog: Backlog) -> None:
    """Some jobs from the line to their end."""
    database, most = backlog.database, BUNDLE * MOST_BLOCKS_WRITTEN
    hand: Any = {"worker_id": backlog.worker_id, "lease_seconds": 60.0}
    by_id = {"pk_job"}

    def moved(what: str, act: Callable[[], Any], indexes: set[str]) -> Any:
        with explained(database) as plans:
            done = act()
        check(plans, what, indexes=indexes, blocks=most, is_sorted=what in UNORDERED)
        return done

    ids = moved("announce", lambda: dispatch.announce(database, limit=BUNDLE), {"ix_job_queued", "pk_job"})
    assert moved("still queued", lambda: dispatch.still_queued(database, ids), by_id) == ids
    moved("unannounce", lambda: dispatch.unannounce(database, ids), by_id)
    jobs = moved("claim", lambda: claims.claim(database, ids, **hand), by_id)
    line = {"ix_job_queued", "pk_job"}
    jobs += moved("claim next", lambda: claims.claim_next(database, limit=BUNDLE, **hand), line)
    for batch_id in (backlog.queued, backlog.small):
        next_of = partial(claims.claim_next, database, limit=BUNDLE, batch_id=batch_id, **hand)
        some = moved("claim of a batch", next_of, {"ix_job_batch", "pk_job"})
        assert {job.batch_id for job in some} <= {batch_id}
    assert len(jobs) == 2 * BUNDLE
    moved("probe", lambda: claims.claim_probe(database, "m", **hand), {"ix_job_lane"})
    held = {job.id: job.claim for job in jobs[:BUNDLE]}
    moved("beat", lambda: leases.beat(database, backlog.worker_id, held, lease_seconds=60.0, draining=False), by_id)
    asking = [
        questions.Asking(owner=job.owner, question_hash=(job.id[4:] * 2), job_id=job.id, claim=job.claim)
        for job in jobs[:BUNDLE]
    ]
    moved("ask", lambda: questions.ask(database, asking), {"ix_job_answered", "pk_job"})
    ends = [
        Record(job=job, calls=(new_call(),), ending=succeeded({}, model_version="v", question_hash=one.question_hash))
        for job, one in zip(jobs, asking, strict=False)
    ]
    assert all(moved("record", lambda: record(database, ends), {"pk_job", "ix_job_twin"}))
    later = [Record(job=job, ending=waits(TRANSIENT, delay_seconds=0.0)) for job in jobs[BUNDLE:]]
    assert all(moved("record of waits", lambda: record(database, later), {"pk_job", "ix_job_twin"}))
    assert moved("wake", lambda: dispatch.wake(database), {"ix_job_waiting", "pk_job"}) == BUNDLE
    moved("submit", lambda: submit_jobs(database, BUNDLE), by_id)
    check_telling(backlog)
    check_bulk_actions(backlog)


def check_telling(backlog: Backlog) -> None:
    """Ends of which somebody wants to hear: of a job, and of batches, ended or not."""
    database = backlog.database
    watching = endpoint(database, *BOTH)
    with explained(database) as plans:
        admin.cancel(database, dispatch.announce(database, limit=1))
        with database.write() as connection:
            tell_batches(connection, database.dialect, dict.fromkeys((backlog.queued, backlog.done), watching.owner))
    check(plans, "telling", indexes={"pk_job", "ix_job_batch", "ix_job_of_batch", "ix_job_queued"})
    endpoints.delete_endpoint(database, watching.id)


def check_bulk_actions(backlog: Backlog) -> None:
    """Those of an owner with few jobs, and back again, read their jobs alone."""
    database = backlog.database
    for verb in BulkVerb:
        for wanted in (JobFilter(owner="ada"), JobFilter(owner="ada", batch_id=backlog.small)):
            new = bulk_actions.NewBulkAction(action=verb, wanted=wanted)
            with explained(database) as plans:
                bulk_actions.preview_bulk_action(database, new)
                bulk_actions.create_bulk_action(database, new)
                while bulk_actions.work_on_some(database):
                    pass
            by = {
                "pk_job",
                "ix_job_batch",
                *({"ix_job_owner", "ix_job_owner_state"} if wanted.batch_id is None else {"ix_job_of_batch"}),
            }
            check(plans, f"{verb} of {wanted}", indexes=by, blocks=100 * MOST_BLOCKS_WRITTEN, is_sorted=True)


UNORDERED = {"abandoned questions", "ask", "replies", "record", "record of waits"}
"""Of the few jobs that answered a question, the latest is taken."""


def test_statements_read_no_more_than_they_are_about(backlog: Backlog) -> None:
    for _ in range(2):  # as the jobs have just come, and as the database has looked at them
        check_moving(backlog)
        check_reading(backlog)
        backlog.analyse()
