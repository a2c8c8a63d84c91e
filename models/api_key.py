"""API keys: who may ask the HTTP API, for whom, and for what. A key itself is shown once and stored nowhere."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, UtcTime


class KeyScope(StrEnum):
    """What a key may be used for."""

    READ = "jobs:read"
    """See the owner's jobs, batches, results, sums and webhooks."""
    WRITE = "jobs:write"
    """Submit, cancel and retry jobs of the owner; change its webhooks."""
    FILES = "files:read"
    """Name files on the disks of the workers as sources."""
    METRICS = "metrics:read"
    """Read `/metrics`, which counts for all owners together, and nothing else."""
    ADMIN = "admin"
    """See lanes and workers, which all owners share; pause and resume lanes."""


class ApiKey(Base):
    """One key. It reads `ms_<id>_<secret>`; the secret has 256 random bits, so a plain hash of it is as good as a slow one."""

    __tablename__ = "api_key"
    __table_args__ = (CheckConstraint("requests_per_minute > 0", name="rpm_positive"),)

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Its visible part, by which it is found, listed and revoked."""
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    owner: Mapped[str] = mapped_column(String(200))
    name: Mapped[str | None] = mapped_column(String(200))
    """What it is for, in words of whoever made it."""
    scopes: Mapped[str] = mapped_column(String(200))
    """Of `KeyScope`, a space between."""
    requests_per_minute: Mapped[int | None]
    """Of each API process; empty: no limit."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it was last used, to the minute or so."""
