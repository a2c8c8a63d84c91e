"""The documentation names tests as proof: each of them exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DELIVERY = ROOT / "docs" / "explanation" / "delivery.md"


def existing() -> set[str]:
    sources = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for source in sources for name in re.findall(r"^ *def (test_\w+)", source, flags=re.MULTILINE)}


def test_every_test_that_a_page_names_exists() -> None:
    pages = {path: path.read_text() for path in (ROOT / "docs").rglob("*.md")}
    named = {(path.name, name) for path, text in pages.items() for name in re.findall(r"`(test_\w+)`", text)}
    assert {(page, name) for page, name in named if name not in existing()} == set()


def test_every_promise_names_tests_that_exist() -> None:
    rows = [line for line in DELIVERY.read_text().splitlines() if line.startswith("|") and "_" in line]
    named = {name.removeprefix("test_") for row in rows for name in re.findall(r"`(\w{9,})`", row) if "_" in name}
    assert len(named) > 30
    assert {name for name in named if f"test_{name}" not in existing()} == set()


def test_every_fault_of_the_list_has_a_test_that_bears_its_number() -> None:
    numbers = {int(number) for name in existing() for number in re.findall(r"^test_f(\d+)_", name)}
    assert set(range(1, 33)) - numbers == {31}, "f31 is the soak"
