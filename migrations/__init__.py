"""Alembic migrations: they build every database, the tests' included.

Every command looks at the revision first; Alembic itself, a tenth of a second to load, is only loaded to change it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from models.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from alembic.config import Config

_VERSIONS = Path(__file__).parent / "versions"


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to a revision.

    Two at once take turns: on SQLite by its write lock, on PostgreSQL by an advisory lock.
    """
    from alembic import command

    _run(database, lambda config: command.upgrade(config, revision))


def downgrade(database: Database, revision: str) -> None:
    """Bring the database back to a revision."""
    from alembic import command

    _run(database, lambda config: command.downgrade(config, revision))


def newest_revision() -> str:
    """The revision that this code needs."""
    return max(_revisions())


def is_known(revision: str | None) -> bool:
    """Is this revision, None for an empty database, one that this code has a migration for?"""
    return revision is None or revision in _revisions()


def stored_revision(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one. Raises DatabaseUnavailableError."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        stored: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return stored


def _revisions() -> set[str]:
    """They are numbered, and their files begin with the number (a test holds them to what Alembic says)."""
    return {path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*.py")}


def _run(database: Database, run: "Callable[[Config], None]") -> None:
    config = _config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        if (
            database.dialect == "postgresql"
        ):  # to build an index over ten million jobs takes longer than any other statement may
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        run(config)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
