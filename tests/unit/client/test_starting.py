"""Importing the client costs little, and works beside packages that bear the names of ours."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MOST_SECONDS = 0.150
TRIES = 5
HEAVY = ("httpx2", "httpcore2", "pydantic", "asyncio", "standardwebhooks")


def run(code: str, *flags: str, cwd: Path = ROOT) -> str:
    """What a program of its own prints."""
    done = subprocess.run([sys.executable, *flags, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_client_loads_nothing_heavy() -> None:
    code = f"import sys; from mediascribe_client import Mediascribe; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(code) == "[]\n"


def test_importing_the_client_takes_less_than_150_ms() -> None:
    """Of processor time, so that what else the machine does tells little; the best of a few tries."""
    code = "import time; before = time.process_time(); from mediascribe_client import Mediascribe, verify_webhook; print(time.process_time() - before)"
    taken: list[float] = []
    while not taken or (taken[-1] >= MOST_SECONDS and len(taken) < TRIES):
        taken.append(float(run(code)))
    assert min(taken) < MOST_SECONDS, taken


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel of the client holds."""
    folder = tmp_path_factory.mktemp("client")
    source = shutil.copytree(ROOT / "client", folder / "source", ignore=shutil.ignore_patterns("*.egg-info", "build"))
    build = "import setuptools.build_meta as backend; print(backend.build_wheel('.'))"
    wheel = source / run(build, cwd=source).splitlines()[-1]
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_the_client_its_types_and_nothing_else(installed: Path) -> None:
    modules = {path.name for path in (ROOT / "client" / "mediascribe_client").iterdir() if path.name != "__pycache__"}
    assert {path.name for path in (installed / "mediascribe_client").iterdir()} == modules
    assert "py.typed" in modules
    (about,) = installed.glob("*.dist-info")
    assert {path.name for path in installed.iterdir()} == {"mediascribe_client", about.name}
    wanted = [line for line in (about / "METADATA").read_text().splitlines() if line.startswith("Requires-Dist: ")]
    assert {line.split(">=")[0] for line in wanted} == {"Requires-Dist: httpx2", "Requires-Dist: pydantic"}


def test_the_client_works_beside_packages_with_the_names_of_ours(installed: Path, tmp_path: Path) -> None:
    """As in an app that has its own models, tasks and worker."""
    theirs = ("models", "tasks", "worker", "api", "media", "gemini", "cli")
    for name in theirs:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("OWNER = 'the app'\n")
    code = (
        "import sys, importlib\n"
        f"sys.path[:0] = [{str(tmp_path)!r}, {str(installed)!r}, {sysconfig.get_path('purelib')!r}]\n"
        f"print({{importlib.import_module(name).OWNER for name in {theirs}}})\n"
        "import mediascribe_client\n"
        "client = mediascribe_client.Mediascribe('http://127.0.0.1:9', max_retries=0)\n"
        "try:\n    client.caption('/a.jpg')\nexcept mediascribe_client.ConnectionFailedError as error:\n"
        "    print(error.code, mediascribe_client.__file__)\n"
    )
    # Without site-packages' own start-up, so that no path to this checkout is known.
    owners, said = run(code, "-I", "-S", cwd=tmp_path).splitlines()
    assert owners == "{'the app'}"
    assert said == f"connection_failed {installed / 'mediascribe_client' / '__init__.py'}"
