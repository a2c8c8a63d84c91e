"""What most commands begin with: the settings, and the database that they name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from models.database import Database
from worker.environment import LoadedSettings, load_settings


@contextmanager
def opened(flags: Mapping[str, Any] | None = None) -> Iterator[tuple[LoadedSettings, Database]]:
    """The settings and the ready database, closed at the end.

    Raises SettingsError, DatabaseUrlError, DatabaseUnavailableError, DatabaseNotReadyError.
    """
    from worker.ready_database import open_ready_database

    loaded = load_settings(flags=flags)
    database = open_ready_database(loaded.settings)
    try:
        yield loaded, database
    finally:
        database.close()
