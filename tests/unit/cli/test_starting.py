"""The command line starts at once, because nothing heavy is imported before a command runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.filters import StateChoice
from models.state import JobState

ROOT = Path(__file__).parents[3]
HEAVY = ("sqlalchemy", "pydantic", "celery", "google", "PIL", "av", "alembic", "structlog", "pysubs2", "simulator")


def test_the_help_imports_nothing_heavy() -> None:
    code = f"import sys, cli.main; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "command",
    [[], ["run"], ["submit"], ["status"], ["jobs", "list"], ["jobs", "retry"], ["results"], ["purge"], ["doctor"]],
)
def test_every_command_explains_itself(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout


def test_the_states_to_choose_from_are_those_there_are() -> None:
    assert [str(choice.value) for choice in StateChoice] == [str(state) for state in JobState]
