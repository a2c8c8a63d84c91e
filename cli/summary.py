"""What a `run` came to: counts, failures by code, tokens, cost, time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cli.console import one_line
from cli.exits import Exit
from cli.progress import clock_words
from gemini.prices import PriceTable
from models.state import JobState
from models.store.queries import JobView
from models.store.reports import Totals
from models.tier import ServiceTier, tier_of
from worker.shapes import usd, usd_words

NOT_WHOLE = (JobState.FAILED, JobState.PARTIAL)


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureSummary:
    """Jobs that failed with one code."""

    code: str
    count: int
    example_source: str
    example_message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Everything that is said at the end."""

    batch_id: str
    by_state: Mapping[JobState, int]
    failures: tuple[FailureSummary, ...]
    skipped: int
    done_before: int
    retried: int
    reused: int
    calls: int
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cost_usd: Decimal
    """Of this run; earlier runs of the same command had theirs."""
    unpriced_models: tuple[str, ...]
    """Models that answered and whose price nobody knows; the cost is then a lower bound."""
    seconds: float

    @property
    def code(self) -> Exit:
        """How the run ends, if nothing else went wrong."""
        return Exit.SOME_FAILED if any(self.by_state[state] for state in NOT_WHOLE) else Exit.OK


def summarize(
    views: Iterable[JobView], *, before: Totals, after: Totals, batch_id: str, skipped: int, done_before: int,
    retried: int, seconds: float, prices: PriceTable,
) -> Summary:  # fmt: skip
    """The summary of these jobs; `before` and `after` are the batch's totals around the work."""
    today = datetime.now(UTC).date()
    states: Counter[JobState] = Counter()
    failed: dict[str, list[JobView]] = {}
    asked: set[tuple[str, ServiceTier]] = set()
    for view in views:
        states[view.state] += 1
        if view.state in NOT_WHOLE:
            failed.setdefault(view.error_code or "internal", []).append(view)
        if view.calls:
            asked.add((view.model_version or view.model, tier_of(view.lane)))
    return Summary(
        batch_id=batch_id,
        by_state={state: states[state] for state in JobState},
        failures=tuple(_failure_summary(code, failed[code]) for code in sorted(failed, key=lambda c: -len(failed[c]))),
        skipped=skipped,
        done_before=done_before,
        retried=retried,
        reused=after.reused - before.reused,
        calls=after.calls - before.calls,
        input_tokens=after.input_tokens - before.input_tokens,
        output_tokens=after.output_tokens - before.output_tokens,
        thinking_tokens=after.thinking_tokens - before.thinking_tokens,
        cost_usd=after.cost_usd - before.cost_usd,
        unpriced_models=tuple(sorted({model for model, tier in asked if not prices.knows(model, today, tier)})),
        seconds=seconds,
    )


def _failure_summary(code: str, views: list[JobView]) -> FailureSummary:
    example = views[0]
    return FailureSummary(
        code=code, count=len(views), example_source=example.source, example_message=example.error_message or ""
    )


def summary_shape(summary: Summary) -> dict[str, Any]:
    """The summary as JSON."""
    return {
        "batch_id": summary.batch_id,
        "total": sum(summary.by_state.values()),
        "states": {str(state): count for state, count in summary.by_state.items()},
        "failures": [
            {"code": f.code, "count": f.count, "example": {"source": f.example_source, "message": f.example_message}}
            for f in summary.failures
        ],
        "skipped": summary.skipped,
        "already_done": summary.done_before,
        "retried": summary.retried,
        "reused": summary.reused,
        "usage": {
            "calls": summary.calls,
            "input_tokens": summary.input_tokens,
            "output_tokens": summary.output_tokens,
            "thinking_tokens": summary.thinking_tokens,
            "cost_usd": usd(summary.cost_usd),
            "cost_is_lower_bound": bool(summary.unpriced_models),
        },
        "seconds": round(summary.seconds, 3),
    }


def summary_lines(summary: Summary) -> list[str]:
    """The summary for a person."""
    states = ", ".join(f"{count} {state}" for state, count in summary.by_state.items() if count)
    lines = [f"{states} in {clock_words(summary.seconds)}"]
    lines += [
        f"  {f.code}: {f.count}, e.g. {one_line(f.example_source, width=200)}: {one_line(f.example_message, width=300)}"
        for f in summary.failures
    ]
    if summary.done_before:
        lines.append(f"{summary.done_before} already done, nothing was paid for them")
    if summary.retried:
        lines.append(f"{summary.retried} had not succeeded before and were tried again")
    if summary.reused:
        lines.append(f"{summary.reused} answered from what was stored for the same bytes, nothing was paid for them")
    lines.append(_paid_words(summary))
    return lines


def _paid_words(summary: Summary) -> str:
    tokens = f"{summary.input_tokens:,} input, {summary.output_tokens:,} output, {summary.thinking_tokens:,} thinking"
    cost = usd_words(summary.cost_usd)
    if summary.unpriced_models:
        cost = f"at least {cost} (no price is known for {', '.join(summary.unpriced_models)})"
    return f"{summary.calls:,} calls; tokens: {tokens}; cost: {cost}"
