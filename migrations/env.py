"""Alembic's entry: runs migrations on the connection that `migrations.upgrade` hands over, in its transaction."""

from alembic import context
from sqlalchemy import Connection, text

from models.tables import Base

_DEPLOYERS_LOCK = 5_110_731_987
"""Any number, always the same: deployers that start at once take turns."""


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_DEPLOYERS_LOCK})"))
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    context.run_migrations()


_migrate(context.config.attributes["connection"])
