"""Opening the database that the settings name, and seeing that it is what this version needs.

A module of its own, so that a command that only looks loads nothing of what works.
"""

from pathlib import Path

import migrations
from models.database import Database, DatabaseNotReadyError, open_database
from worker.settings import Settings


def check_ready(database: Database) -> None:
    """Does the database answer, with the tables that this version needs?

    Raises DatabaseUnavailableError, DatabaseNotReadyError.
    """
    stored, needed = migrations.stored_revision(database), migrations.newest_revision()
    if stored != needed:
        raise DatabaseNotReadyError(f"the database is at revision {stored or 'none'}, this version needs {needed}")


def make_folder_of(path: Path) -> None:
    """The folder of a SQLite file. A new one is its owner's alone: secrets of webhooks, media and results are in it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def open_ready_database(settings: Settings, *, pool_size: int = 8) -> Database:
    """The database with its tables. A SQLite file is made and brought up to date; another database is only checked.

    Raises DatabaseUnavailableError, DatabaseNotReadyError, DatabaseUrlError.
    """
    url = settings.resolved_database_url()
    database = open_database(url, pool_size=pool_size)
    if database.dialect == "sqlite":
        make_folder_of(Path(str(database.writer.url.database)))
    stored, needed = migrations.stored_revision(database), migrations.newest_revision()
    if stored == needed:
        return database
    if not migrations.is_known(stored):
        raise DatabaseNotReadyError(
            f"the database is at revision {stored}, which this version of mediascribe does not know; start a newer version"
        )
    if database.dialect == "sqlite":
        migrations.upgrade(database)
        return database
    raise DatabaseNotReadyError(
        f"the database is at revision {stored or 'none'}, this version needs {needed}; run: mediascribe db upgrade"
    )
