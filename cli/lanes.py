"""`mediascribe lanes list | pause | resume | set`: what may be asked of which model, and how fast."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import CommandError, Exit
from cli.filters import Json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from models.database import Database
    from worker.settings import Settings

app = typer.Typer(help="See which models are paused and why; pause, resume and limit them.", no_args_is_help=True)

MAX_REASON_CHARS = 500
MAX_LANE_CHARS = 250
MAX_MODEL_CHARS = 200
NONE = "none"

Lane = Annotated[str, typer.Argument(metavar="LANE", help="The lane: a model's name, as `lanes list` shows it.")]


@app.command("list")
def list_lanes(*, as_json: Json = False) -> None:
    """List the lanes: what pauses them, until when, their limits, jobs, and what they spent today (Pacific time)."""
    from cli.console import emit_json
    from cli.opening import opened
    from models.store import lane_views
    from worker.shapes import lane_facts_shape

    with opened() as (loaded, database):
        found = lane_views.list_lanes(database, also=[loaded.settings.model])
    shapes = [lane_facts_shape(facts, limits=loaded.settings.lane_limits) for facts in found]
    if as_json:
        emit_json({"lanes": shapes})
    else:
        _show(shapes)


def _show(shapes: list[dict[str, Any]]) -> None:
    from cli.console import emit_table

    headings = (
        "lane",
        "state",
        "until",
        "rpm",
        "tpm",
        "rpd",
        "queued",
        "running",
        "calls",
        "$ today",
        "$ a day",
        "fallback",
        "reason",
    )
    emit_table(headings, map(_row, shapes), right=headings[3:-2])


def _row(shape: dict[str, Any]) -> tuple[object, ...]:
    limits, jobs = shape["limits"], shape["jobs"]
    return (
        shape["name"],
        shape["state"],
        _until(shape),
        *("" if limit is None else limit for limit in limits.values()),
        str(jobs["queued"] + jobs["waiting"]),
        jobs["running"],
        shape["calls_today"],
        shape["spent_today_usd"],
        shape["budget_usd_per_day"] or "",
        shape["fallback_model"] or "",
        shape["reason"] or "",
    )


def _until(shape: dict[str, Any]) -> str:
    if shape["state"] == "open":
        return ""
    if shape["state"] == "stopped":
        return f"somebody acts; next try {shape['probe_at']}"
    return str(shape["paused_until"] or "it is resumed")


@app.command()
def pause(
    lane: Lane,
    *,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="For those who see it paused.")] = None,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="D", help="Resume it by itself after so long: 30m, 12h, 7d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Begin no further call of a lane. Calls in flight end; no job fails, and none spends an attempt."""
    from cli.opening import opened
    from cli.when import parse_duration
    from models.store import lanes

    name = _name_of(lane)
    seconds = None if duration is None else parse_duration(duration, name="--for")
    if seconds is not None and not 0 < seconds <= 366 * 86_400:
        raise CommandError(Exit.USAGE, f"--for {duration!r} must be more than nothing and no more than a year")
    words = "paused by hand" + (f": {_reason_of(reason)}" if reason and reason.strip() else "")
    with opened() as (loaded, database):
        _warn_if_unknown(_known(database, loaded.settings), name)
        lanes.pause_by_hand(database, name, reason=words, seconds=seconds)
        _show_one(database, loaded.settings, name, as_json=as_json)


@app.command()
def resume(lane: Lane, *, as_json: Json = False) -> None:
    """Open a paused lane, whoever paused it; its jobs go on within seconds."""
    from cli.console import say
    from cli.opening import opened
    from models.store import lanes

    name = _name_of(lane)
    with opened() as (loaded, database):
        known = _known(database, loaded.settings)
        if name not in known:
            raise CommandError(Exit.NOT_FOUND, f"there is no lane {name!r}{_hint(known, name)}")
        if not lanes.resume(database, name):
            say(f"{name} was not paused")
        _show_one(database, loaded.settings, name, as_json=as_json)


@app.command("set")
def set_lane(
    lane: Lane,
    *,
    rpm: Annotated[
        str | None, typer.Option(metavar="N", help="Requests a minute; `none`: as MEDIASCRIBE_RPM says.")
    ] = None,
    tpm: Annotated[
        str | None, typer.Option(metavar="N", help="Input tokens a minute; `none`: as MEDIASCRIBE_TPM says.")
    ] = None,
    rpd: Annotated[
        str | None, typer.Option(metavar="N", help="Requests a day; `none`: as MEDIASCRIBE_RPD says.")
    ] = None,
    budget_usd: Annotated[
        str | None, typer.Option(metavar="USD", help="Spend no more a day (Pacific time); `none`: no such budget.")
    ] = None,
    fallback: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Ask this model while the lane is paused for reasons of its own; `none`: wait."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a lane limits of its own, or a fallback. Workers keep to them within seconds."""
    from cli.budget import budget_of
    from cli.opening import opened
    from models.store import lanes

    name = _name_of(lane)
    given = {
        "requests_per_minute": ("--rpm", rpm),
        "input_tokens_per_minute": ("--tpm", tpm),
        "requests_per_day": ("--rpd", rpd),
    }
    limits = {field: _limit(text, name=option) for field, (option, text) in given.items() if text is not None}
    budget = None if budget_usd in (None, NONE) else budget_of(budget_usd, name="--budget-usd")
    if not limits and budget_usd is None and fallback is None:
        raise CommandError(Exit.USAGE, "say what to set: --rpm, --tpm, --rpd, --budget-usd or --fallback")
    with opened() as (loaded, database):
        model = None if fallback in (None, NONE) else _fallback_of(str(fallback), name, loaded.settings)
        _warn_if_unknown(_known(database, loaded.settings), name)
        if fallback is not None:
            lanes.set_fallback(database, name, model)
        if limits:
            lanes.set_limits(database, name, limits)
        if budget_usd is not None:
            _put_budget(database, name, budget)
        _show_one(database, loaded.settings, name, as_json=as_json)


def _limit(text: str, *, name: str) -> int | None:
    """The limit; None where it says `none`. Raises CommandError(USAGE) naming the option."""
    from models.failures import FailureError
    from models.store.lanes import check_limit

    if text.strip() == NONE:
        return None
    try:
        return check_limit(int(text), field=name)
    except ValueError as error:
        raise CommandError(Exit.USAGE, f"{name} {text!r} is no whole number; write one, or none") from error
    except FailureError as error:
        raise CommandError(Exit.USAGE, error.failure.message) from error


def _fallback_of(text: str, lane: str, settings: "Settings") -> str:
    """The model. Raises CommandError(USAGE), FailureError(invalid_options) where nobody knows its price, PriceFileError."""
    from gemini.price_files import load_prices
    from worker.submit import check_price

    model = text.strip()
    if not model or len(model) > MAX_MODEL_CHARS or not model.isprintable() or model == lane:
        raise CommandError(Exit.USAGE, f"--fallback {text!r} must name another model than {lane}, or be none")
    if not settings.allow_unknown_prices:
        check_price(model, load_prices(settings.prices_file))
    return model


def _put_budget(database: "Database", name: str, limit_usd: "Decimal | None") -> None:
    from models.budget import Period, Scope
    from models.store import budgets

    if limit_usd is None:
        budgets.remove_budget(database, Scope.LANE, name, period=Period.DAY)
    else:
        budgets.set_budget(database, Scope.LANE, name, limit_usd=limit_usd, period=Period.DAY)


def _name_of(lane: str) -> str:
    name = lane.strip()
    if not name or len(name) > MAX_LANE_CHARS or not name.isprintable():
        raise CommandError(Exit.USAGE, f"LANE {lane!r} is no lane; `mediascribe lanes list` shows them")
    return name


def _reason_of(text: str) -> str:
    from cli.console import one_line

    return one_line(text, width=MAX_REASON_CHARS)


def _known(database: "Database", settings: "Settings") -> list[str]:
    from models.store import lane_views

    return [facts.name for facts in lane_views.list_lanes(database, also=[settings.model])]


def _hint(known: "Sequence[str]", name: str) -> str:
    """The lane that may have been meant."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; `mediascribe lanes list` shows those there are"


def _warn_if_unknown(known: "Sequence[str]", name: str) -> None:
    from cli.console import say

    if name not in known:
        say(f"note: nothing names a lane {name} so far{_hint(known, name)}")


def _show_one(database: "Database", settings: "Settings", name: str, *, as_json: bool) -> None:
    from cli.console import emit_json
    from models.store import lane_views
    from worker.shapes import lane_facts_shape

    facts = next(facts for facts in lane_views.list_lanes(database, also=[name]) if facts.name == name)
    shape = lane_facts_shape(facts, limits=settings.lane_limits)
    emit_json(shape) if as_json else _show([shape])
