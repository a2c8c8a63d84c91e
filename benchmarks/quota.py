"""How much of a quota eight worker processes use together, and how near they come to a budget.

    python -m benchmarks.quota [--workers 8] [--minutes 4]

The simulator enforces requests and input tokens a minute without mercy: in no stretch of sixty seconds may there be more. One model
is asked about small pictures, so that the requests are what runs out; another about large ones, so that the tokens are. The
first minute warms up and does not count. Then a batch with a budget of one dollar, and far more jobs than that pays for.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.crew import Crew, crew
from benchmarks.report import Row, at_least, at_most, show_and_save
from benchmarks.sizes import size

REQUESTS, TOKENS = 900, 600_000
"""A minute, of each model."""
SMALL, LARGE = "gemini-3.8-flash", "gemini-3.5-flash"
WARM_UP_SECONDS = 60.0
LEAST_USED_PERCENT, MOST_REFUSED_PERCENT = 97, 0.5
BUDGET_USD, LEAST_SPENT = Decimal(1), Decimal("0.97")
JOBS_BEYOND = 2_500
LIMIT_SECONDS = 300.0
SLOWEST_SECONDS = 3.0

Call = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    given = _given(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    used = quota_used(given.workers, given.minutes)
    spent = budget_spent(given.workers)
    figures = {"workers": given.workers, "minutes": given.minutes, **used, "of_one_dollar_usd": str(spent)}
    show_and_save("quota", figures, rows_of(given.workers, used, spent))
    return 0


def rows_of(workers: int, used: Mapping[str, float], spent_usd: Decimal) -> list[Row]:
    """What the table of targets says of quota and money."""
    who = f"{workers} workers"
    requests, tokens, refused = (100 * used[what] for what in ("requests", "tokens", "refused"))
    return [
        at_least(f"{who}, of the requests a minute", requests, LEAST_USED_PERCENT, " %", digits=1, is_ratio=True),
        at_least(f"{who}, of the input tokens a minute", tokens, LEAST_USED_PERCENT, " %", digits=1, is_ratio=True),
        at_most(f"{who}, calls answered 429", refused, MOST_REFUSED_PERCENT, " %"),
        Row(
            what=f"{who}, spent of a budget of ${BUDGET_USD}",
            target=f"${LEAST_SPENT} to {BUDGET_USD}",
            measured=f"${spent_usd:.4f}",
            met=LEAST_SPENT <= spent_usd <= BUDGET_USD,
        ),
    ]


def quota_used(workers: int, minutes: float) -> dict[str, float]:
    """Shares, 0 to 1: of the requests and tokens a minute that were used, and of the calls that were refused."""
    limits = {"requests_per_minute": REQUESTS, "input_tokens_per_minute": TOKENS}
    settings = {"MEDIASCRIBE_RPM": str(REQUESTS), "MEDIASCRIBE_TPM": str(TOKENS)}
    with crew(workers, settings=settings, pictures=100, gemini={"latency": "0.5-1.5", **limits}) as running:
        many = running.pictures * int(REQUESTS * (minutes + 1) / len(running.pictures) + 1)
        running.side.submit("small", many, model=SMALL, reuse=False, options={"detail": "low"})
        running.side.submit("large", many, model=LARGE, reuse=False, options={"detail": "high"})
        first = _wait_for_first_call(running)
        # A call stands in the ledger when it has ended.
        time.sleep(minutes * 60 + SLOWEST_SECONDS - (datetime.now(first.tzinfo) - first).total_seconds())
        calls = running.gemini.ledger()
    begin, end = first + timedelta(seconds=WARM_UP_SECONDS), first + timedelta(minutes=minutes)
    counted = [call for call in calls if begin <= datetime.fromisoformat(call["time"]) < end]
    share = (end - begin).total_seconds() / 60
    answered = [call for call in counted if call["status"] == 200]
    tokens = sum(_input_tokens(call) for call in answered if call["model"] == LARGE)
    return {
        "requests": sum(call["model"] == SMALL for call in answered) / (REQUESTS * share),
        "tokens": tokens / (TOKENS * share),
        "refused": sum(call["status"] == 429 for call in counted) / len(counted),
    }


def budget_spent(workers: int) -> Decimal:
    """Dollars, as Gemini would bill them, when a batch with a budget of one dollar has no call left that fits."""
    with crew(workers, settings={}, pictures=100, gemini={"latency": "0.2"}) as running:
        many = running.pictures * (JOBS_BEYOND // len(running.pictures))
        running.side.submit("dollar", many, reuse=False, budget_usd=BUDGET_USD)
        deadline = time.monotonic() + LIMIT_SECONDS
        while not (view := running.side.standing("dollar")).is_spent or view.held_usd:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the budget was not spent in {LIMIT_SECONDS:g} s: {view}")
            time.sleep(0.2)
        billed = sum((Decimal(call["cost_usd"]) for call in running.gemini.ledger() if call["billed"]), Decimal(0))
        if billed != view.spent_usd:
            raise RuntimeError(f"we count ${view.spent_usd}, the bill says ${billed}")
        return billed


def _wait_for_first_call(running: Crew) -> datetime:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (calls := running.gemini.ledger()):
        if time.monotonic() > deadline:
            raise RuntimeError("no call was made")
        time.sleep(0.2)
    return min(datetime.fromisoformat(call["time"]) for call in calls)


def _input_tokens(call: Call) -> int:
    return int(sum(call["tokens"].get(modality, 0) for modality in ("text", "image", "audio")))


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quota", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--workers", type=int, default=int(os.environ.get("WORKERS", "8")))
    parser.add_argument("--minutes", type=float, default=size("MINUTES", full=4, short=2))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
