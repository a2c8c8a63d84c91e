"""The Makefile is the front door."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROMISED = {"venv", "demo", "test", "check", "bench", "soak", "help"}


def test_make_alone_lists_every_target_with_what_it_does() -> None:
    printed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", printed, flags=re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert phony is not None
    assert listed == set(phony[1].split())
    assert listed >= PROMISED


def test_make_refuses_a_python_that_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho 'too old' >&2\nexit 1\n")
    old.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "client").mkdir()
    for name in ("requirements.lock", "pyproject.toml", "client/pyproject.toml"):
        (tmp_path / name).touch()
    made = subprocess.run(["make", "venv", f"PYTHON={old}"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert made.returncode
    assert "too old" in made.stderr
    assert not (tmp_path / ".venv").exists()
