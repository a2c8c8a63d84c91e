"""`mediascribe keys create | list | revoke`: who may use the HTTP API."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.exits import CommandError, Exit
from cli.filters import Json

app = typer.Typer(help="Who may use the HTTP API, and for what.", no_args_is_help=True)

LONGEST_NAME = 200
MOST_REQUESTS = 1_000_000_000


class ScopeChoice(StrEnum):
    """What a key may be used for, as `models.api_key.KeyScope` has it (a test holds the two equal)."""

    READ = "jobs:read"
    WRITE = "jobs:write"
    FILES = "files:read"
    METRICS = "metrics:read"
    ADMIN = "admin"


USUAL = (ScopeChoice.READ, ScopeChoice.WRITE)


@app.command()
def create(
    *,
    owner: Annotated[str, typer.Option(help="Whose jobs it submits and sees.")] = "default",
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for.")] = None,
    scope: Annotated[
        list[ScopeChoice] | None,
        typer.Option(help="What it may do, once for each; jobs:read and jobs:write if not given. files:read lets it "
                          "name files of the workers' machines, admin see and pause what all owners share."),
    ] = None,
    expires_in: Annotated[str | None, typer.Option(metavar="D", help="It ends after so long: 12h, 90d.")] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=MOST_REQUESTS, help="Requests a minute, of each API process.")
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Make a key and print it. It is shown this once: only a hash of it is stored."""
    from cli.console import emit, emit_json, say
    from cli.opening import opened
    from cli.when import parse_duration
    from models.api_key import KeyScope
    from models.store.keys import create_key
    from worker.shapes import key_shape

    for option, text in (("--owner", owner), ("--name", name or "-")):
        if not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
            raise CommandError(Exit.USAGE, f"{option} must have 1 to {LONGEST_NAME} printable characters")
    seconds = None if expires_in is None else parse_duration(expires_in, name="--expires-in")
    if seconds is not None and not 0 < seconds <= 100 * 366 * 86_400:
        raise CommandError(Exit.USAGE, f"--expires-in {expires_in!r} must be more than nothing and at most a century")
    with opened() as (_, database):
        key, view = create_key(
            database, owner=owner, name=name, scopes=[KeyScope(each.value) for each in scope or USUAL],
            requests_per_minute=requests_per_minute, expires_in_seconds=seconds,
        )  # fmt: skip
    if as_json:
        emit_json({"key": key, **key_shape(view)})
        return
    emit(key)
    say(f"key {view.id} of {owner}: {', '.join(sorted(view.scopes))}. Keep it: it cannot be shown again")


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """List the keys, newest first, without their secrets."""
    from cli.console import emit_json, emit_table
    from cli.opening import opened
    from models.store.keys import PREFIX, list_keys
    from worker.shapes import key_shape, rfc3339

    with opened() as (_, database):
        views = list_keys(database)
    if as_json:
        emit_json({"keys": [key_shape(view) for view in views]})
        return
    rows = [
        (
            view.id, f"{PREFIX}{view.id}_…", view.owner, view.name or "", ", ".join(sorted(view.scopes)),
            "live" if view.is_live else "revoked" if view.revoked_at else "expired", rfc3339(view.expires_at) or "",
            rfc3339(view.used_at) or "never",
        )
        for view in views
    ]  # fmt: skip
    emit_table(["id", "key", "owner", "name", "scopes", "state", "expires", "last used"], rows)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")]) -> None:
    """End a key; a second later it opens nothing."""
    from cli.console import say
    from cli.opening import opened
    from models.store.keys import PREFIX, revoke_key

    named = key_id.removeprefix(PREFIX).partition("_")[0]
    with opened() as (_, database):
        was_live = revoke_key(database, named)
    if not was_live:
        raise CommandError(Exit.NOT_FOUND, f"there is no live key {named!r}; `mediascribe keys list` shows them")
    say(f"key {named} is revoked")
