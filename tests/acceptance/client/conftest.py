"""One server for all tests of the client and of the programs that the pages show."""

import shutil
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Shell, quick_shell
from tests.acceptance.test_api import Serving, serving
from tests.services.simulator import Simulator


@pytest.fixture(scope="package")
def shell(shared_simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with a picture, a recording and some photos."""
    shell = quick_shell(tmp_path_factory.mktemp("programs"), shared_simulator)
    shutil.copy(shell.pictures(3) / "000.jpg", shell.folder / "cat.jpg")
    shell.recording()
    return shell


@pytest.fixture(scope="package")
def api(shell: Shell) -> Iterator[Serving]:
    """A server that works too."""
    with serving(shell, "up") as running:
        yield running
