"""The loop and its decoding processes."""

import asyncio
import threading

import pytest

from media.sandbox import Sandbox
from worker.decoding import decoded

PATIENCE_SECONDS = 30


class SlowToStart(Sandbox):
    """Its processes are there when they are let."""

    def __init__(self) -> None:
        super().__init__(1)
        self.may_start = threading.Event()

    def start(self) -> None:
        assert self.may_start.wait(PATIENCE_SECONDS)
        super().start()


@pytest.mark.anyio
async def test_the_loop_goes_on_while_decoding_processes_are_started() -> None:
    sandbox = SlowToStart()
    try:
        waiting = asyncio.create_task(decoded(sandbox, abs, -1, timeout_seconds=PATIENCE_SECONDS))
        await asyncio.sleep(0)
        sandbox.may_start.set()  # comes to this only where the loop does not wait itself
        assert await waiting == 1
        assert sandbox.is_running
    finally:
        sandbox.close(kill=True)
