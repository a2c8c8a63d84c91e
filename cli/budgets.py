"""`mediascribe budgets list | set | remove`: what a batch, an owner or a lane may spend."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.budget import budget_of
from cli.exits import CommandError, Exit
from cli.filters import Json

if TYPE_CHECKING:
    from models.budget import Period
    from models.database import Database
    from models.store.budgets import BudgetView

app = typer.Typer(help="What a batch, an owner or a lane may spend.", no_args_is_help=True)

LONGEST_NAME = 250


class ScopeChoice(StrEnum):
    """Whose spending is limited, as `models.budget.Scope` has it (a test holds the two equal)."""

    BATCH = "batch"
    OWNER = "owner"
    LANE = "lane"


class PeriodChoice(StrEnum):
    """When a budget begins anew, as `models.budget.Period` has it (a test holds the two equal)."""

    TOTAL = "total"
    DAY = "day"


_Scope = Annotated[ScopeChoice, typer.Argument(help="Whose spending: that of a batch, an owner or a lane.")]
_Name = Annotated[str, typer.Argument(help="The batch (id or name), owner or lane; '*' is each lane without its own.")]
_Per = Annotated[
    PeriodChoice | None,
    typer.Option(help="For good, or for each day (Google's: from midnight in California); for a lane a day is usual."),
]


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """List the budgets, and how they stand."""
    from cli.console import emit_json, emit_table
    from cli.opening import opened
    from models.store.budgets import list_budgets
    from worker.shapes import budget_shape

    with opened() as (_, database):
        found = list_budgets(database)
    if as_json:
        emit_json({"budgets": [budget_shape(view) for view in found]})
        return
    columns = ["of", "name", "per", "limit $", "spent $", "held $", "state"]
    emit_table(columns, [_row(view) for view in found], right=("limit $", "spent $", "held $"))


@app.command("set")
def set_(
    scope: _Scope,
    name: _Name,
    usd: Annotated[str, typer.Argument(metavar="USD", help="The most that may be spent, like 2.50.")],
    *,
    per: _Per = None,
) -> None:
    """Set or change a budget. A higher one lets the jobs go on that wait for it."""
    from cli.console import say
    from cli.opening import opened
    from models.budget import Scope
    from models.store.budgets import set_budget
    from worker.shapes import usd_words

    limit = budget_of(usd, name="USD")
    assert limit is not None
    with opened() as (_, database):
        known, period = _named(database, scope, name), _period(scope, per)
        set_budget(database, Scope(scope.value), known, limit_usd=limit, period=period)
    say(f"{scope} {name} may spend {usd_words(limit)} {_WORDS[period]}")


@app.command()
def remove(scope: _Scope, name: _Name, *, per: _Per = None) -> None:
    """Lift a budget; the jobs that wait for it go on."""
    from cli.console import say
    from cli.opening import opened
    from models.budget import Scope
    from models.store.budgets import remove_budget

    with opened() as (_, database):
        known, period = _named(database, scope, name), _period(scope, per)
        was_there = remove_budget(database, Scope(scope.value), known, period=period)
    if not was_there:
        words = f"{scope} {name} has no budget {_WORDS[period]}; `mediascribe budgets list` shows those that there are"
        raise CommandError(Exit.NOT_FOUND, words)
    say(f"{scope} {name} has no budget {_WORDS[period]} any more")


_WORDS: dict[str, str] = {PeriodChoice.TOTAL: "in all", PeriodChoice.DAY: "a day"}


def _period(scope: ScopeChoice, per: PeriodChoice | None) -> "Period":
    from models.budget import Period

    usual = PeriodChoice.DAY if scope is ScopeChoice.LANE else PeriodChoice.TOTAL
    return Period((per or usual).value)


def _named(database: "Database", scope: ScopeChoice, name: str) -> str:
    """The name under which the budget is stored. Raises CommandError."""
    from cli.finding import batch_id_of

    if scope is ScopeChoice.BATCH:
        return batch_id_of(database, name)
    if not 0 < len(name) <= LONGEST_NAME or "\0" in name:
        raise CommandError(Exit.USAGE, f"NAME must have 1 to {LONGEST_NAME} characters")
    return name


def _row(view: "BudgetView") -> tuple[object, ...]:
    from worker.shapes import rfc3339, usd

    state = "open"
    if view.is_spent:
        state = f"spent until {rfc3339(view.opens_at)}" if view.opens_at else "spent"
    sums = ("" if amount is None else usd(amount) for amount in (view.spent_usd, view.held_usd))
    return view.scope, view.name, view.period, usd(view.limit_usd), *sums, state
