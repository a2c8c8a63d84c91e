"""Workers that are told to leave, under load, while messages come in, and while a newer version takes their place.

Nobody waits for a lease, no attempt is spent, nothing is paid for twice and nothing is discarded.
"""

import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.people import make_recordings
from tests.faults.books import query
from tests.faults.cluster import Cluster
from tests.faults.conftest import Deployment
from tests.faults.holdings import jobs_of, outcomes_of
from tests.services.embedded import eventually
from tests.services.simulator import ROOT, simulator
from worker.broker_app import CeleryAnnouncer, build_app

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}
GRACE_SECONDS = 3.0
LEFT_OVER_SECONDS = 15.0
"""What a leaving worker may take beyond its grace to record what it gives back, on a busy machine; far below the lease."""
STARTING = [sys.executable, "-m", "tests.faults.programs.told_while_starting"]
OLDER = [sys.executable, "-m", "tests.faults.programs.older_version"]


@pytest.mark.long
def test_f12_what_a_worker_gives_back_with_200_calls_in_flight_is_another_s_at_once(deployment: Deployment) -> None:
    endless = {"match": {}, "fault": {"kind": "late", "seconds": 60}}
    with (
        simulator(faults=[endless]) as gemini,  # of its own: it is still busy with these calls when the test is over
        deployment(gemini=gemini, concurrency=200, lease_seconds=60, grace_seconds=GRACE_SECONDS) as server,
    ):
        (leaving,) = server.start(1)
        server.submit(300)
        server.wait_for_calls(200)
        (other,) = server.start(1)
        gemini.set_faults()
        begun = time.monotonic()
        assert server.leave(leaving) == [0]
        assert time.monotonic() - begun <= GRACE_SECONDS + LEFT_OVER_SECONDS
        assert jobs_of(server, leaving) == []
        assert outcomes_of(server, leaving) == {"give_back": 300}
        server.wait_until_all_done(seconds=10)
        assert outcomes_of(server, other) == {"succeed": 300}
        assert not query(server.database_url, "SELECT 1 FROM job WHERE attempts <> 1 OR losses <> 0")
        server.may_lose(200)  # the calls that were broken off after the grace, should Google have answered them
        assert server.audit().states == {"succeeded": 300}


@pytest.mark.long
def test_f12_a_worker_that_is_told_to_leave_as_soon_as_it_works_leaves_in_good_order(server: Cluster) -> None:
    server.gemini.set_faults([SLOW])
    server.submit(40)
    for _ in range(3):
        (leaving,) = server.start(1)
        assert server.leave(leaving) == [0]
        assert jobs_of(server, leaving) == []
    server.start(1)
    server.wait_until_all_done()
    assert not query(server.database_url, "SELECT 1 FROM job WHERE attempts <> 1 OR losses <> 0")
    found = server.audit()
    assert (found.states, found.paid) == ({"succeeded": 40}, 40)


def test_f12_a_worker_that_is_told_to_leave_while_it_starts_is_gone_when_it_has_started(server: Cluster) -> None:
    server.submit(5)
    server.settings["PYTHONPATH"] = str(ROOT)  # where the program is found
    (leaving,) = server.launch(1, program=STARTING)
    assert leaving.process.wait(30.0) == 0
    assert '"working"' in leaving.log.read_text()
    assert jobs_of(server, leaving) == []


@pytest.mark.long
def test_f12_jobs_that_are_announced_while_the_last_worker_leaves_stay_queued_for_the_next(server: Cluster) -> None:
    server.gemini.set_faults([{"match": {}, "fault": {"kind": "late", "seconds": 3.0}}])
    (leaving,) = server.start(1)
    ids = server.submit(40)
    server.wait_for_calls(leaving.concurrency)
    bundles = 0

    def announced() -> bool:
        nonlocal bundles
        bundles += 1
        announcer.announce(ids)
        return not leaving.is_running

    with build_app(server.loaded().settings) as app:
        announcer = CeleryAnnouncer(app)
        leaving.process.terminate()
        server.wait(announced, lambda: "the worker has left", seconds=20)
    print(f"{bundles} bundles while it left")
    assert (leaving.process.returncode, bundles > 20) == (0, True)
    assert server.states() == {"succeeded": leaving.concurrency, "queued": 40 - leaving.concurrency}
    assert not query(server.database_url, "SELECT 1 FROM job WHERE state = 'queued' AND attempts + losses > 0")
    server.gemini.set_faults()
    server.start(1)
    server.wait_until_all_done(seconds=10)
    found = server.audit()
    assert (found.states, found.paid) == ({"succeeded": 40}, 40)


@pytest.mark.long
def test_f13_recordings_are_left_for_the_worker_that_knows_them_and_spend_no_attempt(
    server: Cluster, tmp_path: Path
) -> None:
    server.settings["PYTHONPATH"] = str(ROOT)  # where the program is found
    (older,) = server.start(1, program=OLDER)
    recordings = server.submit_files(make_recordings(tmp_path / "recordings", 4), kind="transcribe")
    server.submit(20)
    server.wait_until_done(20)
    eventually(lambda: outcomes_of(server, older).get("wait", 0) >= 8, "it leaves each, again and again", seconds=10)
    assert server.states(recordings).keys() <= {"waiting", "queued", "running"}
    server.start(1)
    server.wait_until_all_done(seconds=30)
    assert not query(server.database_url, "SELECT 1 FROM job WHERE attempts <> 1")
    assert server.audit().states == {"succeeded": 24}


@pytest.mark.long
def test_f13_workers_replaced_by_a_newer_version_one_by_one_lose_and_repeat_nothing(
    server: Cluster, tmp_path: Path
) -> None:
    server.gemini.set_faults([SLOW])
    server.settings["PYTHONPATH"] = str(ROOT)  # where the program is found
    older = server.start(2, program=OLDER)
    recordings = server.submit_files(make_recordings(tmp_path / "recordings", 3), kind="transcribe")
    for leaving in older:
        server.submit(60)
        server.wait_until_done(server.done() + 10)
        server.wait_for_calls(leaving.concurrency)
        assert server.leave(leaving) == [0]
        server.start(1)
    server.wait_until_all_done()
    assert server.states(recordings) == {"succeeded": 3}
    assert not query(server.database_url, "SELECT 1 FROM job WHERE attempts <> 1 OR losses <> 0")
    found = server.audit()
    assert (found.states, found.paid) == ({"succeeded": 123}, 123)
