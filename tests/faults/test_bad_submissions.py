"""Bad input at the door: all that is bad is named at once, and nothing is stored, neither it nor what stands beside it.

Thousands of good items stand around the bad ones, as in a real list of files.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from celery import Celery

from models.store.submit import NewBatch
from tests.acceptance.people import COMMAND, person
from tests.faults.books import read_books
from tests.faults.cluster import Cluster
from tests.faults.conftest import Deployment
from tests.services.simulator import Simulator
from worker.submit import Item, RefusedError, accept

ITEMS = 10_000
USAGE, NOT_FOUND = 2, 5


def submits(folder: Path, gemini: Simulator, lines: Sequence[str], *flags: str) -> "subprocess.CompletedProcess[str]":
    """Somebody gives the lines to `mediascribe submit -`."""
    environment = {**os.environ, **person(folder, gemini).settings, "NO_COLOR": "1"}
    return subprocess.run(
        [COMMAND, "submit", "-", *flags], cwd=folder, env=environment, input="\n".join(lines), capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip


def stored(folder: Path, gemini: Simulator) -> int:
    """How many jobs that person has."""
    told = person(folder, gemini).reads("status")
    return int(told["total"])


def with_bad(good: Sequence[Path], bad: Mapping[int, str]) -> list[str]:
    """So many lines of good paths, with the bad ones at their places, counted from 1."""
    return [bad.get(number, str(good[number % len(good)])) for number in range(1, ITEMS + 1)]


def test_three_bad_addresses_among_ten_thousand_are_each_named_with_item_and_field_and_nothing_is_stored(
    tmp_path: Path, gemini: Simulator, pictures: Sequence[Path]
) -> None:
    bad = {17: "https://169.254.169.254/a.jpg", 5_000: "ftp://example.org/b.jpg", ITEMS: "gopher://host/c.jpg"}
    ran = submits(tmp_path, gemini, with_bad(pictures, bad))
    assert ran.returncode == USAGE
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    for number, address in bad.items():
        assert ran.stderr.count(f"item {number}: source {address} ") == 1, ran.stderr
    assert ran.stderr.count("item ") == len(bad), ran.stderr
    assert stored(tmp_path, gemini) == 0


@pytest.mark.long
def test_missing_files_and_files_of_another_sort_among_ten_thousand_are_all_named_at_once(
    tmp_path: Path, gemini: Simulator, pictures: Sequence[Path]
) -> None:
    (tmp_path / "notes.txt").write_text("words")
    bad = {17: "gone.jpg", 5_000: "notes.txt", ITEMS: "gone-too.jpg"}
    ran = submits(tmp_path, gemini, with_bad(pictures, bad))
    assert ran.returncode in {USAGE, NOT_FOUND}
    assert ran.stdout == ""
    assert [name for name in bad.values() if name not in ran.stderr] == [], ran.stderr
    assert stored(tmp_path, gemini) == 0


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (("--priority", "101"), "priority"),
        pytest.param(("--language", "no such"), "language", marks=pytest.mark.long),
        pytest.param(("--prompt", "x" * 8_001), "prompt", marks=pytest.mark.long),
    ],
    ids=["priority", "language", "prompt"],
)
def test_a_wish_that_cannot_be_is_named_by_its_field_and_told_in_a_few_lines_for_ten_thousand_items(
    tmp_path: Path, gemini: Simulator, pictures: Sequence[Path], flags: Sequence[str], field: str
) -> None:
    ran = submits(tmp_path, gemini, with_bad(pictures, {}), *flags)
    assert ran.returncode == USAGE
    assert field in ran.stderr
    assert len(ran.stderr.splitlines()) <= 30
    assert len(ran.stderr) <= 10_000
    assert stored(tmp_path, gemini) == 0


def test_bad_fields_of_all_sorts_refuse_the_whole_batch_and_each_is_named_with_its_item(server: Cluster) -> None:
    items = [Item(kind="caption", source=f"/pictures/{number}.jpg") for number in range(ITEMS)]
    source = items[0].source
    bad = {
        16: (Item(kind="caption", source=source, options={"max_tags": 51}), "max_tags"),
        17: (Item(kind="caption", source=source, options={"colour": "red"}), "colour"),
        4_999: (Item(kind="poem", source=source), "kind"),
        5_000: (Item(kind="caption", source=source, priority=101), "priority"),
        9_998: (Item(kind="caption", source=source, metadata={"weight": float("nan")}), "metadata"),
        9_999: (Item(kind="caption", source="a\0b.jpg"), "source"),
    }
    for position, (item, _) in bad.items():
        items[position] = item
    with pytest.raises(RefusedError) as refused:
        accept(server.database, server.loaded().settings, NewBatch(), items)
    named = {position: why.detail["field"] for position, why in refused.value.problems.items()}
    assert named == {position: field for position, (_, field) in bad.items()}
    for position, (_, field) in bad.items():
        assert f"item {position + 1}: " in str(refused.value)
        assert field in str(refused.value)
    assert read_books(server.database_url).jobs == []


def test_a_producer_is_told_which_field_of_its_message_cannot_be_and_nothing_is_stored(
    deployment: Deployment, redis_url: str
) -> None:
    producer = Celery("producer", broker=redis_url, backend=redis_url, set_as_current=False)
    with closing(producer), deployment(celery_result_backend=redis_url) as cluster:
        picture = str(cluster.pictures[0])
        bad = {
            "max_tags": {"source": picture, "options": {"max_tags": "many"}},
            "colour": {"source": picture, "options": {"colour": "red"}},
            "options": {"source": picture, "options": [1]},
            "source": {"source": "ftp://example.org/a.jpg"},
            "priority": {"source": picture, "priority": 101},
            "speed": {"source": picture, "speed": 3},
        }
        cluster.start(1)
        asked = {
            field: producer.send_task("mediascribe.caption", kwargs=arguments, queue="mediascribe")
            for field, arguments in bad.items()
        }
        for field, answer in asked.items():
            with pytest.raises(Exception, match=rf"invalid_options: .*\b{field}\b"):
                answer.get(timeout=20)
        good = producer.send_task("mediascribe.caption", kwargs={"source": picture}, queue="mediascribe")
        assert json.dumps(good.get(timeout=20))
        (job,) = read_books(cluster.database_url).jobs
        cluster.accepted.append(job["id"])
        assert cluster.audit().states == {"succeeded": 1}
