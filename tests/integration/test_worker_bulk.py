"""A worker does bulk actions beside its jobs."""

import pytest

from models.bulk_action import BulkState, BulkVerb
from models.store import admin, bulk_actions
from models.store.bulk_actions import NewBulkAction
from models.store.queries import JobFilter
from tests.services.embedded import Bench, eventually
from tests.unit.media.pictures import encoded, scene


@pytest.mark.parametrize("bench", ["sqlite"], indirect=True)
def test_a_worker_retries_what_an_action_says(bench: Bench) -> None:
    picture = bench.folder / "a.png"
    picture.write_bytes(encoded(scene(), "PNG"))
    ids = bench.submit([picture] * 3)
    admin.cancel(bench.database, ids)
    wanted = JobFilter(owner="default", ids=tuple(ids))
    action_id = bulk_actions.create_bulk_action(bench.database, NewBulkAction(action=BulkVerb.RETRY, wanted=wanted))

    def is_done() -> bool:
        view = bulk_actions.find_bulk_action(bench.database, action_id, owner="default")
        return view is not None and view.state is BulkState.SUCCEEDED

    with bench.worker():
        eventually(is_done, "the action is done")
        bench.wait_for(ids, "succeeded")
