"""Rules that hold for every file of the checkout."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[3]
MAX_FILE_LINES = 300
MAX_BODY_LINES = 40
TABLE_LISTS = "migrations/versions/"
"""Lists of tables and columns: long, and without anything to follow."""

IGNORED = [line for line in (ROOT / ".gitignore").read_text().splitlines() if line and not line.startswith("#")]
MACHINE_PATH = re.compile(r"(?<![\w.}-])/(?:root|home|Users|work)/\w|\b[A-Z]:\\Users\\")
INDEX_HOST = re.compile(r"pypi\.org|python[h]osted\.org|--(?:extra-)?index-url\b|--find[-]links\b", re.IGNORECASE)


def files_under(folder: Path) -> Iterator[Path]:
    """Every file that belongs to the project: what git ignores, and git's own, left out."""
    for path in sorted(folder.iterdir()):
        if path.name == ".git" or any(fnmatch(path.name, pattern) for pattern in IGNORED):
            continue
        if path.is_dir():
            yield from files_under(path)
        else:
            yield path


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every text file."""
    for path in files_under(ROOT):
        data = path.read_bytes()
        if b"\0" not in data:
            yield str(path.relative_to(ROOT)), data.decode(errors="replace")


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_the_walk_sees_the_project_and_nothing_that_git_ignores() -> None:
    names = {str(path.relative_to(ROOT)) for path in files_under(ROOT)}
    assert {"pyproject.toml", ".ci/run", "models/failures.py", "tests/unit/house/test_files.py"} <= names
    assert not [name for name in names if ".venv" in name or "__pycache__" in name]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_matching(MACHINE_PATH) == []


def test_no_file_names_a_package_index() -> None:
    assert lines_matching(INDEX_HOST) == []


def test_what_the_rules_above_look_for_is_found() -> None:
    assert MACHINE_PATH.search("data = '/" + "home/ada/photos'")
    assert INDEX_HOST.search("--" + "find-links")
    assert not MACHINE_PATH.search("https://example.org/home/photos")


def test_no_python_file_is_longer_than_300_lines() -> None:
    lengths = {name: len(text.splitlines()) for name, text in texts() if name.endswith(".py")}
    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_body_is_longer_than_40_lines() -> None:
    long = [
        f"{name}:{node.lineno} {node.name}: {body_lines(node)} lines"
        for name, text in texts()
        if name.endswith(".py") and not name.startswith(TABLE_LISTS)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > MAX_BODY_LINES
    ]
    assert long == []
