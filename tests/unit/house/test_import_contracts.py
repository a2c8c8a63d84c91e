"""Who may import whom: the project keeps its contracts, and each contract catches what it forbids."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = (
    "models",
    "media",
    "gemini",
    "tasks",
    "worker",
    "api",
    "cli",
    "simulator",
    "migrations",
    "mediascribe_client",
)
LINTER = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the packages in `folder` against the project's own contracts."""
    return subprocess.run(
        [LINTER, "--config", ROOT / "pyproject.toml", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """All our packages, empty."""
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    return tmp_path


def test_the_project_keeps_its_import_contracts() -> None:
    checked = lint(ROOT)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("models", "media"),
        ("media", "gemini"),
        ("gemini", "media"),
        ("tasks", "worker"),
        ("worker", "cli"),
        ("api", "cli"),
        ("simulator", "models"),
        ("worker", "simulator"),
        ("migrations", "worker"),
        ("worker", "celery"),
        ("cli", "kombu"),
        ("tasks", "google.genai"),
        ("worker", "sqlalchemy"),
        ("cli", "alembic"),
        ("tasks", "PIL"),
        ("gemini", "pydub"),
        ("worker", "av"),
        ("models", "pillow_heif"),
        ("api", "redis"),
        ("worker", "obstore"),
        ("api", "httpcore2"),
        ("mediascribe_client", "models"),
        ("cli", "mediascribe_client"),
    ],
)
def test_a_forbidden_import_breaks_a_contract(skeleton: Path, importer: str, imported: str) -> None:
    (skeleton / importer / "thief.py").write_text(f"import {imported}\n")
    checked = lint(skeleton)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert f"{importer}.thief" in checked.stdout


def test_each_library_may_be_imported_where_it_lives(skeleton: Path) -> None:
    homes = {
        "models/base.py": "import sqlalchemy, alembic",
        "migrations/env.py": "import sqlalchemy, alembic, models",
        "media/image.py": "import PIL, pillow_heif, av, pydub, models",
        "media/stores.py": "import obstore, httpcore2",
        "simulator/media.py": "import PIL, av",
        "gemini/client.py": "import google.genai, models",
        "tasks/caption.py": "import gemini, media, models",
        "worker/broker.py": "import celery",
        "worker/broker_app.py": "import celery, kombu",
        "worker/quota.py": "import redis, worker.broker, tasks",
        "cli/main.py": "import worker.broker, simulator.media, models.base",
    }
    for name, lines in homes.items():
        (skeleton / name).write_text(f"{lines}\n")
    checked = lint(skeleton)
    assert checked.returncode == 0, checked.stdout + checked.stderr
