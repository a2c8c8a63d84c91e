"""What the real Gemini would bill for a call, by `prices.toml`: exact, in decimals, unrounded.

For each modality (input - cached) at the input price and cached at the cache's; answer and thinking at the output price.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from simulator.answers import Tokens

MODALITIES = ("text", "image", "audio")

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One row, its modalities spelt out, with the tier's factor in it: US dollars per token."""

    input: tuple[Decimal, ...]
    """In the order of MODALITIES, as are the cached ones."""
    cached: tuple[Decimal, ...]
    output: Decimal


def cost_usd(model: str, tier: str, tokens: Tokens, day: str) -> Decimal | None:
    """What a call of that day (`2026-11-26`) costs in US dollars; None where no price is known."""
    long_from = _longest_prompt(model)
    price = _price(model, tier, day, is_long=long_from is not None and tokens.prompt > long_from)
    if price is None:
        return None
    cached = (tokens.cached_text, tokens.cached_image, tokens.cached_audio)
    fresh = (tokens.text - cached[0], tokens.image - cached[1], tokens.audio - cached[2])
    total = (tokens.candidates + tokens.thoughts) * price.output
    for counts, prices in ((fresh, price.input), (cached, price.cached)):
        total += sum((count * each for count, each in zip(counts, prices, strict=True) if count), Decimal(0))
    return total


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("prices.toml").read_text("utf-8"), parse_float=Decimal)


@cache
def _longest_prompt(model: str) -> int | None:
    """Beyond so many input tokens another price holds."""
    limits = (row.get("up_to_input_tokens") for row in _table()["price"] if row["model"] == model)
    return next((limit for limit in limits if limit is not None), None)


@cache
def _price(model: str, tier: str, day: str, *, is_long: bool) -> Price | None:
    factor = _table()["tiers"].get(tier)
    for row in _table()["price"]:
        too_long = is_long and "up_to_input_tokens" in row
        if row["model"] == model and not too_long and date.fromisoformat(day) <= row.get("until", date.max):
            return None if factor is None else _per_token(row, Decimal(factor))
    return None


def _per_token(row: Mapping[str, Any], factor: Decimal) -> Price:
    def each(prices: Mapping[str, Decimal], factor: Decimal) -> tuple[Decimal, ...]:
        return tuple(prices.get(name, prices["text"]) * factor / _MILLION for name in MODALITIES)

    return Price(
        input=each(row["input"], factor),
        cached=each(row["cached"], Decimal(1)),
        output=row["output"] * factor / _MILLION,
    )
