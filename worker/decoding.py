"""The loop's way into the decoding processes."""

import asyncio
from collections.abc import Callable
from typing import Any

from media.sandbox import Sandbox


async def decoded(sandbox: Sandbox, function: Callable[..., Any], *arguments: object, timeout_seconds: float) -> Any:
    """What `function(*arguments)` yields in a decoding process. Raises FailureError, as `Sandbox.submit` tells.

    Where the processes have to be started first, a thread waits for that: it takes up to some tens of milliseconds.
    """
    if not sandbox.is_running:
        await asyncio.to_thread(sandbox.start)
    return await asyncio.wrap_future(sandbox.submit(function, *arguments, timeout_seconds=timeout_seconds))
