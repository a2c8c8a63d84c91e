"""A price file of one's own: it stands in place of ours, and a mistake in it is refused with its place."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from gemini.price_files import OURS, PriceFileError, load_prices
from gemini.prices import cost_usd
from gemini.question import Usage

DAY = date(2026, 11, 23)
MILLION = Usage(input_tokens=1_000_000)

ROW = """
[[price]]
model = "gemini-3.8-flash"
valid_from = 2026-01-01
input = { default = 2.00 }
cached = { default = 0.20 }
output = 4
source = "our contract"
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "prices.toml"
        path.write_text(text)
        return path

    return write


def test_a_row_of_one_s_own_stands_in_place_of_ours_and_leaves_other_models_alone(write: Write) -> None:
    prices = load_prices(write(ROW))
    assert cost_usd(prices, "gemini-3.8-flash", MILLION, DAY) == 2
    assert cost_usd(prices, "gemini-3.8-flash", MILLION, DAY, "flex") == 1
    assert (
        cost_usd(prices, "gemini-3.8-flash", MILLION, date(2027, 6, 1)) == 2
    )  # nor does a later row of ours come back
    assert cost_usd(prices, "gemini-3.5-flash", MILLION, DAY) == Decimal("1.50")


def test_a_row_for_one_tier_leaves_our_prices_of_the_others(write: Write) -> None:
    prices = load_prices(write(ROW + "tiers = { priority = 1 }\n"))
    assert cost_usd(prices, "gemini-3.8-flash", MILLION, DAY, "priority") == 2
    assert cost_usd(prices, "gemini-3.8-flash", MILLION, DAY, "standard") == Decimal("0.75")


def test_a_model_that_only_the_file_knows_has_a_price(write: Write) -> None:
    prices = load_prices(write(ROW.replace("3.8-flash", "9")))
    assert prices.knows("gemini-9", DAY)
    assert not prices.knows("gemini-9", date(2025, 12, 31))
    assert not load_prices().knows("gemini-9", DAY)


def test_our_own_table_stands_the_same_examination() -> None:
    assert load_prices(OURS).prices == load_prices().prices


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ROW + 'colour = "red"\n', r"row 1: colour: Extra"),
        (ROW.replace("output = 4", "output = -4"), r"row 1: output: Input should be greater than or equal to 0"),
        (ROW.replace("default = 2.00", "default = -2.0"), r"row 1: input\.default: "),
        (ROW.replace("output = 4", 'output = "4"'), r"row 1: output: "),
        (ROW.replace("output = 4", "output = true"), r"row 1: output: "),
        (ROW.replace("output = 4", "output = nan"), r"row 1: output: "),
        (ROW.replace("output = 4\n", ""), r"row 1: output: Field required"),
        (ROW.replace('source = "our contract"\n', ""), r"row 1: source: Field required"),
        (ROW.replace("input = { default", "input = { AUDIO"), r"row 1: input: has no default"),
        (ROW.replace("cached = { default", "cached = { AUDIO"), r"row 1: cached: has no default"),
        (ROW.replace("2026-01-01", '"2026-01-01"'), r"row 1: valid_from: "),
        (ROW + "valid_to = 2025-01-01\n", r"row 1: valid_to: lies before valid_from"),
        (ROW + "tiers = { gold = 1.0 }\n", r"row 1: tiers: gold: is no service tier"),
        (ROW + "tiers = { flex = 0 }\n", r"row 1: tiers\.flex: "),
        (ROW + ROW, r"row 2: valid_from: the row holds for the same calls of gemini-3\.8-flash as row 1"),
        (ROW + "up_to_input_tokens = 200000\n", r"row 1: up_to_input_tokens: no row has the price of larger prompts"),
        (ROW + "over_input_tokens = 200000\n", r"row 1: over_input_tokens: no row has the price of smaller prompts"),
        (
            ROW + "up_to_input_tokens = 100000\n" + ROW + "over_input_tokens = 200000\n",
            r"row 1: over_input_tokens: no row has the price of prompts between 100000 and 200000",
        ),
        (ROW + "over_input_tokens = 9\nup_to_input_tokens = 9\n", r"row 1: up_to_input_tokens: must be more"),
        ("[tiers]\nflex = -1\n" + ROW, r"\[tiers\]: flex: "),
        ("[tiers]\ngold = 1\n" + ROW, r"\[tiers\]: gold: is no service tier"),
        ("[[prices]]\n", r"prices is no part of a price table"),
        ("price = 3\n", r"price must be rows"),
        ("price = [3]\n", r"row 1: "),
        ("[[price\n", r"is not TOML"),
    ],
)
def test_a_mistake_is_refused_with_file_row_and_field(text: str, words: str, write: Write) -> None:
    path = write(text)
    with pytest.raises(PriceFileError, match=words) as caught:
        load_prices(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match="no such file"):
        load_prices(tmp_path / "none.toml")


def test_rows_that_follow_one_another_in_time_or_in_size_are_no_mistake(write: Write) -> None:
    text = (
        ROW + "valid_to = 2026-06-30\n"
        + ROW.replace("2026-01-01", "2026-07-01") + "up_to_input_tokens = 200000\n"
        + ROW.replace("2026-01-01", "2026-07-01").replace("output = 4", "output = 6") + "over_input_tokens = 200000\n"
    )  # fmt: skip
    usage = Usage(input_tokens=200_001, output_tokens=1_000_000)
    prices = load_prices(write(text))
    assert cost_usd(prices, "gemini-3.8-flash", usage, date(2026, 6, 30)) == Decimal("4.400002")
    assert cost_usd(prices, "gemini-3.8-flash", usage, date(2026, 7, 1)) == Decimal("6.400002")
