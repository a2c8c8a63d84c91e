"""What the pages point at is there, and what they show can be run."""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from worker.environment import CLIENT_NAMES, GEMINI_NAMES
from worker.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")
TEST_FILE = re.compile(r"`(?:(?:tests/\w+(?:/\w+)?)/)?(test_\w+\.py)`")
TEST_NAME = re.compile(r"`(test_\w+)`")
SETTING = re.compile(rf"\b{PREFIX}[A-Z_]+\b")
COMMAND = re.compile(r"mediascribe((?: [a-z]+)+)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
OUR_FILE = re.compile(r"`((?:models|media|gemini|tasks|worker|cli|simulator|client|tests|benchmarks)/[\w/]+\.\w+)`")


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(params=PAGES, ids=page_name)
def page(request: pytest.FixtureRequest) -> Path:
    """Every page in turn."""
    chosen: Path = request.param
    return chosen


def headings(text: str) -> set[str]:
    """The anchors of a page, as they are made from its headings."""
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def fences(page: Path, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(page.read_text()) if name == language]


def known_commands() -> set[str]:
    """Every command, with its group where it has one."""
    found: set[str] = set()

    def walk(command: Any, path: str) -> None:
        for name, child in getattr(command, "commands", {}).items():
            found.add(f"{path} {name}".strip())
            walk(child, f"{path} {name}".strip())

    walk(typer.main.get_command(app), "")
    return found


def test_every_link_leads_somewhere(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{path} does not exist"
        assert not anchor or anchor in headings(target.read_text()), f"{path} has no heading {anchor}"


def test_every_file_of_ours_that_is_named_exists(page: Path) -> None:
    named = OUR_FILE.findall(page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_setting_that_is_named_exists(page: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | set(GEMINI_NAMES) | CLIENT_NAMES
    assert {name for name in SETTING.findall(page.read_text()) if name != PREFIX} <= known | {PREFIX.rstrip("_")}


def test_every_command_that_is_shown_exists(page: Path) -> None:
    known = known_commands()
    for block in fences(page, "console"):
        shown = [line for line in block.splitlines() if line.startswith("$ ") and "mediascribe " in line]
        for line in shown:
            found = COMMAND.search(line)
            if found is not None:
                words = found[1].split()
                assert {words[0], " ".join(words[:2])} & known, f"{line!r} is no command"


def test_every_python_and_json_example_can_be_read(page: Path) -> None:
    for example in fences(page, "python"):
        ast.parse(example)
    for example in fences(page, "json"):
        json.loads(example)


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        for path, _ in LINK.findall(page.read_text()):
            target = (page.parent / path).resolve()
            below = sorted(target.glob("*.md")) if target.is_dir() else [target]
            waiting += [each for each in below if each.suffix == ".md" and each.is_file() and each not in seen]
    assert set(PAGES) - seen == set()


def test_every_decision_names_a_test_that_exists() -> None:
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    known, everything = {path.name for path in tests}, "\n".join(path.read_text() for path in tests)
    for decision in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        kept = decision.read_text().partition("**Kept by**")[2]
        files, names = TEST_FILE.findall(kept), TEST_NAME.findall(kept)
        assert files, f"{decision.name} names no test"
        assert [name for name in files if name not in known] == []
        assert [name for name in names if f"def {name}(" not in everything] == []


def test_decisions_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for name in names:
        assert (ROOT / "docs" / "decisions" / name).read_text().startswith(f"# {int(name[:4])}. ")


def test_the_package_carries_the_readme() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["readme"] == "README.md"
