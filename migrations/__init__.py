"""Alembic migrations: they build every database, the tests' included."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.database import Database


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to a revision.

    Two at once take turns: on SQLite by its write lock, on PostgreSQL by an advisory lock.
    """
    _run(database, lambda config: command.upgrade(config, revision))


def downgrade(database: Database, revision: str) -> None:
    """Bring the database back to a revision."""
    _run(database, lambda config: command.downgrade(config, revision))


def newest_revision() -> str:
    """The revision that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("there are no migrations")
    return head


def is_known(revision: str | None) -> bool:
    """Is this revision, None for an empty database, one that this code has a migration for?"""
    scripts = ScriptDirectory.from_config(_config())
    return revision is None or revision in {script.revision for script in scripts.walk_revisions()}


def stored_revision(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one. Raises DatabaseUnavailableError."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _run(database: Database, run: Callable[[Config], None]) -> None:
    config = _config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        run(config)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
