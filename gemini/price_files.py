"""Reading price tables: ours, `prices.toml`, and a file of your own whose rows stand in place of ours.

A row is checked strictly, and the rows against each other: no two hold for the same call, and no size of prompt is left
without a price. A mistake is refused at once, since a price that is silently wrong is found only on the bill.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations, pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from gemini.prices import BILLED_AS, Price, PriceTable

OURS = Path(__file__).with_name("prices.toml")

Money = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Factor = Annotated[Decimal, Field(gt=0, le=100, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=0)]


class PriceFileError(ValueError):
    """A price table that cannot be; the words name the file, the row and the field."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    model: Annotated[str, Field(min_length=1, max_length=200)]
    valid_from: date
    valid_to: date = date.max
    over_input_tokens: Tokens | None = None
    up_to_input_tokens: Tokens | None = None
    input: dict[str, Money]
    cached: dict[str, Money]
    output: Money
    tiers: Annotated[dict[str, Factor], Field(min_length=1)] | None = None
    source: Annotated[str, Field(min_length=1)]

    @field_validator("input", "cached", "output", "tiers", mode="before")
    @classmethod
    def _whole_dollars(cls, given: Any) -> Any:
        """A price may be written without its decimals; the rest stays as strict as it is."""
        if isinstance(given, dict):
            return {name: _decimal(value) for name, value in given.items()}
        return _decimal(given)

    @field_validator("model")
    @classmethod
    def _check_model(cls, name: str) -> str:
        if name.startswith("models/"):
            raise ValueError("must be the bare name, without models/")
        return name

    @field_validator("input")
    @classmethod
    def _check_default(cls, prices: dict[str, Decimal]) -> dict[str, Decimal]:
        if "default" not in prices:
            raise ValueError("has no default, the price of every modality that is not named")
        return prices

    @field_validator("cached")
    @classmethod
    def _check_cached_default(cls, prices: dict[str, Decimal]) -> dict[str, Decimal]:
        if prices and "default" not in prices:
            raise ValueError("has no default; leave it empty where nothing can be cached")
        return prices

    @field_validator("tiers")
    @classmethod
    def _check_tiers(cls, tiers: dict[str, Decimal] | None) -> dict[str, Decimal] | None:
        return _known_tiers(tiers or {}) or None

    @model_validator(mode="after")
    def _check_bounds(self) -> "_Row":
        if self.valid_to < self.valid_from:
            raise ValueError("valid_to: lies before valid_from")
        least, most = self.over_input_tokens, self.up_to_input_tokens
        if least is not None and most is not None and most <= least:
            raise ValueError("up_to_input_tokens: must be more than over_input_tokens")
        return self


_TIERS = TypeAdapter(dict[str, Factor])


def load_prices(own: Path | None = None) -> PriceTable:
    """Our table, and for each model and tier that the file names its rows in place of ours.

    Raises PriceFileError naming file, row and field.
    """
    ours = _read(OURS, {})
    if own is None:
        return ours
    theirs = _read(own, ours.tiers)
    named = {(row.model, tier) for row in theirs.prices for tier in row.tiers}
    kept = (
        replace(row, tiers={tier: factor for tier, factor in row.tiers.items() if (row.model, tier) not in named})
        for row in ours.prices
    )
    return PriceTable(prices=(*theirs.prices, *(row for row in kept if row.tiers)), tiers=theirs.tiers)


def _read(path: Path, tiers: Any) -> PriceTable:
    table = _parsed(path)
    for name in table:
        if name not in ("price", "tiers"):
            raise PriceFileError(f"{path}: {name} is no part of a price table; it has [tiers] and [[price]]")
    try:
        given = {name: _decimal(factor) for name, factor in dict(table.get("tiers", {})).items()}
        known = {**tiers, **_known_tiers(_TIERS.validate_python(given, strict=True))}
    except (ValidationError, ValueError, TypeError) as error:
        raise PriceFileError(f"{path}: [tiers]: {_words(error)}") from None
    rows = table.get("price", [])
    if not isinstance(rows, list):
        raise PriceFileError(f"{path}: price must be rows, each headed by [[price]]")
    prices = tuple(_price(path, number, row, known) for number, row in enumerate(rows, 1))
    _check_together(path, prices)
    return PriceTable(prices=prices, tiers=known)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except OSError as error:
        raise PriceFileError(
            f"{path}: {(error.strerror or str(error)).lower()}; name a price file that is there"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PriceFileError(f"{path} is not TOML: {error}") from error


def _price(path: Path, number: int, row: Any, tiers: Any) -> Price:
    try:
        read = _Row.model_validate(row)
    except ValidationError as error:
        raise PriceFileError(f"{path}: row {number}: {_words(error)}") from None
    given = {
        name: value for name in (field.name for field in fields(Price)) if (value := getattr(read, name)) is not None
    }
    return Price(**{"tiers": tiers, **given})


def _words(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    words = first["msg"].removeprefix("Value error, ")
    return f"{place}: {words}" if place else words


def _decimal(value: Any) -> Any:
    return Decimal(value) if type(value) is int else value


def _known_tiers(tiers: dict[str, Decimal]) -> dict[str, Decimal]:
    for tier in tiers:
        if tier not in BILLED_AS.values():
            raise ValueError(f"{tier}: is no service tier; there are {', '.join(sorted(BILLED_AS.values()))}")
    return tiers


def _check_together(path: Path, prices: Sequence[Price]) -> None:
    """No two rows hold for the same call, and on each day a price is known for prompts of every size or of none."""
    numbered = list(enumerate(prices, 1))
    for (first, one), (second, other) in combinations(numbered, 2):
        if _overlap(one, other):
            raise PriceFileError(
                f"{path}: row {second}: valid_from: the row holds for the same calls of {one.model} as row {first}; "
                "end the older one by valid_to"
            )
    for number, row in numbered:
        for tier in row.tiers:
            alike = [other for other in prices if other.model == row.model and tier in other.tiers]
            for day in _turning_days(row, alike):
                _check_no_gap(f"{path}: row {number}", [other for other in alike if _is_valid(other, day)])


def _overlap(one: Price, other: Price) -> bool:
    return (
        one.model == other.model
        and not one.tiers.keys().isdisjoint(other.tiers)
        and max(one.valid_from, other.valid_from) <= min(one.valid_to, other.valid_to)
        and max(one.over_input_tokens, other.over_input_tokens) < min(_most(one), _most(other))
    )


def _turning_days(row: Price, alike: Iterable[Price]) -> set[date]:
    """The days within the row's time on which another set of rows begins to hold."""
    days = {other.valid_from for other in alike}
    days |= {other.valid_to + timedelta(days=1) for other in alike if other.valid_to < date.max}
    return {day for day in days if _is_valid(row, day)}


def _check_no_gap(where: str, rows: list[Price]) -> None:
    ordered = sorted(rows, key=lambda row: row.over_input_tokens)
    if ordered[0].over_input_tokens >= 0:
        raise PriceFileError(f"{where}: over_input_tokens: no row has the price of smaller prompts")
    for smaller, larger in pairwise(ordered):
        if smaller.up_to_input_tokens != larger.over_input_tokens:
            raise PriceFileError(
                f"{where}: over_input_tokens: no row has the price of prompts between {smaller.up_to_input_tokens} and "
                f"{larger.over_input_tokens} tokens"
            )
    if ordered[-1].up_to_input_tokens is not None:
        raise PriceFileError(f"{where}: up_to_input_tokens: no row has the price of larger prompts")


def _is_valid(row: Price, day: date) -> bool:
    return row.valid_from <= day <= row.valid_to


def _most(row: Price) -> float:
    return float("inf") if row.up_to_input_tokens is None else row.up_to_input_tokens
