"""A worker that has nothing to do asks for little, and is there at once when there is something."""

import time

import pytest

from models.store.webhooks import log
from models.store.webhooks.log import DeliveryFilter
from tests.contracts.webhooks.telling import endpoint
from tests.services.embedded import Bench, eventually
from tests.services.statements import statements
from worker.webhooks.courier import LOOK_SECONDS

SECONDS = 10.0


@pytest.mark.long
def test_an_idle_worker_sends_fewer_than_two_statements_a_second(bench: Bench) -> None:
    """Its heartbeat, on a connection of its own, is one in ten seconds."""
    with bench.worker(lease_seconds=60.0):
        bench.wait_for(bench.submit(bench.pictures(3)), "succeeded")
        time.sleep(1.0)  # what follows the last job
        with statements(bench.database) as seen:
            time.sleep(SECONDS)
    work = [words for words in seen if words != "BEGIN"]
    assert len(work) + 1 < 2 * SECONDS, "\n".join(work)


def test_the_housekeeper_s_look_wakes_the_courier(bench: Bench) -> None:
    """Who by himself looks around only now and then."""
    endpoint(bench.database)
    with bench.worker():
        bench.wait_for(bench.submit(bench.pictures(1)), "succeeded")
        began = time.monotonic()
        eventually(lambda: log.list_deliveries(bench.database, DeliveryFilter(), limit=1)[0].attempts, "a try")
        assert time.monotonic() - began < LOOK_SECONDS / 6
