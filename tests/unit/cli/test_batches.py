"""The batch of a run: the same command finds it again, and may send what is not done to another tier."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.batches import Accepted, Asked, accept_run
from cli.files import MediaFile
from gemini.price_files import load_prices
from models.database import Database
from models.store import queries
from models.tier import ServiceTier
from tests.services.databases import migrated
from worker.settings import Settings

MODEL = "gemini-3.8-flash"
ASKED = Asked(paths=("/photos",), kind="caption", model=MODEL, options={}, force=False)
PICTURES = [MediaFile(kind="caption", path=f"/photos/{number}.jpg", size_bytes=9, modified_ns=0) for number in range(2)]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = migrated(f"sqlite:///{tmp_path}/jobs.db")
    yield opened
    opened.close()


def run(database: Database, tier: ServiceTier | None, **settings: ServiceTier) -> Accepted:
    asked = replace(ASKED, tier=tier)
    return accept_run(database, Settings.model_validate(settings), asked, PICTURES, prices=load_prices())


def lanes(database: Database, accepted: Accepted) -> set[str]:
    return {view.lane for view in queries.get_jobs(database, accepted.job_ids).values()}


@pytest.mark.parametrize(
    ("tier", "lane"),
    [(None, f"{MODEL}:flex"), (ServiceTier.STANDARD, MODEL), (ServiceTier.FLEX, f"{MODEL}:flex")],
)
def test_the_same_run_sends_what_is_not_done_to_the_tier_that_it_names(
    database: Database, tier: ServiceTier | None, lane: str
) -> None:
    first = run(database, ServiceTier.FLEX)
    assert (first.lane, lanes(database, first)) == (f"{MODEL}:flex", {f"{MODEL}:flex"})
    again = run(database, tier)
    assert again.job_ids == first.job_ids
    assert lanes(database, again) == {lane}


def test_a_run_that_names_no_tier_has_that_of_the_settings(database: Database) -> None:
    assert lanes(database, run(database, None, service_tier=ServiceTier.FLEX)) == {f"{MODEL}:flex"}
