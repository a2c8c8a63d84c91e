"""`python -m simulator`: the simulator as a process of its own."""

import argparse
import sys
from pathlib import Path

from simulator.faults import ScriptError
from simulator.files import GOOGLES, FileLimits
from simulator.quota import Limits
from simulator.run import DEFAULT_PORT, serve

SHORTEST_MINUTE_SECONDS = 0.001


def seconds_range(text: str) -> tuple[float, float]:
    """`0.5` or `0.2-0.9` as a range of seconds. Raises ValueError."""
    least, _, most = text.partition("-")
    values = float(least), float(most or least)
    if not 0 <= values[0] <= values[1] < float("inf"):
        raise ValueError(text)
    return values


def quantity(text: str) -> int:
    """A whole number from 1: of requests, of tokens. Raises ValueError."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def seconds(text: str) -> float:
    """Seconds, from none. Raises ValueError."""
    return seconds_range(text)[0]


def length(text: str) -> float:
    """Seconds, from a millisecond. Raises ValueError."""
    if not SHORTEST_MINUTE_SECONDS <= float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


def read_arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A local stand-in for the Gemini API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: any free port (default: %(default)s)")
    parser.add_argument("--api-key", help="the only key that is right (default: any but 'invalid')")
    parser.add_argument("--model", action="append", default=[], help="a model to know beside the usual; repeatable")
    parser.add_argument("--latency", type=seconds_range, default=(0.0, 0.0), help="seconds, or a range: 0.2-0.9")
    parser.add_argument("--rpm", type=quantity, help="requests per minute and model; what exceeds them gets 429")
    parser.add_argument("--tpm", type=quantity, help="input tokens per minute and model; what exceeds them gets 429")
    parser.add_argument("--rpd", type=quantity, help="requests per day (it ends at midnight Pacific) and model")
    parser.add_argument(
        "--minute-seconds", type=length, default=60.0, help="how long a minute of quota lasts (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-seconds", type=length, default=1.0, help="how long a batch takes at least (default: %(default)s)"
    )
    parser.add_argument(
        "--file-seconds", type=length, default=GOOGLES.kept_seconds, help="how long a file is kept (48 hours)"
    )
    parser.add_argument(
        "--processing-seconds",
        type=seconds,
        default=0.0,
        help="how long a new file cannot be used (default: %(default)s)",
    )
    parser.add_argument("--max-file-bytes", type=quantity, default=GOOGLES.max_file_bytes, help="of one file (2 GiB)")
    parser.add_argument(
        "--max-files-bytes", type=quantity, default=GOOGLES.max_project_bytes, help="of one key's files (20 GiB)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of latency and of faults with a probability")
    parser.add_argument("--faults", type=Path, help="JSON file with the script of faults (see simulator/faults.py)")
    parser.add_argument("--ledger", type=Path, help="file to append every call to, one JSON line each")
    return parser.parse_args()


def main() -> None:
    """Serve as the command line says."""
    given = read_arguments()

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
            limits=Limits(
                requests_per_minute=given.rpm,
                input_tokens_per_minute=given.tpm,
                requests_per_day=given.rpd,
                minute_seconds=given.minute_seconds,
            ),
            files=FileLimits(
                max_file_bytes=given.max_file_bytes,
                max_project_bytes=given.max_files_bytes,
                kept_seconds=given.file_seconds,
                processing_seconds=given.processing_seconds,
            ),
            batch_seconds=given.batch_seconds,
            seed=given.seed,
            faults_path=given.faults,
            ledger_path=given.ledger,
            ready=ready,
        )
    except (OSError, ScriptError) as error:
        sys.exit(f"The simulator cannot start: {error}")


if __name__ == "__main__":
    main()
