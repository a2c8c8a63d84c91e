"""Items that take down whoever touches them: a worker process each time, or a decoding process each time.

The item alone pays for it; its neighbours succeed, and whoever is left works on.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from models.job import LOSSES_IN_COMPANY
from models.store.leases import LOSSES_ALONE, LOSSES_AT_MOST
from tests.acceptance.people import make_recordings
from tests.faults.books import query, read_books
from tests.faults.cluster import Cluster
from tests.faults.processes import WorkerProcess

NEIGHBOURS = 80
SHORT_LEASE_SECONDS = 2.0
KILLS = 6
"""Decoders that are killed in the course of one test."""


def test_f11_a_job_whose_worker_dies_each_time_fails_and_its_neighbours_succeed(server: Cluster) -> None:
    ids = server.submit(NEIGHBOURS + 1)
    poison = ids[NEIGHBOURS // 2]
    its_call = {"match": {"label": {"job": poison}}, "fault": {"kind": "hang"}}
    server.gemini.set_faults([its_call, {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}])
    server.start(2, lease_seconds=SHORT_LEASE_SECONDS)
    deaths = kill_whoever_runs(server, poison)
    assert deaths == ["worker"] * LOSSES_IN_COMPANY + ["isolated"] * LOSSES_ALONE
    server.wait_until_all_done()
    jobs = {job["id"]: job for job in read_books(server.database_url).jobs}
    ended = jobs.pop(poison)
    assert (ended["state"], ended["error_code"], ended["losses"]) == ("failed", "worker_lost", LOSSES_AT_MOST)
    assert {job["state"] for job in jobs.values()} == {"succeeded"}
    assert max(job["losses"] for job in jobs.values()) <= LOSSES_IN_COMPANY
    assert {job["attempts"] for job in jobs.values()} == {1}
    assert server.audit().states == {"succeeded": NEIGHBOURS, "failed": 1}


def kill_whoever_runs(cluster: Cluster, job_id: str) -> list[str]:
    """Each time that somebody works on the job, kill that process, and start a new worker in its place.

    Returns, when the job has ended, what each of them was: `worker`, or `isolated`, a worker's child.
    """
    deaths: list[str] = []
    key = job_id.removeprefix("job_")
    runs = f"SELECT pid FROM job JOIN worker ON worker.id = lease_owner WHERE job.id = '{key}' AND state = 'running'"
    ended = f"SELECT 1 FROM job WHERE id = '{key}' AND finished_at IS NOT NULL"
    killed: set[int] = set()

    def hunted() -> bool:
        for row in query(cluster.database_url, runs):
            if row["pid"] not in killed:
                killed.add(row["pid"])
                deaths.append(_kill(cluster, row["pid"]))
        return bool(query(cluster.database_url, ended))

    cluster.wait(hunted, lambda: f"{job_id} has ended; killed so far: {deaths}", seconds=60)
    return deaths


def _kill(cluster: Cluster, pid: int) -> str:
    """Kill a process that the cluster started, or that its workers did."""
    for worker in cluster.workers:
        if worker.pid == pid:
            cluster.kill(worker)
            cluster.start(1, lease_seconds=SHORT_LEASE_SECONDS)
            return "worker"
        for child in worker.children():
            if child.pid == pid:
                child.kill()
                cluster.may_lose(1)
                return "isolated"
    raise AssertionError(f"process {pid} is none of ours")


@pytest.mark.long
def test_f10_decoders_killed_again_and_again_at_work_cost_their_items_a_try_and_nothing_else(
    server: Cluster, tmp_path: Path
) -> None:
    server.settings["MEDIASCRIBE_MAX_ATTEMPTS"] = str(KILLS + 1)
    recordings = make_recordings(tmp_path, 3, seconds=90.0)
    (worker,) = server.start(1, decoder_processes=2)
    server.submit_files([path for path in recordings for _ in range(8)], kind="transcribe", reuse=False)
    for _ in range(KILLS):
        server.wait(
            lambda: killed_at_work(worker, recordings), lambda: f"a decoder at work; {server.states()}", seconds=20
        )
    server.wait_until_all_done()
    jobs = read_books(server.database_url).jobs
    spent = sum(job["attempts"] - 1 for job in jobs)
    print(f"{KILLS} decoders were killed, {spent} tries were spent")
    assert 1 <= spent <= KILLS
    assert {job["losses"] for job in jobs} == {0}
    assert worker.is_running
    assert server.audit().states == {"succeeded": 24}


def killed_at_work(worker: WorkerProcess, paths: Sequence[Path]) -> bool:
    """Kill one of the worker's decoders that has one of these files open; was there one?"""
    names = {str(path) for path in paths}
    for decoder in decoders_of(worker):
        with suppress(psutil.Error):
            if names & {file.path for file in decoder.open_files()}:
                decoder.kill()
                return True
    return False


def decoders_of(worker: WorkerProcess) -> list[psutil.Process]:
    """The decoding processes of the worker."""
    found = []
    for child in worker.children():
        with suppress(psutil.Error):
            if any("spawn_main" in word for word in child.cmdline()):
                found.append(child)
    return found


@pytest.mark.long
def test_f10_decoders_killed_while_they_have_nothing_to_do_cost_no_item_a_try(server: Cluster) -> None:
    (worker,) = server.start(1, decoder_processes=2)
    for _ in range(4):
        server.submit(8)
        server.wait_until_all_done()
        idle = decoders_of(worker)
        assert idle, "the worker has no decoder"
        for decoder in idle:
            decoder.kill()
    server.submit(8)
    server.wait_until_all_done()
    assert not query(server.database_url, "SELECT 1 FROM job WHERE attempts <> 1 OR losses <> 0")
    assert worker.is_running
    assert server.audit().states == {"succeeded": 40}
