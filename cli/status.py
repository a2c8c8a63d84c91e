"""`mediascribe status`: where a batch, or everything, stands."""

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.filters import Json

if TYPE_CHECKING:
    from models.database import Database
    from models.store.budgets import BudgetView
    from models.store.reports import BatchView
    from worker.settings import Settings

WATCH_SECONDS = 2.0
LATEST_BATCHES = 5


def status(
    batch: Annotated[str | None, typer.Argument(metavar="BATCH", help="Id or name; everything if not given.")] = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until the batch is done or Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show counts by state, rate, time left, cost, live workers and paused lanes."""
    from cli.console import emit_json
    from cli.finding import batch_of
    from cli.opening import opened
    from cli.signals import Stop

    with opened() as (loaded, database), Stop() as stop:
        found = batch_of(database, batch) if batch else None
        while True:
            shape = status_shape(database, loaded.settings, found)
            if as_json:
                emit_json(shape)
            else:
                _show(shape, in_place=watch)
            sys.stdout.flush()
            if not watch or (found is not None and shape["done"] == shape["total"]):
                return
            stop.wait(WATCH_SECONDS)
            if stop.asked:
                return


def status_shape(database: "Database", settings: "Settings", batch: "BatchView | None") -> dict[str, Any]:
    """Everything that is shown, as JSON."""
    from models.store import parcels, reports
    from models.store.queries import JobFilter
    from worker.shapes import (
        at_gemini_shape,
        batch_shape,
        budget_shape,
        lane_shape,
        pace_shape,
        totals_shape,
        worker_shape,
    )

    totals = reports.totals(database, JobFilter(batch_id=batch.id if batch else None))
    workers = reports.list_workers(database, alive_seconds=settings.lease_seconds)
    return {
        "batch": batch_shape(batch) if batch else None,
        **totals_shape(totals),
        **pace_shape(totals),
        "workers": [worker_shape(worker) for worker in workers if worker.alive],
        "paused_lanes": [lane_shape(lane) for lane in reports.paused_lanes(database)],
        "at_gemini": at_gemini_shape(parcels.at_gemini(database, batch_id=batch.id if batch else None)),
        "budgets": [budget_shape(view) for view in _budgets(database, batch)],
        "latest_batches": [
            batch_shape(b) for b in reports.list_batches(database, limit=0 if batch else LATEST_BATCHES)
        ],
    }


def _budgets(database: "Database", batch: "BatchView | None") -> "list[BudgetView]":
    """Those that a batch comes under but for its lanes'; without one, those of owners and lanes."""
    from models.budget import Scope
    from models.store.budgets import list_budgets

    if batch is None:
        return [view for scope in (Scope.OWNER, Scope.LANE) for view in list_budgets(database, scope=scope)]
    return [
        *list_budgets(database, scope=Scope.BATCH, name=batch.id),
        *list_budgets(database, scope=Scope.OWNER, name=batch.owner),
    ]


def _at_gemini_words(sent: dict[str, Any]) -> str:
    batches = f"{sent['batches']:,} batch{'' if sent['batches'] == 1 else 'es'}"
    calls = f"{sent['calls']:,} question{'' if sent['calls'] == 1 else 's'}"
    return f"for {batches} at Gemini with {calls}, since {sent['since']}; answers take up to a day"


def _budget_words(budget: dict[str, Any]) -> str:
    limit = f"${budget['limit_usd']}" + (" a day" if budget["period"] == "day" else "")
    whose = "" if budget["scope"] == "batch" else f" of {budget['scope']} {budget['name']}"
    if budget["spent_usd"] is None:
        return f"{limit}{whose}"
    held = f", ${budget['held_usd']} held for calls in flight" if Decimal(budget["held_usd"]) else ""
    ends = f"; it opens {budget['opens_at']}" if budget["opens_at"] else "; what is left waits until it is raised"
    return f"${budget['spent_usd']} of {limit}{whose} spent{held}{ends if budget['is_spent'] else ''}"


def _show(shape: dict[str, Any], *, in_place: bool) -> None:
    from cli.console import emit, plain

    if in_place and sys.stdout.isatty():
        sys.stdout.write("\x1b[2J\x1b[H")  # clear the screen
    for line in status_lines(shape):
        emit(plain(line))


def _eta_words(shape: dict[str, Any]) -> str:
    """When the work will be done, as far as anybody can know."""
    from cli.progress import clock_words

    if not shape["workers"]:
        return "unknown: no worker is live"
    if shape["paused_lanes"]:
        return "unknown: a lane is paused"
    return clock_words(shape["eta_seconds"])


def status_lines(shape: dict[str, Any]) -> list[str]:
    """The status for a person."""
    from cli.progress import clock_words

    batch, usage, oldest = shape["batch"], shape["usage"], shape["oldest_queued_seconds"]
    left = shape["total"] - shape["done"]
    states = ", ".join(f"{count:,} {state}" for state, count in shape["states"].items() if count)
    lines = [f"batch    {batch['id']} ({batch['name'] or 'no name'}), made {batch['created_at']}"] if batch else []
    lines += [
        f"jobs     {states or 'none'}; {shape['done']:,} of {shape['total']:,} done",
        f"rate     {shape['rate_per_second']:.2f}/s in the last minute"
        + (f", ETA {_eta_words(shape)}" if left else ""),
        *([f"oldest   queued for {clock_words(oldest)}"] if oldest is not None else []),
        f"used     {usage['calls']:,} calls, ${usage['cost_usd']}; {shape['reused']:,} answers reused",
        f"workers  {len(shape['workers'])} live, {sum(worker['running'] for worker in shape['workers'])} jobs in hand",
    ]
    if shape["at_gemini"]["calls"]:
        lines.append(f"waits    {_at_gemini_words(shape['at_gemini'])}")
    lines += [f"budget   {_budget_words(budget)}" for budget in shape["budgets"]]
    lines += [
        f"paused   {lane['name']}: {lane['reason'] or lane['code']}"
        + (f" (until {lane['paused_until']})" if lane["paused_until"] else "")
        + (f"; its jobs are asked with {lane['fallback_model']} meanwhile" if lane["fallback_model"] else "")
        for lane in shape["paused_lanes"]
    ]
    return lines + [f"batch    {b['id']}  {b['created_at']}  {b['name'] or ''}" for b in shape["latest_batches"]]
