"""What the caller's shell holds does not change what the tests find."""

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).parents[3]


def test_no_setting_is_in_the_environment() -> None:
    assert [name for name in os.environ if name.startswith(("MEDIASCRIBE_", "GEMINI_", "GOOGLE_"))] == []


def test_settings_of_the_shell_do_not_reach_the_tests() -> None:
    shell = {"MEDIASCRIBE_MODEL": "x", "GEMINI_API_KEY": "x", "GOOGLE_API_KEY": "x", **os.environ}
    test = f"{Path(__file__).relative_to(ROOT)}::{test_no_setting_is_in_the_environment.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    ran = subprocess.run(command, cwd=ROOT, env=shell, check=False, capture_output=True, text=True)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_properties_have_no_deadline_and_the_same_examples_in_every_ci_run() -> None:
    assert settings.default is not None
    assert settings.default.deadline is None
    assert settings.default.derandomize is bool(os.environ.get("CI"))
