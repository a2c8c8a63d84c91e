"""`mediascribe run --tier economy` killed at the worst moments of a parcel's life: the same command finishes, and pays once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gemini.files import Files
from simulator.bill import bill
from tests.acceptance.people import Person, make_pictures, person, read_jsonl
from tests.faults.books import query
from tests.integration.door import rest_of, rule
from tests.services.embedded import eventually
from tests.services.simulator import Simulator, simulator

PICTURES = 3
QUICK = {"economy_pack_seconds": "0.3", "economy_poll_seconds": "2"}


@pytest.fixture(scope="module")
def batches() -> Iterator[Simulator]:
    """A simulator whose batches take a moment."""
    with simulator(batch_seconds=0.2) as running:
        yield running


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When the command is killed."""

    faults: Sequence[Any]
    has_come: Callable[[Path], bool]
    settings: dict[str, str]


def parcel(folder: Path, **values: object) -> bool:
    """Does a parcel stand so?"""
    database = folder / "home" / "mediascribe.db"
    if not database.exists():
        return False
    where = " AND ".join(f"{name} = '{value}'" for name, value in values.items())
    try:
        return bool(query(f"sqlite:///{database}", f"SELECT 1 FROM parcel WHERE {where}"))
    except Exception:  # noqa: BLE001 - the tables are being made
        return False


def packed(folder: Path) -> bool:
    """Are all lines in the spool?"""
    return any(path.read_bytes().count(b"\n") == PICTURES for path in (folder / "tmp").glob("*/*par_*.jsonl"))


MOMENTS = {
    "before it is stored": Moment(faults=[], has_come=packed, settings={"economy_pack_seconds": "600"}),
    "before its upload is done": Moment(
        faults=[rule("file_upload", "503")], has_come=lambda folder: parcel(folder, state="sending"), settings={}
    ),
    "after its batch was made and before that is known": Moment(
        faults=[rule("batch_create", "500_created")],
        has_come=lambda folder: parcel(folder, state="uploaded", creations=1),
        settings={},
    ),
    "while it is under way": Moment(
        faults=[rule("batch_get", "503")], has_come=lambda folder: parcel(folder, state="sent"), settings={}
    ),
}


PROVED_BY_OTHERS = ("before its upload is done", "while it is under way")


def somebody(folder: Path, gemini: Simulator, **settings: str) -> Person:
    (folder / "tmp").mkdir(exist_ok=True)
    home = {"home": str(folder / "home"), "lease_seconds": "2"}
    made = person(folder, gemini, **home, **{**QUICK, **settings})
    return replace(made, settings={**made.settings, "TMPDIR": str(folder / "tmp")})


def _case(name: str) -> Any:
    marks = [pytest.mark.long] if name in PROVED_BY_OTHERS else []
    return pytest.param(MOMENTS[name], id=name.replace(" ", "-"), marks=marks)


@pytest.mark.parametrize("moment", [_case(name) for name in MOMENTS])
def test_a_run_that_is_killed_is_finished_by_the_same_command_and_each_question_is_paid_once(
    tmp_path: Path, batches: Simulator, moment: Moment
) -> None:
    batches.reset()
    batches.set_faults(moment.faults)
    make_pictures(tmp_path / "photos", PICTURES)
    words = ("run", "photos", "--tier", "economy", "--out", "results.jsonl")
    with somebody(tmp_path, batches, **moment.settings).starts(*words) as victim:
        eventually(lambda: moment.has_come(tmp_path), "the moment")
        victim.kill()
        victim.communicate()
    batches.set_faults()
    done = somebody(tmp_path, batches).runs(*words)

    assert done.returncode == 0, done.stderr
    results = read_jsonl(tmp_path / "results.jsonl")
    assert [(job["state"], job["attempts"], job["service_tier"]) for job in results] == [
        ("succeeded", 1, "economy")
    ] * PICTURES
    asked = sorted(call["labels"]["job"] for call in batches.ledger())
    assert asked == sorted(job["id"] for job in results)
    (item,) = bill(batches.ledger())
    assert (item.tier, item.cost_usd) == ("batch", sum(Decimal(job["usage"]["cost_usd"]) for job in results))
    rest = rest_of(batches.url)
    assert not list(Files(rest).ours("mediascribe-"))
    rest.close()
