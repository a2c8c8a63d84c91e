"""`mediascribe usage`: what was spent, by day, owner, lane or batch."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from cli.exits import CommandError, Exit
from cli.filters import Json


class ByChoice(StrEnum):
    """What the sums are told apart by, as `models.store.usage.UsageBy` has it (a test holds the two equal)."""

    DAY = "day"
    OWNER = "owner"
    LANE = "lane"
    BATCH = "batch"


def usage(
    *,
    by: Annotated[ByChoice, typer.Option(help="A line for each of these.")] = ByChoice.DAY,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Only from this day on: 2026-11-23.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only what this owner spent.")] = None,
    as_json: Json = False,
) -> None:
    """Show what was spent. Days are those of Google's bills, which begin at midnight Pacific time."""
    from cli.console import emit_json
    from cli.opening import opened
    from models.store.usage import UsageBy, UsageFilter, usage_by
    from models.store.usage import usage as usage_of
    from worker.shapes import usage_document

    first = None if since is None else _day(since, name="--since")
    wanted = UsageFilter(since=first, owner=owner)
    with opened() as (_, database):
        rows = usage_by(database, UsageBy(by.value), wanted)
        total = usage_of(database, wanted)
    document = usage_document(rows, total, by=UsageBy(by.value), since=first)
    if as_json:
        emit_json(document)
    else:
        _show(document)


def _day(text: str, *, name: str) -> date:
    """A day. Raises CommandError(USAGE) naming the option."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise CommandError(Exit.USAGE, f"{name} {text!r} is no day; write it like 2026-11-23") from error


def _show(document: dict[str, object]) -> None:
    from cli.console import emit_table, say

    by, rows, total = str(document["by"]), document["usage"], document["total"]
    assert isinstance(rows, list)
    assert isinstance(total, dict)
    columns = ("calls", "input_tokens", "output_tokens", "thinking_tokens", "cost_usd")
    shown = [(row[by], *(row[name] for name in columns)) for row in rows]
    shown.append(("total", *(total[name] for name in columns)))
    emit_table([by, "calls", "input", "output", "thinking", "cost $"], shown, right=("calls", "cost $"))
    if total["unpriced_calls"]:
        say(f"{total['unpriced_calls']:,} calls of models without a known price are not in the cost")
    if float(total["presumed_usd"]):
        say(f"lost workers may have spent ${total['presumed_usd']} beside it")
