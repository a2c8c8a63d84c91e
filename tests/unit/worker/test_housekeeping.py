"""The housekeeper forgets nothing that a failure kept it from."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from models.database import DatabaseConflictError, DatabaseUnavailableError, open_database
from models.store.outlook import Chore, Outlook
from worker.housekeeping import Housekeeper

NOTHING = Outlook(workers=1, slots=1, running=0, announced=0, due_in_seconds=None, is_free=False)


class Feeder:
    """Looks at nothing; fails once when it is asked about lost leases, and remembers what it was asked."""

    def __init__(self, error: Exception, wake: threading.Event) -> None:
        self.asked: list[frozenset[Chore]] = []
        self.seen_again = threading.Event()
        self._errors = [error]
        self._wake = wake

    def tick(self, chores: frozenset[Chore]) -> Outlook:
        self.asked.append(chores)
        if Chore.LAPSED in chores:
            if self._errors:
                self._wake.set()
                raise self._errors.pop()
            self.seen_again.set()
        return NOTHING


def looks_for_lost_leases(folder: Path, error: Exception) -> list[int]:
    """At which of its looks a housekeeper asks about lost leases, the first of which fails."""
    wake = threading.Event()
    feeder = Feeder(error, wake)
    idle = cast("Any", SimpleNamespace(refresh=lambda: None))
    housekeeper = Housekeeper(
        database=open_database(f"sqlite:///{folder / 'jobs.db'}"), feeder=cast("Any", feeder), lanes=idle, today=idle,
        wake=wake, lease_seconds=2.0, isolation=None, wakes={},
    )  # fmt: skip
    housekeeper.start()
    assert feeder.seen_again.wait(10.0)
    housekeeper.stop(grace_seconds=1.0)
    return [number for number, chores in enumerate(feeder.asked) if Chore.LAPSED in chores]


@pytest.mark.parametrize("error", [DatabaseConflictError("two at once"), RuntimeError("a bug")])
def test_what_a_failed_look_asked_about_is_asked_about_at_the_next_one(tmp_path: Path, error: Exception) -> None:
    first, second = looks_for_lost_leases(tmp_path, error)[:2]
    assert second == first + 1


def test_after_an_outage_workers_that_live_may_renew_before_they_are_judged(tmp_path: Path) -> None:
    first, second = looks_for_lost_leases(tmp_path, DatabaseUnavailableError("away"))[:2]
    assert second > first + 1
