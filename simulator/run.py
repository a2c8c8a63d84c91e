"""Starting the simulator: one call that serves until it is told to stop."""

import asyncio
import json
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from simulator.faults import ScriptError
from simulator.files import GOOGLES, FileLimits
from simulator.ledger import Ledger
from simulator.quota import NO_LIMITS, Limits
from simulator.server import MODELS, Options, Simulator

DEFAULT_PORT = 8799
BACKLOG = 2048


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    api_key: str | None = None,
    models: Iterable[str] = (),
    latency_seconds: tuple[float, float] = (0.0, 0.0),
    limits: Limits = NO_LIMITS,
    files: FileLimits = GOOGLES,
    batch_seconds: float = 1.0,
    seed: int = 0,
    faults_path: Path | None = None,
    ledger_path: Path | None = None,
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM (in another thread than the main one: for ever).

    `models` are known beside the usual ones. Port 0 takes a free one; `ready` is called with the port once clients can
    connect. Raises OSError where the port is taken or a file cannot be opened, ScriptError for a bad script.
    """
    options = Options(
        api_key=api_key,
        models=tuple(dict.fromkeys((*MODELS, *models))),
        latency_seconds=latency_seconds,
        limits=limits,
        files=files,
        batch_seconds=batch_seconds,
        seed=seed,
        faults=_script(faults_path) if faults_path else (),
    )
    asyncio.run(_serve(Simulator(options, Ledger(ledger_path)), host, port, ready))


def _script(path: Path) -> list[object]:
    try:
        script = json.loads(path.read_bytes())
    except ValueError as error:
        message = f"{path} is not JSON: {error}."
        raise ScriptError(message) from error
    if not isinstance(script, list):
        message = f"{path} is not a JSON list of rules."
        raise ScriptError(message)
    return script


async def _serve(simulator: Simulator, host: str, port: int, ready: Callable[[int], None] | None) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(simulator.connect, host, port, backlog=BACKLOG)
    try:
        if ready:
            ready(server.sockets[0].getsockname()[1])
        await stopped.wait()
    finally:
        server.close()
        await simulator.close()
