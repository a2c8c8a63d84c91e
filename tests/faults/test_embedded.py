"""One machine, SQLite, `mediascribe run`: several processes on one file, kills, and disks that fill up."""

import os
import resource
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from models.store import queries
from models.store.queries import JobFilter
from models.store.submit import NewBatch
from tests.acceptance.people import COMMAND, Person, make_recordings, read_jsonl
from tests.faults.books import query, read_books
from tests.faults.cluster import Cluster
from tests.faults.processes import WorkerProcess
from tests.services.embedded import eventually
from worker.submit import Item, accept

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}

LONG_LEASE = 120.0
"""Whoever runs the command again on the same machine does not wait for it."""


def folder_of(cluster: Cluster, name: str, pictures: Sequence[Path]) -> Path:
    """A folder with these pictures."""
    folder = cluster.folder / name
    folder.mkdir()
    for path in pictures:
        os.link(path, folder / path.name)
    return folder


def runs(cluster: Cluster, folder: Path, out: str = "results.jsonl", **settings: object) -> WorkerProcess:
    """`mediascribe run` at work."""
    (process,) = cluster.start(1, program=[str(COMMAND), "run", str(folder), "--out", out], **settings)
    return process


def ends_well(process: WorkerProcess) -> None:
    """It ends by itself, with all jobs done, and nobody was ever told that the database is locked."""
    assert process.process.wait(60) == 0, process.end_of_log()
    assert "database is locked" not in process.log.read_text(errors="replace")


def audited(cluster: Cluster, count: int) -> None:
    """So many jobs, all succeeded, and the books are in order; whoever runs the command keeps no receipts."""
    cluster.accepted = [job["id"] for job in read_books(cluster.database_url).jobs]
    assert cluster.audit().states == {"succeeded": count}


def claimed_once(cluster: Cluster) -> None:
    assert not query(cluster.database_url, "SELECT id FROM job WHERE claim <> 1"), "a job was taken twice"


def test_f20_a_run_a_submitter_a_second_worker_and_three_readers_share_a_file(embedded: Cluster) -> None:
    embedded.gemini.set_faults([SLOW])
    first = folder_of(embedded, "first", embedded.pictures[:80])
    second = folder_of(embedded, "second", embedded.pictures[80:120])
    running = runs(embedded, first)
    somebody = Person(folder=embedded.folder, settings=embedded.settings)
    with polled(embedded, readers=3):
        later = NewBatch(name="later", idempotency_key="name:later")
        for path in embedded.pictures[120:140]:
            item = Item(kind="caption", source=str(path))
            assert accept(embedded.database, embedded.loaded().settings, later, [item]).new
        submitted = somebody.runs("submit", str(second), "--batch", "later", "--wait")
    assert submitted.returncode == 0, submitted.stderr
    assert "database is locked" not in submitted.stderr
    ends_well(running)
    claimed_once(embedded)
    audited(embedded, 140)


@contextmanager
def polled(cluster: Cluster, *, readers: int) -> Iterator[None]:
    """So many clients page through all jobs, until the block ends."""
    stopped, troubles = threading.Event(), list[BaseException]()

    def look() -> None:
        try:
            while not stopped.wait(0.05):
                for view in queries.iterate_jobs(cluster.database, JobFilter(), page=50):
                    assert (view.output is not None) == (view.state == "succeeded")
        except BaseException as error:
            troubles.append(error)
            raise

    threads = [threading.Thread(target=look) for _ in range(readers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join(10)
    assert not troubles, troubles


@pytest.mark.long
def test_f20_two_runs_of_the_same_folder_at_once_do_each_job_once(embedded: Cluster) -> None:
    embedded.gemini.set_faults([SLOW])
    media = folder_of(embedded, "media", embedded.pictures[:150])
    first = runs(embedded, media, "first.jsonl")
    second = runs(embedded, media, "second.jsonl")
    ends_well(first)
    ends_well(second)
    results = [read_jsonl(embedded.folder / name) for name in ("first.jsonl", "second.jsonl")]
    assert [len(lines) for lines in results] == [150, 150]
    assert results[0] == results[1]
    workers = query(embedded.database_url, "SELECT DISTINCT worker_id FROM attempt")
    assert len(workers) == 2, "one of them did it all"
    claimed_once(embedded)
    audited(embedded, 150)


def test_f29_a_run_killed_in_its_work_and_again_in_its_recovery_is_finished_by_the_third(embedded: Cluster) -> None:
    embedded.gemini.set_faults([SLOW])
    media = folder_of(embedded, "media", embedded.pictures[:150])
    for done in (30, 70):
        victim = runs(embedded, media, lease_seconds=LONG_LEASE)
        embedded.wait_until_done(done)
        embedded.kill(victim)
    ends_well(runs(embedded, media, lease_seconds=LONG_LEASE))
    assert len(read_jsonl(embedded.folder / "results.jsonl")) == 150
    assert query(embedded.database_url, "SELECT id FROM job WHERE losses > 0"), "nothing was in its hands"
    audited(embedded, 150)


@pytest.mark.long
def test_f29_a_run_killed_while_it_takes_back_what_a_dead_one_held_is_finished_by_the_next(embedded: Cluster) -> None:
    embedded.gemini.set_faults([SLOW])
    media = folder_of(embedded, "media", embedded.pictures[:100])
    victim = runs(embedded, media, lease_seconds=LONG_LEASE)
    embedded.wait_until_done(20)
    embedded.kill(victim)
    for _ in range(2):  # each is killed as soon as it is registered, which is when it takes back
        embedded.kill(runs(embedded, media, lease_seconds=LONG_LEASE))
    ends_well(runs(embedded, media, lease_seconds=LONG_LEASE))
    audited(embedded, 100)


# Full disks: no file may grow beyond a limit, which the kernel holds for us


@contextmanager
def little_room(pid: int, *, limit_bytes: int) -> Iterator[None]:
    """Whatever that process writes beyond that place in a file fails, until the block ends."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_f29_while_the_disk_is_full_answers_wait_in_memory_and_nothing_is_lost(embedded: Cluster) -> None:
    embedded.gemini.set_faults([SLOW])
    media = folder_of(embedded, "media", embedded.pictures[:150])
    running = runs(embedded, media)
    wal = embedded.folder / "mediascribe.db-wal"
    eventually(lambda: embedded.done() >= 20 and wal.stat().st_size > 500_000, "a journal of some size")
    with little_room(running.pid, limit_bytes=200_000):
        eventually(lambda: "holding on to finished work" in running.log.read_text(), "it says what it does")
        done = embedded.done()
        threading.Event().wait(2.0)
        assert embedded.done() == done < 150, "somebody wrote"
        assert running.is_running
    ends_well(running)
    said = [line for line in running.log.read_text().splitlines() if "holding on to finished work" in line]
    assert all("disk I/O error" in line or "full" in line for line in said), said[0]
    assert not query(embedded.database_url, "SELECT id FROM job WHERE attempts <> 1")
    audited(embedded, 150)


@pytest.mark.long
def test_f29_a_log_that_finds_no_room_on_the_full_disk_either_stops_no_work(embedded: Cluster) -> None:
    embedded.gemini.set_faults([SLOW])
    media = folder_of(embedded, "media", embedded.pictures[:100])
    running = runs(embedded, media)
    embedded.wait_until_done(20)
    with little_room(running.pid, limit_bytes=0):
        threading.Event().wait(3.0)
        assert embedded.done() < 100, "somebody wrote"
    ends_well(running)
    assert not query(embedded.database_url, "SELECT id FROM job WHERE attempts <> 1")
    audited(embedded, 100)


@pytest.mark.long
def test_f29_a_recording_is_not_to_blame_for_a_full_disk_of_temporary_files(embedded: Cluster) -> None:
    media = embedded.folder / "media"
    make_recordings(media, 3)
    running = runs(embedded, media)
    decoder = decoder_of(running)
    with little_room(decoder.pid, limit_bytes=1_000):
        eventually(lambda: tried(embedded) >= 9, "each was tried three times on average")
        assert not embedded.done(), query(embedded.database_url, "SELECT error_code, error_message FROM job")
    ends_well(running)
    assert not query(embedded.database_url, "SELECT id FROM job WHERE attempts <> 1"), "the disk cost attempts"
    assert not query(embedded.database_url, "SELECT 1 FROM attempt WHERE message LIKE '%report it%'"), "it blames us"
    audited(embedded, 3)


def tried(cluster: Cluster) -> int:
    return int(query(cluster.database_url, "SELECT count(*) AS n FROM attempt")[0]["n"])


def decoder_of(process: WorkerProcess) -> psutil.Process:
    """Its decoding process, as soon as it is there: it loads for a second before it takes its first item."""
    found: list[psutil.Process] = []

    def look() -> bool:
        found[:] = [child for child in process.children() if "spawn_main" in " ".join(child.cmdline())]
        return bool(found)

    eventually(look, "a decoding process")
    return found[0]
