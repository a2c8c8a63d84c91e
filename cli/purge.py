"""`mediascribe purge`: delete jobs that ended long ago, with everything of theirs."""

from typing import Annotated

import typer

from cli.exits import CommandError, Exit
from cli.filters import Json


def purge(
    older_than: Annotated[str, typer.Option(metavar="D", help="Only what ended longer ago: 7d, 12h, 30m.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many jobs it would be.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete ended jobs, their results and the files that were uploaded with them. Files that were written stay."""
    from cli.console import confirm, emit, emit_json, is_terminal
    from cli.opening import opened
    from cli.when import parse_duration
    from models.store import admin
    from worker.source_settings import make_storage
    from worker.uploads import remove_left_uploads

    seconds = parse_duration(older_than, name="--older-than")
    with opened() as (loaded, database):
        count = admin.count_purgeable(database, older_than_seconds=seconds)
        if dry_run:
            emit_json({"would_purge": count}) if as_json else emit(f"would delete {count} jobs")
            return
        if count and not yes:
            if not is_terminal():
                raise CommandError(Exit.USAGE, f"this would delete {count} jobs for good; say --yes to do it")
            if not confirm(f"delete {count} jobs for good?"):
                raise CommandError(Exit.USAGE, "nothing was deleted")
        purged = admin.purge(database, older_than_seconds=seconds)
        remove_left_uploads(database, make_storage(loaded.settings))
    emit_json({"purged": purged}) if as_json else emit(f"{purged} jobs deleted")
