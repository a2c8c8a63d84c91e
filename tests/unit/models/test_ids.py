"""Identifiers are UUIDs of version 7 (RFC 9562) with a prefix, and sort by the time of their making."""

import threading
import time
import uuid
from typing import get_args

import pytest

from models.ids import Prefix, first_id, is_id, new_id

PREFIXES = get_args(Prefix)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_identifier_is_a_version_7_uuid_of_the_rfc_variant(prefix: Prefix) -> None:
    for _ in range(200):
        name, _, digits = new_id(prefix).partition("_")
        made = uuid.UUID(digits)
        assert (name, made.version, made.variant) == (prefix, 7, uuid.RFC_4122)


def test_an_identifier_begins_with_the_milliseconds_of_its_making() -> None:
    before = time.time_ns() // 1_000_000
    milliseconds = int(new_id("job").removeprefix("job_"), 16) >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_identifiers_sort_in_the_order_of_their_making() -> None:
    """The clock counts in steps of a quarter of a microsecond there; those of one step are in any order."""
    made = [(time.time_ns() // 1_000, new_id("job")) for _ in range(5_000)]
    in_order = [made[0]]
    for moment, identifier in made:
        if moment > in_order[-1][0] + 1:
            in_order.append((moment, identifier))
    assert len(in_order) > 10
    assert [identifier for _, identifier in in_order] == sorted(identifier for _, identifier in in_order)


def test_no_two_are_alike_whoever_makes_them() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(new_id("cal") for _ in range(5_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20_000


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_identifier_is_told_by_its_prefix(prefix: Prefix) -> None:
    made = new_id(prefix)
    assert [other for other in PREFIXES if is_id(made, other)] == [prefix]


@pytest.mark.parametrize(
    "text",
    [
        None, 7, b"job_" + b"0" * 32, "", "job_", "job_" + "0" * 31, "job_" + "0" * 33, "job_" + "G" * 32,
        "job_" + "A" * 32, "job_" + "0" * 32 + "\n", " job_" + "0" * 32, "jobs_" + "0" * 32, "job_" + "\u0660" * 32,
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_identifier_is_not_taken_for_one(text: object) -> None:
    assert not is_id(text, "job")


@pytest.mark.parametrize("seconds", [-62_135_596_800.0, 0.0, 253_402_300_799.0, 1e300])
def test_the_first_id_of_any_time_is_one(seconds: float) -> None:
    assert is_id(first_id("job", seconds), "job")


def test_ids_made_from_a_time_on_are_no_less_than_its_first() -> None:
    begun = time.time()
    assert first_id("job", begun) <= new_id("job") < first_id("job", begun + 60.0)
