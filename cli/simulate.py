"""`mediascribe simulate`: the local stand-in for the Gemini API, for trying things out without a key."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def simulate(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any free port.")] = 8799,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only this machine can call.")
    ] = "127.0.0.1",
    latency: Annotated[str, typer.Option(help="Seconds until an answer, or a range: 0.2-0.9.")] = "0",
    rpm: Annotated[int | None, typer.Option(min=1, help="Requests a minute and model; faster ones get 429.")] = None,
    tpm: Annotated[int | None, typer.Option(min=1, help="Input tokens a minute and model; more get 429.")] = None,
    rpd: Annotated[
        int | None, typer.Option(min=1, help="Requests a day (until midnight Pacific) and model; more get 429.")
    ] = None,
    minute_seconds: Annotated[
        float, typer.Option(min=0.001, help="How long a minute of --rpm and --tpm lasts; shorter for quick tests.")
    ] = 60.0,
    batch_seconds: Annotated[float, typer.Option(min=0.001, help="How long a batch takes at least.")] = 1.0,
    api_key: Annotated[str | None, typer.Option(help="The only key that is right; else any but 'invalid' is.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model to know beside the usual; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Of latency, and of faults with a probability.")] = 0,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON script of faults.")] = None,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append every call to it, a JSON line each.")
    ] = None,
) -> None:
    """Serve made-up answers over Gemini's protocol until Ctrl-C.

    Use it with GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8799 and any GEMINI_API_KEY.
    """
    from simulator.__main__ import seconds_range
    from simulator.quota import Limits
    from simulator.run import serve

    try:
        latency_seconds = seconds_range(latency)
    except ValueError as error:
        raise typer.BadParameter(f"{latency!r} is no time in seconds nor a range such as 0.2-0.9") from error

    def ready(actual_port: int) -> None:
        sys.stdout.write(
            f"Gemini simulator listening on http://{host}:{actual_port} (not Gemini: answers are made up)\n"
        )
        sys.stdout.flush()

    limits = Limits(
        requests_per_minute=rpm, input_tokens_per_minute=tpm, requests_per_day=rpd, minute_seconds=minute_seconds
    )
    serve(
        host=host, port=port, api_key=api_key, models=model or (), latency_seconds=latency_seconds,
        limits=limits, batch_seconds=batch_seconds, seed=seed, faults_path=faults, ledger_path=ledger, ready=ready,
    )  # fmt: skip
