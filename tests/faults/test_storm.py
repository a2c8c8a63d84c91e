"""Everything at once: whatever combination of faults a seed draws, every job ends as it should and the books are right."""

import pytest

from tests.faults.books import read_books
from tests.faults.cluster import Cluster
from tests.faults.weather import Weather
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

SLOW = {"match": {}, "fault": {"kind": "late", "seconds": 0.5}}
STORM_SECONDS = 8.0


@pytest.mark.parametrize("seed", [1, pytest.param(3, marks=pytest.mark.long)])
def test_a_storm_of_faults_loses_no_job_and_breaks_no_invariant(
    server: Cluster, redis: RedisServer, postgres: PostgresServer, seed: int
) -> None:
    server.gemini.set_faults([SLOW])
    server.start(3)
    server.submit(250, reuse=False)
    weather = Weather(server, seed=seed, redis=redis, postgres=postgres, calm=[SLOW])
    weather.storm(STORM_SECONDS)
    print(weather.story)
    server.wait_until_all_done()
    found = server.audit()
    print(f"{dict(found.states)}, paid {found.paid}, lost {found.lost_answers}, again {found.paid_again}")
    failed = {job["error_code"] for job in read_books(server.database_url).jobs if job["state"] == "failed"}
    assert failed <= {"gemini_unavailable"}
    assert found.states["failed"] <= found.states["succeeded"] / 20
    assert found.states["partial"] == 0
