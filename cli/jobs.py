"""`mediascribe jobs list | show | cancel | retry`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import filters
from cli.exits import CommandError, Exit

if TYPE_CHECKING:
    from models.database import Database
    from models.store.queries import JobFilter, JobView

app = typer.Typer(help="Look at jobs, stop them, try them again.", no_args_is_help=True)

PAGE = 500
SAMPLE = 5

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many jobs it would be, and name some.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Jobs; or use the filters.")]


@app.command("list")
def list_jobs(
    *,
    state: filters.State = None,
    kind: filters.Kind = None,
    batch: filters.Batch = None,
    error: filters.Error = None,
    since: filters.Since = None,
    search: filters.Search = None,
    owner: filters.Owner = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1_000_000, help="Jobs at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(metavar="C", help="Go on after this: `next_cursor` of before.")] = None,
    as_json: filters.Json = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one JSON document a line.")] = False,
) -> None:
    """List jobs, newest first."""
    from cli.console import emit_json, emit_table, one_line, say
    from cli.opening import opened
    from worker.shapes import job_shape, rfc3339

    with opened() as (_, database):
        wanted = filters.job_filter(
            database, state=state, kind=kind, batch=batch, error=error, since=since, search=search, owner=owner
        )
        views, following = _page(database, wanted, limit, cursor)
    if jsonl:
        for view in views:
            emit_json(job_shape(view))
    elif as_json:
        emit_json({"jobs": [job_shape(view) for view in views], "next_cursor": following})
        return
    else:
        rows = [
            (v.id, v.kind, v.state, v.error_code or "", rfc3339(v.created_at), one_line(v.source, width=200))
            for v in views
        ]
        emit_table(["id", "kind", "state", "error", "created", "source"], rows)
    if following:
        say(f"there are more: --cursor {following}")


def _page(
    database: "Database", wanted: "JobFilter", limit: int, cursor: str | None
) -> "tuple[list[JobView], str | None]":
    """Up to `limit` jobs, and the cursor of the next page if there is one."""
    from models.ids import is_id
    from models.store import queries

    if cursor is not None and not is_id(cursor, "job"):
        raise CommandError(Exit.USAGE, f"--cursor {cursor!r} is none; take next_cursor of the page before")
    views: list[JobView] = []
    while len(views) <= limit:
        before = views[-1].id if views else cursor
        page = queries.list_jobs(database, wanted, limit=min(PAGE, limit + 1 - len(views)), before=before)
        views += page
        if not page:
            break
    return views[:limit], views[limit - 1].id if len(views) > limit else None


@app.command()
def show(job_id: Annotated[str, typer.Argument(metavar="ID")], *, as_json: filters.Json = False) -> None:
    """Show a job with its attempts and calls."""
    from cli.console import emit_json
    from cli.finding import jobs_of
    from cli.opening import opened
    from models.store import reports
    from worker.shapes import attempt_shape, call_shape, job_shape

    with opened() as (_, database):
        job = job_shape(jobs_of(database, [job_id])[0])
        attempts = [attempt_shape(attempt) for attempt in reports.attempts_of(database, job_id)]
        calls = [call_shape(call) for call in reports.calls_of(database, job_id)]
    if as_json:
        emit_json({"job": job, "attempts": attempts, "calls": calls})
    else:
        _show(job, attempts, calls)


def _show(job: dict[str, Any], attempts: Sequence[dict[str, Any]], calls: Sequence[dict[str, Any]]) -> None:
    from cli.console import as_json, emit, emit_pairs, emit_table

    output = job.pop("output")
    emit_pairs(
        {
            name: as_json(value) if isinstance(value, dict) else value
            for name, value in job.items()
            if value not in (None, {})
        }
    )
    for title, rows, columns in (
        ("attempts", attempts, ("number", "outcome", "code", "message", "ended_at")),
        (
            "calls",
            calls,
            ("lane", "clip", "http_status", "code", "input_tokens", "output_tokens", "cost_usd", "ended_at"),
        ),
    ):
        emit(f"\n{title}:")
        emit_table(columns, [["" if row[name] is None else row[name] for name in columns] for row in rows])
    emit("\noutput:")
    emit(as_json(output))


@app.command()
def cancel(
    ids: Ids = None,
    *,
    state: filters.State = None,
    kind: filters.Kind = None,
    batch: filters.Batch = None,
    error: filters.Error = None,
    since: filters.Since = None,
    search: filters.Search = None,
    owner: filters.Owner = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: filters.Json = False,
) -> None:
    """Stop jobs that are not done. Those that run end within seconds."""
    from models.state import LIVE
    from models.store import admin

    change = _Change(verb="cancel", done="cancelled", states=LIVE, act=admin.cancel)
    given = {
        "state": state, "kind": kind, "batch": batch, "error": error, "since": since, "search": search, "owner": owner,
    }  # fmt: skip
    _apply(change, ids, given, dry_run=dry_run, yes=yes, as_json=as_json)


@app.command()
def retry(
    ids: Ids = None,
    *,
    state: filters.State = None,
    kind: filters.Kind = None,
    batch: filters.Batch = None,
    error: filters.Error = None,
    since: filters.Since = None,
    search: filters.Search = None,
    owner: filters.Owner = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: filters.Json = False,
) -> None:
    """Queue failed, partial and cancelled jobs again, with all their attempts anew."""
    from models.state import MOVES, Move
    from models.store import admin

    change = _Change(verb="retry", done="queued again", states=MOVES[Move.RETRY].sources, act=admin.retry)
    given = {
        "state": state, "kind": kind, "batch": batch, "error": error, "since": since, "search": search, "owner": owner,
    }  # fmt: skip
    _apply(change, ids, given, dry_run=dry_run, yes=yes, as_json=as_json)


class _Change:
    """What is done to many jobs."""

    def __init__(self, *, verb: str, done: str, states: frozenset[Any], act: Any) -> None:
        self.verb = verb
        self.done = done
        self.states = states
        self.act = act


def _apply(
    change: _Change, ids: list[str] | None, given: dict[str, Any], *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    from cli.console import confirm, emit, emit_json, is_terminal
    from cli.opening import opened

    if not ids and all(value is None for value in given.values()):
        raise CommandError(Exit.USAGE, f"say which jobs to {change.verb}: their ids, or filters such as --batch")
    with opened() as (_, database):
        eligible = _eligible(database, change, ids, given)
        if dry_run:
            _preview(database, change, eligible, as_json=as_json)
            return
        if not ids and eligible and not yes:
            if not is_terminal():
                raise CommandError(Exit.USAGE, f"this would {change.verb} {len(eligible)} jobs; say --yes to do it")
            if not confirm(f"{change.verb} {len(eligible)} jobs?"):
                raise CommandError(Exit.USAGE, "nothing was changed")
        changed = change.act(database, eligible)
    emit_json({"changed": len(changed)}) if as_json else emit(f"{len(changed)} {change.done}")


def _eligible(database: "Database", change: _Change, ids: list[str] | None, given: dict[str, Any]) -> list[str]:
    """The ids of the jobs that the change is possible for.

    Raises CommandError: NOT_FOUND for an unknown id, CONFLICT where jobs were named and none of them can change.
    """
    from cli.batches import pages
    from cli.finding import jobs_of

    named = jobs_of(database, ids) if ids else []
    wanted = filters.job_filter(database, ids=ids or None, **given)
    eligible = [view.id for view in pages(database, wanted) if view.state in change.states]
    if named and not eligible:
        first = named[0]
        raise CommandError(Exit.CONFLICT, f"{first.id} is {first.state}: there is nothing to {change.verb}")
    return eligible


def _preview(database: "Database", change: _Change, eligible: Sequence[str], *, as_json: bool) -> None:
    from cli.batches import with_outputs
    from cli.console import emit, emit_json, one_line

    sample = list(with_outputs(database, eligible[:SAMPLE]))
    if as_json:
        emit_json({"would_change": len(eligible), "sample": [view.id for view in sample]})
        return
    emit(f"would {change.verb} {len(eligible)} jobs")
    for view in sample:
        emit(f"  {view.id}  {view.state}  {one_line(view.source, width=200)}")
    sys.stdout.flush()
