"""What a call costs, by a dated price table. A pure function of both; an unknown price is None, no guess.

Cost = for each modality (input - cached) at its input price + cached at its cache price, + tool input at the input
price, + (answer + thinking) at the output price. `promptTokenCount` includes what came from the cache,
`candidatesTokenCount` excludes the thinking (https://ai.google.dev/gemini-api/docs/pricing).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from gemini.question import Usage

_MILLION = Decimal(1_000_000)
_UNATTRIBUTED = ""

BILLED_AS: Mapping[str, str] = {"standard": "standard", "flex": "flex", "economy": "batch", "priority": "priority"}
"""Our name of a service tier -> Google's, which the price table uses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One row of the table; money in US dollars per million tokens."""

    model: str
    valid_from: date
    valid_to: date = date.max
    over_input_tokens: int = -1
    up_to_input_tokens: int | None = None
    input: Mapping[str, Decimal]
    cached: Mapping[str, Decimal]
    output: Decimal
    tiers: Mapping[str, Decimal]
    """Google's service tiers that the row holds for -> what input and output cost there in relation to the row."""
    source: str

    def holds(self, model: str, input_tokens: int, at: date) -> bool:
        """Is this the price of that model for a prompt of that size on that day?"""
        return (
            self.model == model
            and self.valid_from <= at <= self.valid_to
            and self.over_input_tokens < input_tokens
            and (self.up_to_input_tokens is None or input_tokens <= self.up_to_input_tokens)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceTable:
    """All rows, and what each service tier costs in relation to the standard one where a row says nothing else."""

    prices: tuple[Price, ...]
    tiers: Mapping[str, Decimal]

    def knows(self, model: str, at: date, tier: str = "standard") -> bool:
        """Is there a price of the model on that day, in that service tier (ours or Google's name)?"""
        name, billed = model.removeprefix("models/"), BILLED_AS.get(tier, tier)
        return any(
            row.model == name and billed in row.tiers and row.valid_from <= at <= row.valid_to for row in self.prices
        )


def cost_usd(
    prices: PriceTable, model: str, usage: Usage, at: date, tier: str = "standard", *, prompt_tokens: int | None = None
) -> Decimal | None:
    """What these tokens cost in US dollars, unrounded; None where the table does not know.

    Give the model that answered (`Call.model_version`) where it is known: a retired name is served, and billed, as
    another model. `tier` is our name or Google's. Where the usage is that of many calls, `prompt_tokens` is the size of
    one prompt, by which long ones are told.
    """
    name, billed = model.removeprefix("models/"), BILLED_AS.get(tier, tier)
    size = usage.input_tokens if prompt_tokens is None else prompt_tokens
    price = next((row for row in prices.prices if billed in row.tiers and row.holds(name, size, at)), None)
    if price is None:
        return None
    factor = price.tiers[billed]
    fresh = _sum(_fresh_tokens(usage, price.input), price.input)
    cached = _sum(_cached_tokens(usage), price.cached)
    if fresh is None or cached is None:
        return None
    output = (usage.output_tokens + usage.thinking_tokens) * price.output
    return ((fresh + output) * factor + cached) / _MILLION


def _sum(tokens: Mapping[str, int], prices: Mapping[str, Decimal]) -> Decimal | None:
    """Tokens times price, over all modalities; None where a modality has no price."""
    total = Decimal(0)
    for modality, count in tokens.items():
        # Tokens that Gemini did not attribute count at the dearest price: spending is never understated.
        dearest = max(prices.values(), default=None)
        price = dearest if modality == _UNATTRIBUTED else prices.get(modality, prices.get("default"))
        if price is not None:
            total += count * price
        elif count:
            return None
    return total


def _cached_tokens(usage: Usage) -> dict[str, int]:
    return _attributed(usage.cached_by_modality, usage.cached_tokens)


def _fresh_tokens(usage: Usage, prices: Mapping[str, Decimal]) -> dict[str, int]:
    """Input by modality without what came from the cache, plus what tools put in."""
    fresh = _attributed(usage.input_by_modality, usage.input_tokens)
    for modality, count in _cached_tokens(usage).items():
        fresh[modality] = fresh.get(modality, 0) - count
    fresh = _settled(fresh, prices)
    fresh[_UNATTRIBUTED] += usage.tool_tokens
    return fresh


def _attributed(by_modality: Mapping[str, int], total: int) -> dict[str, int]:
    """The breakdown, with what it leaves out of the total as unattributed."""
    return {**by_modality, _UNATTRIBUTED: max(0, total - sum(by_modality.values()))}


def _settled(fresh: dict[str, int], prices: Mapping[str, Decimal]) -> dict[str, int]:
    """No modality below zero: cached tokens without a breakdown come off the others, the cheapest first."""
    owed = -sum(min(0, count) for count in fresh.values())
    left = {modality: max(0, count) for modality, count in fresh.items()}
    dearest = max(prices.values())
    for modality in sorted(
        left, key=lambda name: prices.get(name, prices.get("default", dearest) if name else dearest)
    ):
        taken = min(owed, left[modality])
        left[modality] -= taken
        owed -= taken
    return left
