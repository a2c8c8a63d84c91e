"""Databases with their tables. The migrations run once for each pytest process; the others are copies of what they made."""

import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy.engine import make_url

import migrations
from models.database import Database, open_database


def migrated(url: str) -> Database:
    """The database of that address with its tables, open."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
        Path(address.database or "").write_bytes(_migrated_file())
    database = open_database(url)
    if migrations.stored_revision(database) != migrations.newest_revision():
        migrations.upgrade(database)
    return database


@cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="mediascribe-tables-") as folder:
        path = Path(folder) / "jobs.db"
        database = open_database(f"sqlite:///{path}")
        migrations.upgrade(database)
        database.close()
        return path.read_bytes()
