"""What the tests of sources share: one web server that says what it is told to say."""

from collections.abc import Iterator

import pytest

from tests.services.web import Web, web


@pytest.fixture(scope="module")
def running() -> Iterator[Web]:
    with web() as server:
        yield server


@pytest.fixture
def server(running: Web) -> Web:
    running.scripts.clear()
    running.asked.clear()
    return running
