"""Workers that are killed, frozen, cut off from the database, overworked or wrong about the time.

Every job ends, once, by whoever holds it, and no more is paid again than was in flight.
"""

import itertools
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.acceptance.people import make_recordings
from tests.faults.books import query, read_books
from tests.faults.cluster import LEASE_SECONDS, Cluster
from tests.faults.holdings import begun_at, calls_of, jobs_of, outcomes_of, registered, wait_until_taken_over
from tests.faults.processes import WorkerProcess
from tests.services.embedded import eventually
from tests.services.postgres import PostgresServer
from tests.services.proxy import Proxy, proxy
from tests.services.simulator import ROOT

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}
SHORT_LEASE_SECONDS = 2.0
BEAT = b"UPDATE worker SET running"
"""With these words a heartbeat begins, and nothing else."""
BEATS_IN_WORDS = 5
"""On one connection; from then on the statement is prepared and goes by a number."""
ON_THE_WAY_SECONDS = 0.5
"""From the decision to call to the moment at which Gemini notes the call, on a busy machine."""


@pytest.fixture
def way(postgres: PostgresServer) -> Iterator[Proxy]:
    """The way to PostgreSQL on which beats get lost."""
    with proxy(postgres.port) as way:
        yield way


@pytest.mark.long
def test_f5_workers_killed_again_and_again_lose_no_job(server: Cluster) -> None:
    server.gemini.set_faults([SLOW])
    server.start(2)
    ids = server.submit(200)
    for done in (30, 70, 110):
        server.wait_until_done(done)
        victim = server.chance.choice([worker for worker in server.workers if worker.is_running])
        server.kill(victim)
        server.start(1)
    server.wait_until_all_done()
    found = server.audit()
    assert found.states == {"succeeded": len(ids)}


@pytest.mark.long
def test_f6_when_every_worker_is_killed_at_once_the_next_to_start_does_all_the_work(server: Cluster) -> None:
    server.gemini.set_faults([SLOW])
    killed = server.start(3)
    server.submit(80)
    server.wait_until_done(20)
    server.kill(*killed)
    server.start(1)
    server.wait_until_all_done()
    assert not query(server.database_url, "SELECT 1 FROM job WHERE attempts <> 1 OR losses > 1")
    assert server.audit().states == {"succeeded": 80}


@pytest.mark.long
def test_f6_what_a_killed_worker_left_on_disk_is_cleared_by_the_next_to_start(server: Cluster, tmp_path: Path) -> None:
    server.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": 2.0}}])
    recordings = make_recordings(tmp_path / "recordings", 4)
    (victim,) = server.start(1)
    server.submit_files(recordings, kind="transcribe")
    server.wait_for_calls(len(recordings))
    server.kill(victim)
    assert _left_by(server, victim), "it was killed in the middle of recordings, and left their clips"
    server.gemini.set_faults()
    (heir,) = server.start(1)
    assert not _left_by(server, victim)
    assert len(_folders_of(server, heir)) == 1
    server.wait_until_all_done()
    assert server.audit().states == {"succeeded": len(recordings)}


def _folders_of(cluster: Cluster, worker: WorkerProcess) -> list[Path]:
    return list(cluster.temporary.glob(f"mediascribe-{worker.pid}-wrk_*"))


def _left_by(cluster: Cluster, worker: WorkerProcess) -> list[Path]:
    return [path for folder in _folders_of(cluster, worker) for path in (folder, *folder.rglob("*.flac"))]


def test_f7_a_frozen_worker_that_comes_back_changes_no_job_keeps_its_paid_answers_and_works_on(
    server: Cluster,
) -> None:
    server.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": 0.5}}])
    frozen, other = server.start(2, lease_seconds=SHORT_LEASE_SECONDS)
    server.submit(60)
    server.wait_for_calls(frozen.concurrency + other.concurrency)
    server.freeze(frozen)
    thawed_at = time.monotonic() + 3 * SHORT_LEASE_SECONDS
    server.wait_until_all_done(seconds=20)
    lapsed = outcomes_of(server, frozen)["lapse"]
    before = _endings(server)
    eventually(lambda: time.monotonic() >= thawed_at, "three leases have passed")
    frozen.thaw()
    server.wait(lambda: _late_answers(server), lambda: "its paid answers are kept", seconds=10)
    server.leave(other)
    more = server.submit(20)
    server.wait(lambda: server.states(more) == {"succeeded": 20}, lambda: f"{server.states(more)}", seconds=20)
    after = _endings(server)
    assert {job_id: after[job_id] for job_id in before} == before
    assert outcomes_of(server, frozen)["lapse"] == lapsed
    assert 1 <= _late_answers(server) <= frozen.concurrency
    found = server.audit()
    assert (found.states, found.lost_answers) == ({"succeeded": 80}, 0)


def _endings(cluster: Cluster) -> dict[str, tuple[object, ...]]:
    """Of each job what only its owner may change, its result included."""
    rows = query(
        cluster.database_url,
        "SELECT id, state, claim, attempts, losses, finished_at, output::text, result.created_at FROM job "
        "LEFT JOIN result ON job_id = id WHERE state = 'succeeded'",
    )
    return {str(row["id"]): tuple(row.values()) for row in rows}


def _late_answers(cluster: Cluster) -> int:
    """Answers in the books that came for a claim which was no longer the last."""
    late = "SELECT 1 FROM call JOIN job ON job.id = job_id WHERE call.claim < job.claim AND response_id IS NOT NULL"
    return len(query(cluster.database_url, late))


def test_f8_a_worker_whose_heartbeat_hangs_begins_no_call_beyond_its_lease_and_works_on_when_it_beats_again(
    server: Cluster, way: Proxy
) -> None:
    outlives_the_lease = {"kind": "late", "seconds": 2 * LEASE_SECONDS}
    server.gemini.set_faults([{"match": {}, "times": 16, "fault": outlives_the_lease}, SLOW])
    (other,) = server.start(1)
    hangs = way.trip(BEAT, nth=BEATS_IN_WORDS)
    (cut_off,) = server.start(1, database_url=way.url(server.database_url))
    server.submit(100)
    hangs.wait()
    server.wait_until_all_done()
    lease_end = registered(server, cut_off)["beat_at"].timestamp() + LEASE_SECONDS
    assert max(begun_at(calls_of(server, cut_off))) <= lease_end + ON_THE_WAY_SECONDS
    assert max(begun_at(calls_of(server, other))) > lease_end + ON_THE_WAY_SECONDS, "there was more to do"
    outcomes = outcomes_of(server, cut_off)
    assert outcomes.keys() == {"lapse"}, "it took nothing more"
    assert outcomes["lapse"] > cut_off.concurrency, "it had jobs in hand that it began no call about"
    hangs.release()
    server.leave(other)
    more = server.submit(20)
    server.wait(lambda: server.states(more) == {"succeeded": 20}, lambda: f"{server.states(more)}", seconds=20)
    # Its calls in flight when the lease ended may have been asked again by the other.
    server.allowance = replace(server.allowance, paid_again=cut_off.concurrency)
    assert not query(server.database_url, "SELECT 1 FROM job WHERE attempts <> 1")
    found = server.audit()
    assert (found.states, found.lost_answers) == ({"succeeded": 120}, 0)


@pytest.mark.long
def test_f8_a_heartbeat_whose_connection_is_cut_again_and_again_loses_no_job(server: Cluster, way: Proxy) -> None:
    server.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": LEASE_SECONDS + 1}}])
    (worker,) = server.start(1, database_url=way.url(server.database_url))
    server.submit(16)
    server.wait_for_calls(worker.concurrency)
    cuts = [way.trip(BEAT, nth=number, then="cut") for number in (1, 2, 4, 5, 7, 8)]
    cuts[-1].wait(2 * LEASE_SECONDS)
    server.wait_until_all_done()
    assert "did not reach the database" in worker.log.read_text()
    assert not query(server.database_url, "SELECT 1 FROM job WHERE claim <> 1 OR losses <> 0")
    assert server.audit().states == {"succeeded": 16}


@pytest.mark.long
def test_f9_the_heartbeat_keeps_its_pace_while_every_slot_decodes_large_pictures(
    server: Cluster, tmp_path: Path
) -> None:
    lease_seconds = 9.0
    paths = large_pictures(tmp_path, 4)
    (worker,) = server.start(1, lease_seconds=lease_seconds, decoder_processes=2)
    server.submit_files([paths[number % 4] for number in range(40)], reuse=False)
    beats: list[float] = []

    def sampled() -> bool:
        beats.append(registered(server, worker)["beat_at"].timestamp())
        return server.done() == 40

    server.wait(lambda: len(jobs_of(server, worker)) > worker.concurrency, lambda: "all slots are taken", seconds=10)
    server.wait(sampled, lambda: f"{server.states()}", seconds=40)
    gaps = [later - earlier for earlier, later in itertools.pairwise([*beats, time.time()])]
    print(f"{len(set(beats))} beats, the greatest gap was {max(gaps):.2f} s")
    assert len(set(beats)) >= 3
    assert max(gaps) < lease_seconds / 3
    assert server.audit().states == {"succeeded": 40}


def large_pictures(folder: Path, count: int, *, seed: int = 11) -> list[Path]:
    """So many photographs of 12 megapixels, no two alike."""
    chance, paths = random.Random(seed), []
    for number in range(count):
        rough = Image.frombytes("RGB", (200, 150), chance.randbytes(200 * 150 * 3))
        paths.append(folder / f"large-{number}.jpg")
        rough.resize((4_000, 3_000)).save(paths[-1], "JPEG", quality=90)
    return paths


@pytest.mark.long
@pytest.mark.parametrize("minutes", [10, -10])
def test_f26_a_worker_whose_clock_is_wrong_keeps_its_leases_takes_nobody_else_s_and_is_replaced_in_time(
    server: Cluster, minutes: int
) -> None:
    outlives_the_lease = {"match": {"every": 8}, "fault": {"kind": "late", "seconds": SHORT_LEASE_SECONDS + 1}}
    passing = {"match": {"every": 5}, "times": 8, "fault": {"kind": "503"}}
    server.gemini.set_faults([passing, outlives_the_lease, SLOW])
    server.settings["PYTHONPATH"] = str(ROOT)  # where the program is found
    program = [sys.executable, "-m", "tests.faults.programs.wrong_clock", str(60 * minutes)]
    (wrong,) = server.start(1, program=program, lease_seconds=SHORT_LEASE_SECONDS)
    (right,) = server.start(1, lease_seconds=SHORT_LEASE_SECONDS)
    server.submit(60)
    server.wait_until_all_done()
    assert f"{60 * minutes} seconds off" in wrong.log.read_text(), "its clock is not wrong"
    assert min(outcomes_of(server, worker)["succeed"] for worker in (wrong, right)) >= 8
    assert not query(server.database_url, "SELECT 1 FROM job WHERE losses <> 0")
    times = [job["finished_at"] - job["created_at"] for job in read_books(server.database_url).jobs]
    assert 0 < min(times) <= max(times) < 60, "a time in the books is not the database's"
    server.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": 2.0}}])
    server.submit(24)
    owner = registered(server, wrong)["id"]
    renewed = f"SELECT 1 FROM job WHERE lease_owner = '{owner}' AND lease_until > started_at + interval '2.1 s'"
    eventually(lambda: query(server.database_url, renewed), "it has renewed its leases")
    server.kill(wrong)
    wait_until_taken_over(server, wrong, seconds=SHORT_LEASE_SECONDS + 5)
    server.wait_until_all_done()
    assert server.audit().states == {"succeeded": 84}
