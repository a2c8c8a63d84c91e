"""What a person is told while questions are in batches at Gemini."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from cli.exits import Exit
from cli.progress import Standing
from cli.signals import Stop
from cli.status import status_lines, status_shape
from cli.waiting import Watch, wait_for
from models.database import Database
from models.failures import FailureCode, failure
from models.moves import ClaimedJob, Record, waits
from models.store import reports
from models.store.holds import reserve
from models.store.queries import JobFilter
from models.store.record import record
from tests.contracts.budgets import pay, want
from tests.contracts.jobs import new_worker
from tests.contracts.parcels import jobs_in_hand, packed, sent
from tests.services.databases import migrated
from worker.environment import load_settings


class Notes(list[str]):
    """What was shown as waited for."""

    def show(self, standing: Standing) -> None:
        self.append(standing.note)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = migrated(f"sqlite:///{tmp_path}/jobs.db")
    yield opened
    opened.close()


@pytest.fixture
def jobs(database: Database) -> list[ClaimedJob]:
    """Two jobs of one batch that wait for one parcel."""
    worker_id = new_worker(database)
    found = jobs_in_hand(database, 2, worker_id, budget_usd=Decimal(1))
    sent(database, worker_id, [packed(job) for job in found])
    pending = failure(FailureCode.GEMINI_PENDING, "In a batch.")
    record(database, [Record(job=job, ending=waits(pending, delay_seconds=3_600.0)) for job in found])
    return found


def watch_of(database: Database, job: ClaimedJob) -> Watch:
    baseline = reports.totals(database, JobFilter(batch_id=job.batch_id))
    return Watch(batch_id=job.batch_id, lane=job.lane, has_recordings=False, baseline=baseline)


def test_run_says_how_many_answers_it_waits_for_and_that_it_may_be_left(
    database: Database, jobs: list[ClaimedJob]
) -> None:
    shown = Notes()
    wait_for(database, watch_of(database, jobs[0]), stop=Stop(), shown=shown, timeout_seconds=0.0)
    assert shown[0].startswith("waiting for 2 answers of batches at Gemini since ")
    assert shown[0].endswith("up to a day; Ctrl-C stops, the same command goes on")


def test_status_says_what_is_in_batches_since_when(database: Database, jobs: list[ClaimedJob]) -> None:
    batch = reports.find_batch(database, jobs[0].batch_id)
    for which in (batch, None):
        lines = status_lines(status_shape(database, load_settings().settings, which))
        (line,) = [line for line in lines if line.startswith("waits")]
        assert line.startswith("waits    for 1 batch at Gemini with 2 questions, since 20")


def test_waiting_does_not_end_with_the_money_while_paid_answers_are_to_come(
    database: Database, jobs: list[ClaimedJob]
) -> None:
    pay(database, jobs[0], "1")
    assert reserve(database, [want(jobs[0], "0.1")]) != [None]  # which marks the budget as spent
    ended = wait_for(database, watch_of(database, jobs[0]), stop=Stop(), shown=Notes(), timeout_seconds=0.0)
    assert ended.code is Exit.TIMED_OUT
