"""`--budget`: what may be spent on a batch, and what is said when it is spent."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import CommandError, Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.store.budgets import BudgetView

Budget = Annotated[
    str | None,
    typer.Option(metavar="USD", help="Spend no more on the batch, in all; a higher one later lets the rest go on."),
]


def budget_of(text: str | None, *, name: str = "--budget") -> Decimal | None:
    """The amount. Raises CommandError(USAGE) naming the option."""
    if text is None:
        return None
    from models.failures import FailureError
    from models.store.budgets import check_limit

    try:
        return check_limit(Decimal(text.strip().removeprefix("$")), field=name)
    except InvalidOperation as error:
        raise CommandError(Exit.USAGE, f"{name} {text!r} is no amount; write US dollars like 2.50") from error
    except FailureError as error:
        raise CommandError(Exit.USAGE, error.failure.message) from error


def spent_words(budgets: "Sequence[BudgetView]", *, waiting: int) -> str | None:
    """What there is to say where a budget is spent for good; None where work can go on, today or tomorrow."""
    from models.budget import Scope
    from worker.shapes import usd_words

    spent = next((view for view in budgets if view.is_spent and view.opens_at is None), None)
    if spent is None:
        return None
    is_batch = spent.scope == Scope.BATCH
    whose = "" if is_batch else f" of {spent.scope} {spent.name}"
    then = "run the same command again with a higher --budget to go on" if is_batch else "they go on when it is raised"
    jobs = "1 job waits" if waiting == 1 else f"{waiting:,} jobs wait"
    spent_usd = usd_words(spent.spent_usd or Decimal(0))
    return f"the budget of {usd_words(spent.limit_usd)}{whose} is spent ({spent_usd}): {jobs}; {then}"
