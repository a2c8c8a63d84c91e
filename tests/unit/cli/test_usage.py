"""`mediascribe usage`: its shape, and what it refuses."""

from datetime import date
from decimal import Decimal

import pytest

from cli.exits import CommandError, Exit
from cli.usage import ByChoice, usage
from models.store.usage import Usage, UsageBy
from worker.shapes import usage_document

SUMS = {
    "calls": 2, "unpriced_calls": 1, "input_tokens": 528, "output_tokens": 62, "thinking_tokens": 14, "cached_tokens": 0,
    "cost_usd": "0.000824", "presumed_usd": "0.000000",
}  # fmt: skip


def test_sums_are_told_apart_by_what_the_store_knows() -> None:
    assert {choice.value for choice in ByChoice} == {by.value for by in UsageBy}


def test_the_document_names_day_and_sums() -> None:
    spent = Usage(
        calls=2, unpriced_calls=1, input_tokens=528, output_tokens=62, thinking_tokens=14, cost_usd=Decimal("0.000824")
    )
    assert usage_document({"2026-11-26": spent}, spent, by=UsageBy.DAY, since=date(2026, 11, 1)) == {
        "by": "day", "since": "2026-11-01", "usage": [{"day": "2026-11-26", **SUMS}], "total": SUMS,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", ""])
def test_what_is_no_day_is_refused_by_the_option_s_name(text: str) -> None:
    with pytest.raises(CommandError, match="--since") as refused:
        usage(since=text)
    assert refused.value.code is Exit.USAGE
