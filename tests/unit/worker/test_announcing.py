"""A broker that hangs or is gone holds up nobody who announces, and what it did not take is free again."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from models.database import DatabaseUnavailableError
from tests.services.embedded import eventually
from worker import announcing
from worker.announcing import Announcing

SOON_SECONDS = 5.0


class Broker:
    """Takes bundles, refuses them, or hangs until it is told to go on."""

    def __init__(self) -> None:
        self.taken: list[list[str]] = []
        self.failure: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def announce(self, bundle: Sequence[str]) -> None:
        self.go_on.wait(SOON_SECONDS)
        if self.failure is not None:
            raise self.failure
        self.taken.append(list(bundle))


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    yield made
    made.go_on.set()


@pytest.fixture
def returned() -> list[str]:
    return []


@pytest.fixture
def way(broker: Broker, returned: list[str]) -> Announcing:
    return Announcing(broker, give_back=returned.extend)


def test_bundles_go_out_in_their_order(way: Announcing, broker: Broker) -> None:
    way.send([["a", "b"], ["c"]])
    assert way.wait_until_sent(timeout_seconds=SOON_SECONDS)
    assert broker.taken == [["a", "b"], ["c"]]
    assert way.trouble is None


def test_what_was_not_sent_is_given_back_with_all_that_waited_behind_it(
    way: Announcing, broker: Broker, returned: list[str]
) -> None:
    broker.failure = ConnectionError("refused")
    broker.go_on.clear()
    way.send([["a"], ["b", "c"], ["d"]])
    broker.go_on.set()
    assert not way.wait_until_sent(timeout_seconds=SOON_SECONDS)
    assert (returned, way.trouble) == (["a", "b", "c", "d"], "refused")


def test_a_broker_that_hangs_is_known_as_away_and_nobody_waits(
    way: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "STUCK_SECONDS", 0.05)
    broker.go_on.clear()
    way.send([["a"]])
    eventually(lambda: way.trouble, "it is seen that the broker hangs", seconds=SOON_SECONDS)
    assert not way.may_try
    broker.go_on.set()
    assert way.wait_until_sent(timeout_seconds=SOON_SECONDS)
    assert way.trouble is None


def test_after_a_failure_the_broker_is_left_alone_for_a_moment_and_then_tried_again(
    way: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.failure = ConnectionError()
    way.send([["a"]])
    assert not way.wait_until_sent(timeout_seconds=SOON_SECONDS)
    assert (way.may_try, way.trouble) == (False, "ConnectionError")
    monkeypatch.setattr(announcing, "PROBE_SECONDS", 0.0)
    assert way.may_try
    broker.failure = None
    way.send([[]])
    assert way.wait_until_sent(timeout_seconds=SOON_SECONDS)
    assert way.trouble is None


def test_a_database_that_is_away_too_does_not_end_the_announcing(broker: Broker) -> None:
    def away(_: Sequence[str]) -> None:
        raise DatabaseUnavailableError("away")

    way = Announcing(broker, give_back=away)
    broker.failure = ConnectionError("refused")
    way.send([["a"]])
    assert not way.wait_until_sent(timeout_seconds=SOON_SECONDS)
    broker.failure = None
    way.send([["b"]])
    assert way.wait_until_sent(timeout_seconds=SOON_SECONDS)
    assert broker.taken == [["b"]]
