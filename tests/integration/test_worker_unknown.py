"""What this worker cannot do or store: a kind that only a newer one knows, a record that the database refuses."""

import pytest

from models.store.submit import NewBatch, NewJob, submit
from tests.services.embedded import Bench

pytestmark = pytest.mark.parametrize("bench", ["sqlite"], indirect=True)
"""The store has no part in this; the contracts hold it over both databases."""


@pytest.mark.parametrize("changes", [{"kind": "paint"}, {"options": {"brush": 3}}], ids=["kind", "option"])
def test_a_job_that_only_a_newer_worker_knows_is_left_for_it(bench: Bench, changes: dict[str, object]) -> None:
    fields = {"kind": "caption", "source": str(bench.pictures(1)[0]), "model": "m", "lane": "m", "max_attempts": 1}
    ids = submit(bench.database, NewBatch(), [NewJob(**{**fields, **changes})]).job_ids  # type: ignore[arg-type]
    with bench.worker():
        bench.wait_for(ids, "waiting")
    job = bench.job(ids[0])
    assert (job.attempts, job.error_code) == (0, "invalid_options")
    assert not [call for call in bench.gemini.ledger() if call["labels"]["job"] in ids]


def test_a_job_whose_result_the_database_refuses_fails_and_is_not_paid_for_again(bench: Bench) -> None:
    refusal = {
        "sqlite": "CREATE TRIGGER refuse BEFORE INSERT ON result BEGIN SELECT RAISE(ABORT, 'refused'); END",
        "postgresql": "ALTER TABLE result ADD CONSTRAINT refuse CHECK (false)",
    }
    with bench.database.write() as connection:
        connection.exec_driver_sql(refusal[bench.database.dialect])
    ids = bench.submit(bench.pictures(2))
    with bench.worker():
        bench.wait_for(ids, "failed")
    assert {job.error_code for job in bench.jobs(ids)} == {"internal"}
    assert {job.calls for job in bench.jobs(ids)} == {1}
    assert len([call for call in bench.gemini.ledger() if call["labels"]["job"] in ids]) == 2
