"""Recovery has bounds, and no worker has to be started again for it."""

import pytest

from tests.faults import recovery
from tests.faults.cluster import LEASE_SECONDS, Cluster
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer


def test_the_jobs_of_a_lost_worker_run_again_within_its_lease_and_five_seconds(server: Cluster) -> None:
    assert recovery.worker_lost(server) <= LEASE_SECONDS + 5
    server.wait_until_all_done()
    server.audit()


@pytest.mark.long
def test_messages_are_taken_within_five_seconds_of_the_broker_s_return(
    server: Cluster, redis: RedisServer, redis_url: str
) -> None:
    assert recovery.broker_back(server, redis, redis_url) <= 5
    server.audit()


@pytest.mark.long
def test_work_never_rests_for_five_seconds_when_the_broker_is_gone_for_good(
    server: Cluster, redis: RedisServer
) -> None:
    assert recovery.broker_gone(server, redis) <= 5
    server.audit()


def test_work_flows_within_five_seconds_of_the_database_s_return(server: Cluster, postgres: PostgresServer) -> None:
    assert recovery.database_back(server, postgres) <= 5
    server.wait_until_all_done()
    server.audit()


@pytest.mark.long
def test_a_worker_told_to_leave_with_200_calls_in_flight_is_out_within_its_grace_and_holds_nothing(
    server: Cluster,
) -> None:
    assert recovery.told_to_leave(server, calls=200, grace_seconds=2.0) <= 2.0 + 5
    server.gemini.set_faults()
    server.start(1)
    server.wait_until_all_done()
    server.audit()
