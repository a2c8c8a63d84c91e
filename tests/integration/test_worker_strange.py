"""A whole worker on strange answers: what Gemini says about its answer is stored or cut, and harms no neighbour."""

import pytest

from tests.services.embedded import Bench

pytestmark = pytest.mark.parametrize("bench", ["sqlite"], indirect=True)
"""The store has no part in this; the contracts hold it over both databases."""


@pytest.mark.parametrize("reason", ["X" * 60, "NUL\x00", "half a pair \ud83d"], ids=["long", "nul", "surrogate"])
def test_a_finish_reason_that_no_column_takes_ends_its_own_job_and_no_other(bench: Bench, reason: str) -> None:
    ids = bench.submit(bench.pictures(6))
    strange = {"match": {"label": {"job": ids[2]}}, "fault": {"kind": "finish", "reason": reason}}
    bench.gemini.set_faults([strange])
    with bench.worker(max_attempts=2):
        bench.wait_for(ids, "succeeded", "failed", seconds=8.0)
    assert sum(job.state == "succeeded" for job in bench.jobs(ids)) == 5
    assert {job.calls for job in bench.jobs(ids) if job.id != ids[2]} == {1}
