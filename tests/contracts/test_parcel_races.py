"""Parcels that two are at in the same moment, or that meet an outage: one batch, one call a clip, and nobody is forgotten."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError
from models.failures import Failure, FailureCode, FailureError, failure
from models.moves import ClaimedJob, Record, given_back
from models.store import parcelled, parcels
from models.store.holds import end_holds
from models.store.parcelled import StoredCall
from models.store.parcels import new_parcel_id
from models.store.record import record
from tests.contracts.jobs import claim
from tests.contracts.parcels import LANE, jobs_in_hand, packed, stored
from worker.parcels import creation, sending
from worker.parcels.spool import Pack, SpooledLine

LONG_ENOUGH_SECONDS = 0.5
"""Whoever is not held up is done by then."""


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def test_a_call_that_is_just_being_packed_is_found_by_whoever_claims_its_job_next(
    database: Database, worker_id: str, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = jobs_in_hand(database, 1, worker_id)
    call = packed(job)
    is_inside, may_go_on = threading.Event(), threading.Event()

    def slowly(*words: Any) -> None:
        is_inside.set()
        may_go_on.wait(10.0)
        end_holds(*words)

    def give_back_and_claim() -> list[StoredCall]:
        record(database, [Record(job=job, ending=given_back())])
        claim(database, [job.id], worker_id=worker_id)
        return parcelled.find_calls(database, [job.id])[0]

    monkeypatch.setattr(parcelled, "end_holds", slowly)
    storing = threads.submit(stored, database, worker_id, [call])
    assert is_inside.wait(10.0)
    monkeypatch.setattr(parcelled, "end_holds", end_holds)
    found = threads.submit(give_back_and_claim)
    wait_for([found], LONG_ENOUGH_SECONDS)
    may_go_on.set()
    storing.result()
    assert [one.id for one in found.result()] == [call.id]


class SlowBatches:
    """Gemini, of which the first creation takes until it is told to go on."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.stopped: list[str] = []
        self.is_creating = threading.Event()
        self.may_go_on = threading.Event()

    def find(self, _name: str) -> None:
        return None

    def create(self, *_: str) -> Any:
        is_first = not self.is_creating.is_set()
        self.is_creating.set()
        if is_first:
            self.may_go_on.wait(10.0)
        self.made.append(f"batches/{len(self.made)}")
        return SimpleNamespace(name=self.made[-1])

    def cancel(self, name: str) -> None:
        self.stopped.append(name)


def post(database: Database, **parts: Any) -> Any:
    """What the threads of a worker share, as far as it is needed."""
    settings = SimpleNamespace(economy_poll_seconds=60.0)
    nothing: Callable[..., None] = lambda *_: None  # noqa: E731
    return SimpleNamespace(
        database=database, settings=settings, lease_seconds=0.0, note_well=nothing, note_trouble=nothing,
        stopped=threading.Event(), **parts,
    )  # fmt: skip


def test_a_batch_whose_creation_outlasts_its_lease_is_stopped_where_another_was_made(
    database: Database, worker_id: str, threads: ThreadPoolExecutor
) -> None:
    (job,) = jobs_in_hand(database, 1, worker_id)
    parcel_id = stored(database, worker_id, [packed(job)])
    parcels.note_uploaded(database, parcel_id, input_file="files/in", lease_seconds=0.0)
    gemini = SlowBatches()
    shared = post(database, batches=gemini)
    seen = parcels.get_parcel(database, parcel_id)
    assert seen is not None
    slow = threads.submit(creation.make_batch, seen, shared)
    assert gemini.is_creating.wait(10.0)
    creation.make_batch(seen, shared)  # of what it knew, somebody has asked since: it leaves it alone
    assert gemini.made == []
    due = parcels.take_due(database, lease_seconds=60.0, silent_seconds=60.0)
    assert due is not None
    creation.make_batch(due, shared)
    gemini.may_go_on.set()
    slow.result()
    known = parcels.get_parcel(database, parcel_id)
    assert known is not None
    assert (known.batch_name, gemini.stopped) == (gemini.made[0], gemini.made[1:])


@pytest.mark.parametrize("outage", [DatabaseUnavailableError, DatabaseNotReadyError])
def test_a_parcel_whose_upload_fails_while_the_database_is_away_is_dropped_when_it_is_back(
    database: Database, worker_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outage: type[Exception]
) -> None:
    (job,) = jobs_in_hand(database, 1, worker_id)
    outages, real = iter([outage("away")] * 2), parcels.drop

    def drop(*words: Any, **more: Any) -> int:
        for error in outages:
            raise error
        return real(*words, **more)

    monkeypatch.setattr(parcels, "drop", drop)
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.01)
    (path := tmp_path / "lines").write_bytes(b"{}\n")
    told = asyncio.run(_sent(database, worker_id, job, path))
    assert told.code is FailureCode.GEMINI_UNAVAILABLE
    assert parcelled.find_calls(database, [job.id]) == [[]]


async def _sent(database: Database, worker_id: str, job: ClaimedJob, path: Path) -> Failure:
    """What the job is told whose parcel cannot be uploaded."""

    def upload(*_: Any, **__: Any) -> None:
        raise FailureError(failure(FailureCode.GEMINI_UNAVAILABLE, "cut off"))

    ticket: asyncio.Future[Failure] = asyncio.get_running_loop().create_future()
    line = SpooledLine(call=packed(job), begin=0, size_bytes=3, batch_seconds=86_400.0, ticket=ticket)
    pack = Pack(parcel_id=new_parcel_id(), lane=LANE, model="m", path=path, lines=[line], size_bytes=3)
    shared = post(database, worker_id=worker_id, files=SimpleNamespace(upload=upload))
    await asyncio.to_thread(sending.send, pack, shared)
    return await asyncio.wait_for(ticket, 5.0)
