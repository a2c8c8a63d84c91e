"""The economy tier at work: half of the price to the last digit of the bill, and every way in which batches go wrong."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gemini.files import Files
from models.store import parcels
from models.store.reports import attempts_of, calls_of
from models.store.usage import UsageBy, UsageFilter, usage_by
from simulator.bill import bill
from tests.integration.door import rest_of, rule
from tests.services.embedded import Bench, eventually, migrated
from tests.services.simulator import Simulator, simulator

MODEL = "gemini-3.8-flash"
ECONOMY = f"{MODEL}:economy"
QUICK: dict[str, Any] = {"economy_pack_seconds": 0.2, "economy_poll_seconds": 0.1}


@pytest.fixture(scope="module")
def shared_gemini() -> Iterator[Simulator]:
    """A simulator whose batches take a moment."""
    with simulator(batch_seconds=0.2) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, shared_gemini: Simulator) -> Iterator[Bench]:
    """As ever, but with quick parcels and an empty ledger."""
    url: str = f"sqlite:///{tmp_path}/jobs.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    database = migrated(url)
    shared_gemini.set_faults()
    shared_gemini.reset()
    yield Bench(database=database, database_url=url, gemini=shared_gemini, folder=tmp_path, settings=QUICK)
    database.close()


def billed(bench: Bench) -> dict[str, Decimal]:
    """Gemini's bill, by tier."""
    return {item.tier: item.cost_usd for item in bill(bench.gemini.ledger())}


def spent(bench: Bench) -> dict[str, Decimal]:
    """Ours, by lane."""
    return {lane: used.cost_usd for lane, used in usage_by(bench.database, UsageBy.LANE, UsageFilter()).items()}


def files_left(bench: Bench) -> list[str]:
    rest = rest_of(bench.gemini.url)
    try:
        return [file.display_name for file in Files(rest).ours("")]
    finally:
        rest.close()


def test_pictures_and_a_recording_cost_half_and_leave_nothing_at_gemini(bench: Bench) -> None:
    ids = bench.submit(bench.pictures(40), service_tier="economy")
    ids += bench.submit([bench.recording(25.0)], "transcribe", service_tier="economy")
    with bench.worker():
        jobs = bench.wait_for(ids, "succeeded", "failed", "partial")
        eventually(lambda: not files_left(bench), "the uploads are deleted")
        eventually(lambda: parcels.take_due(bench.database, lease_seconds=0, silent_seconds=0) is None, "no parcel")

    assert {job.state for job in jobs} == {"succeeded"}
    assert {call["tier"] for call in bench.gemini.ledger()} == {"batch"}
    assert len(bench.gemini.ledger()) == 40 + 3
    assert spent(bench) == {ECONOMY: billed(bench)["batch"]} == {ECONOMY: sum(job.cost_usd for job in jobs)}
    assert {job.attempts for job in jobs} == {1}
