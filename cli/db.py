"""`mediascribe db upgrade | check`."""

import typer

from cli.exits import CommandError, Exit

app = typer.Typer(help="Prepare and check the database.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Bring the database's tables up to what this version needs."""
    import migrations
    from cli.console import say
    from models.database import open_database, sqlite_path
    from worker.environment import load_settings
    from worker.ready_database import make_folder_of

    url = load_settings().settings.resolved_database_url()
    path = sqlite_path(url)
    if path is not None:
        make_folder_of(path)
    database = open_database(url)
    try:
        migrations.upgrade(database)
        say(f"the database is at revision {migrations.stored_revision(database)}")
    finally:
        database.close()


@app.command()
def check() -> None:
    """Say whether the database is what this version needs; exit code 7 if not."""
    import migrations
    from cli.console import say
    from models.database import open_database, sqlite_path
    from worker.environment import load_settings

    url = load_settings().settings.resolved_database_url()
    path, needed = sqlite_path(url), migrations.newest_revision()
    stored = None
    if path is None or path.exists():  # looking at a SQLite file that does not exist would make it
        database = open_database(url)
        try:
            stored = migrations.stored_revision(database)
        finally:
            database.close()
    if stored != needed:
        words = (
            f"the database is at revision {stored or 'none'}, this version needs {needed}; run: mediascribe db upgrade"
        )
        raise CommandError(Exit.TRY_AGAIN, words)
    say(f"ok: the database is at revision {stored}")
