"""The bill for a ledger: `python -m simulator.bill LEDGER`, calls and dollars by model and tier.

What the real Gemini would have asked for the calls in the file, to compare with what a client believes it spent.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any


@dataclass(kw_only=True, slots=True)
class Item:
    """The billed calls of one model in one service tier."""

    model: str
    tier: str
    calls: int = 0
    cost_usd: Decimal = Decimal(0)
    """Of those calls whose price is known."""
    without_price: int = 0
    """Calls whose price is not known."""


def bill(calls: Iterable[Mapping[str, Any]]) -> list[Item]:
    """The billed ones of these ledger lines, summed by model and tier, in the order of their names."""
    items: dict[tuple[str, str], Item] = {}
    for call in calls:
        if not call["billed"]:
            continue
        key = call["model"], call["tier"]
        item = items.setdefault(key, Item(model=key[0], tier=key[1]))
        item.calls += 1
        if call["cost_usd"] is None:
            item.without_price += 1
        else:
            item.cost_usd += Decimal(call["cost_usd"])
    return [items[key] for key in sorted(items)]


def main() -> None:
    """Print the bill for the ledger that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m simulator.bill", description="Sum up what a ledger's calls cost.")
    parser.add_argument("ledger", type=Path, help="file that the simulator's --ledger wrote")
    path = parser.parse_args().ledger
    try:
        with path.open(encoding="utf-8") as lines:
            items = bill(json.loads(line) for line in lines)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{path} cannot be read as a ledger: {type(error).__name__}: {error}")
    for item in items:
        unknown = f"  ({item.without_price} without a known price)" if item.without_price else ""
        sys.stdout.write(f"{item.model:<24} {item.tier:<9} {item.calls:>8} calls  {item.cost_usd:f} USD{unknown}\n")
    total = sum((item.cost_usd for item in items), Decimal(0))
    sys.stdout.write(f"{'all':<34} {sum(item.calls for item in items):>8} calls  {total:f} USD\n")


if __name__ == "__main__":
    main()
