"""`python -m simulator`: the simulator as a process of its own."""

import argparse
import sys
from pathlib import Path

from simulator.faults import ScriptError
from simulator.run import DEFAULT_PORT, serve


def seconds_range(text: str) -> tuple[float, float]:
    """`0.5` or `0.2-0.9` as a range of seconds. Raises ValueError."""
    least, _, most = text.partition("-")
    values = float(least), float(most or least)
    if not 0 <= values[0] <= values[1] < float("inf"):
        raise ValueError(text)
    return values


def requests(text: str) -> int:
    """A whole number from 1. Raises ValueError."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A local stand-in for the Gemini API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: any free port (default: %(default)s)")
    parser.add_argument("--api-key", help="the only key that is right (default: any but 'invalid')")
    parser.add_argument("--model", action="append", default=[], help="a model to know beside the usual; repeatable")
    parser.add_argument("--latency", type=seconds_range, default=(0.0, 0.0), help="seconds, or a range: 0.2-0.9")
    parser.add_argument("--rpm", type=requests, help="requests per minute and model; what comes faster gets 429")
    parser.add_argument("--seed", type=int, default=0, help="of latency and of faults with a probability")
    parser.add_argument("--faults", type=Path, help="JSON file with the script of faults (see simulator/faults.py)")
    parser.add_argument("--ledger", type=Path, help="file to append every call to, one JSON line each")
    given = parser.parse_args()

    def ready(port: int) -> None:
        address = f"http://{given.host}:{port}"
        sys.stdout.write(f"Gemini simulator listening on {address} (not Gemini: answers are made up)\n")
        sys.stdout.flush()

    try:
        serve(
            host=given.host,
            port=given.port,
            api_key=given.api_key,
            models=given.model,
            latency_seconds=given.latency,
            requests_per_minute=given.rpm,
            seed=given.seed,
            faults_path=given.faults,
            ledger_path=given.ledger,
            ready=ready,
        )
    except (OSError, ScriptError) as error:
        sys.exit(f"The simulator cannot start: {error}")


if __name__ == "__main__":
    main()
