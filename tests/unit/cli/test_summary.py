from decimal import Decimal
from typing import Any

from cli.exits import Exit
from cli.summary import Summary, summarize, summary_lines
from gemini.price_files import load_prices
from models.state import JobState
from models.store.queries import JobView
from models.store.reports import Totals
from tests.unit.cli.jobs import view


def totals(**changes: Any) -> Totals:
    fields: dict[str, Any] = {
        "by_state": {}, "calls": 0, "input_tokens": 0, "output_tokens": 0, "thinking_tokens": 0, "cost_usd": Decimal(0),
        "reused": 0, "oldest_queued_seconds": None, "finished_last_minute": 0,
    }  # fmt: skip
    return Totals(**fields | changes)


def summary(*views: JobView, before: Totals | None = None, after: Totals | None = None) -> Summary:
    return summarize(
        views, before=before or totals(), after=after or totals(), batch_id="bat_1", skipped=0, done_before=0, retried=0,
        seconds=61.0, prices=load_prices(),
    )  # fmt: skip


FAILED = view(
    state=JobState.FAILED, error_code="media_empty", error_message="x.wav is empty", source="x.wav", output=None
)


def test_only_this_run_s_cost_is_told() -> None:
    made = summary(before=totals(cost_usd=Decimal(2), calls=5), after=totals(cost_usd=Decimal("2.5"), calls=6))
    assert (made.cost_usd, made.calls) == (Decimal("0.5"), 1)


def test_failures_are_counted_by_code_with_an_example_and_change_the_exit_code() -> None:
    made = summary(view(), FAILED, FAILED)
    assert made.code is Exit.SOME_FAILED
    assert summary_lines(made)[:2] == ["1 succeeded, 2 failed in 1:01", "  media_empty: 2, e.g. x.wav: x.wav is empty"]
    assert summary(view()).code is Exit.OK


def test_a_cost_without_a_known_price_is_a_lower_bound() -> None:
    assert "cost: $" in summary_lines(summary(view(model_version="gemini-3.8-flash")))[-1]
    unknown = summary_lines(summary(view(model_version="gemini-99-flash")))[-1]
    assert "at least $0.0000 (no price is known for gemini-99-flash)" in unknown
