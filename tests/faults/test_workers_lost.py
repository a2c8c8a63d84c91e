"""Workers that are killed, frozen, told to leave: every job ends, once, and no more is paid again than was in flight."""

from tests.faults.cluster import Cluster

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}


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
