"""What a call costs: the formula, and a table that says what it knows and no more."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini.price_files import load_prices
from gemini.prices import cost_usd
from gemini.question import Usage

DAY = date(2026, 11, 23)
MILLION = 1_000_000
PRICES = load_prices()


@pytest.mark.parametrize(
    ("model", "usage", "day", "dollars"),
    [
        ("gemini-3.8-flash", Usage(input_tokens=MILLION), DAY, "0.75"),
        ("gemini-3.8-flash", Usage(output_tokens=MILLION), DAY, "3.75"),
        ("gemini-3.8-flash", Usage(thinking_tokens=MILLION), DAY, "3.75"),
        ("gemini-3.8-flash", Usage(input_tokens=MILLION), date(2026, 12, 31), "0.75"),
        ("gemini-3.8-flash", Usage(input_tokens=MILLION), date(2027, 1, 1), "1.50"),
        ("models/gemini-3.8-flash", Usage(output_tokens=MILLION), date(2027, 1, 1), "7.50"),
        ("gemini-3.5-flash-lite", Usage(input_tokens=500, output_tokens=120), DAY, "0.00045"),
        ("gemini-3.5-flash", Usage(input_tokens=MILLION, output_tokens=MILLION), DAY, "10.50"),
        ("gemini-3.5-transcribe", Usage(input_tokens=MILLION, input_by_modality={"AUDIO": MILLION}), DAY, "2.00"),
        ("gemini-3.5-transcribe", Usage(input_tokens=MILLION, output_tokens=MILLION), DAY, "14.00"),
        ("gemini-2.5-pro", Usage(input_tokens=200_000), DAY, "0.25"),
        ("gemini-2.5-pro", Usage(input_tokens=200_001, output_tokens=MILLION), DAY, "15.5000025"),
        ("gemini-2.5-flash", Usage(input_tokens=3, input_by_modality={"TEXT": 1, "AUDIO": 2}), DAY, "0.0000023"),
        ("gemini-2.5-flash", Usage(input_tokens=3, input_by_modality={"IMAGE": 3}), DAY, "0.0000009"),
        ("gemini-2.5-flash", Usage(input_tokens=10), DAY, "0.00001"),  # nobody says what it was: the dearest price
        ("gemini-3.8-flash", Usage(input_tokens=MILLION, cached_tokens=MILLION), DAY, "0.075"),
        ("gemini-3.8-flash", Usage(tool_tokens=MILLION), DAY, "0.75"),
    ],
)
def test_a_call_costs_what_the_page_says(model: str, usage: Usage, day: date, dollars: str) -> None:
    assert cost_usd(PRICES, model, usage, day) == Decimal(dollars)


def test_cached_tokens_are_part_of_the_input_and_cost_their_own_price() -> None:
    usage = Usage(
        input_tokens=1_000,
        cached_tokens=400,
        input_by_modality={"TEXT": 500, "AUDIO": 500},
        cached_by_modality={"TEXT": 400},
    )
    assert cost_usd(PRICES, "gemini-2.5-flash", usage, DAY) == Decimal("0.00030") * 100 / 1000 + Decimal(
        "0.0005"
    ) + Decimal("0.000012")


def test_half_price_tiers_do_not_halve_the_cache_price_again() -> None:
    usage = Usage(input_tokens=2 * MILLION, cached_tokens=MILLION, output_tokens=MILLION)
    assert cost_usd(PRICES, "gemini-3.8-flash", usage, DAY, "standard") == Decimal("4.575")
    assert cost_usd(PRICES, "gemini-3.8-flash", usage, DAY, "flex") == Decimal("2.325")
    assert cost_usd(PRICES, "gemini-3.8-flash", usage, DAY, "batch") == Decimal("2.325")


@pytest.mark.parametrize(
    ("model", "day", "tier"),
    [
        ("gemini-9-ultra", DAY, "standard"),
        ("gemini-3.8-flash-preview", DAY, "standard"),
        ("gemini-3.8-flash", date(2020, 1, 1), "standard"),
        ("gemini-3.8-flash", DAY, "priority"),
        ("gemini-3.8-flash", DAY, "gold"),
        ("gemini-3.5-transcribe", DAY, "flex"),
        ("gemini-3.5-transcribe", DAY, "economy"),
    ],
)
def test_an_unknown_price_is_none_and_never_guessed(model: str, day: date, tier: str) -> None:
    assert cost_usd(PRICES, model, Usage(input_tokens=1), day, tier) is None


def test_no_two_rows_hold_for_the_same_call() -> None:
    rows = PRICES.prices
    for model in {row.model for row in rows}:
        for day in {row.valid_from for row in rows} | {DAY, date(2027, 6, 1)}:
            for tokens in (0, 1, 200_000, 200_001, MILLION):
                assert sum(row.holds(model, tokens, day) for row in rows) <= 1, (model, day, tokens)


def test_every_row_is_dated_sourced_and_in_decimal_money() -> None:
    for row in PRICES.prices:
        assert row.source
        assert row.valid_from <= row.valid_to
        for money in (row.output, *row.input.values(), *row.cached.values()):
            assert isinstance(money, Decimal)
            assert money > 0


_TOKENS = st.integers(0, 2_000_000)
_SPLIT = st.dictionaries(st.sampled_from(["TEXT", "IMAGE", "AUDIO", "VIDEO"]), _TOKENS)


@given(_TOKENS, _TOKENS, _TOKENS, _TOKENS, _SPLIT, _SPLIT)
def test_no_usage_however_inconsistent_costs_less_than_its_output(  # noqa: PLR0917
    inputs: int, outputs: int, thoughts: int, cached: int, split: dict[str, int], cached_split: dict[str, int]
) -> None:
    usage = Usage(
        input_tokens=inputs,
        output_tokens=outputs,
        thinking_tokens=thoughts,
        cached_tokens=cached,
        input_by_modality=split,
        cached_by_modality=cached_split,
    )
    cost = cost_usd(PRICES, "gemini-2.5-flash", usage, DAY)
    assert cost is not None
    assert cost >= (outputs + thoughts) * Decimal("2.50") / MILLION


def test_ours_and_google_s_name_of_a_tier_cost_the_same() -> None:
    usage = Usage(input_tokens=MILLION, output_tokens=MILLION)
    assert cost_usd(PRICES, "gemini-3.5-flash", usage, DAY, "economy") == Decimal("5.25")
    assert cost_usd(PRICES, "gemini-3.5-flash", usage, DAY, "batch") == Decimal("5.25")


def test_cached_tokens_without_a_breakdown_are_taken_off_the_cheapest_input() -> None:
    usage = Usage(input_tokens=350, cached_tokens=150, input_by_modality={"TEXT": 150, "AUDIO": 200})
    # 200 of sound at $1.00, and 150 that may be of sound from the cache at $0.10: never less than Google bills.
    assert cost_usd(PRICES, "gemini-2.5-flash", usage, DAY) == Decimal("0.000215")


def test_a_call_with_everything_in_it_costs_what_a_hand_works_out() -> None:
    usage = Usage(
        input_tokens=10_000, output_tokens=900, thinking_tokens=2_100, cached_tokens=4_000, tool_tokens=500,
        input_by_modality={"TEXT": 4_000, "AUDIO": 6_000}, cached_by_modality={"AUDIO": 4_000},
    )  # fmt: skip
    # text 4,000 x 0.30 + fresh sound 2,000 x 1.00 + cached sound 4,000 x 0.10 + output 3,000 x 2.50, each a million;
    # tools 500, of which nobody says what they are, x 1.00.
    assert cost_usd(PRICES, "gemini-2.5-flash", usage, DAY) == Decimal("0.0116")
    # flex: half of 1,200 + 2,000 + 500 + 7,500, and the cache in full
    assert cost_usd(PRICES, "gemini-2.5-flash", usage, DAY, "flex") == Decimal("0.0060")


def test_a_long_prompt_is_told_by_the_whole_prompt_with_its_cached_part() -> None:
    usage = Usage(input_tokens=300_000, cached_tokens=150_000, output_tokens=1_000)
    assert cost_usd(PRICES, "gemini-2.5-pro", usage, DAY) == Decimal("0.4275")  # 0.375 + 0.0375 + 0.015


def test_many_short_prompts_are_no_long_one() -> None:
    usage = Usage(input_tokens=MILLION)
    assert cost_usd(PRICES, "gemini-2.5-pro", usage, DAY, prompt_tokens=1_000) == Decimal("1.25")
