"""API keys: made, found, revoked. What a key proves is decided here, so that nobody compares secrets elsewhere."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, literal, or_, select, update

from models.api_key import ApiKey, KeyScope
from models.base import db_after, db_now
from models.database import Database
from models.store.rows import insert_into

PREFIX = "ms_"
USED_SECONDS = 60.0
"""A key's last use is noted no more often."""
_NOBODY = hashlib.sha256(b"").digest()


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyView:
    """A key as it is shown: everything but its secret."""

    id: str
    owner: str
    name: str | None
    scopes: frozenset[KeyScope]
    requests_per_minute: int | None
    is_live: bool
    """Neither revoked nor past its time."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None


def create_key(
    database: Database,
    *,
    owner: str,
    scopes: Iterable[KeyScope],
    name: str | None = None,
    requests_per_minute: int | None = None,
    expires_in_seconds: float | None = None,
) -> tuple[str, KeyView]:
    """A new key: the key itself, which nobody can show again, and how it is listed."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    values = {
        "id": key_id, "secret_sha256": _hash(secret), "owner": owner, "name": name,
        "scopes": " ".join(sorted(set(scopes))), "requests_per_minute": requests_per_minute, "created_at": db_now(),
        "expires_at": None if expires_in_seconds is None else db_after(literal(expires_in_seconds)),
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert_into(database.dialect, ApiKey).values(**values))
    return f"{PREFIX}{key_id}_{secret}", next(view for view in list_keys(database) if view.id == key_id)


def find_key(database: Database, given: str) -> KeyView | None:
    """The live key that this is; None for any other text. Takes as long for a wrong secret as for a right one."""
    key_id, _, secret = given.removeprefix(PREFIX).partition("_")
    query = select(ApiKey.secret_sha256, *_columns()).where(ApiKey.id == key_id, _is_live())
    row = None
    if given.startswith(PREFIX) and key_id.isalnum() and key_id.isascii():
        with database.read() as connection:
            row = connection.execute(query).one_or_none()
    is_right = hmac.compare_digest(_NOBODY if row is None else row.secret_sha256, _hash(secret))
    return _view(row) if row is not None and is_right else None


def has_keys(database: Database) -> bool:
    """Is there a live key?"""
    with database.read() as connection:
        return connection.execute(select(ApiKey.id).where(_is_live()).limit(1)).first() is not None


def ever_had_keys(database: Database) -> bool:
    """Was a key ever made? From then on nobody is let in without one, even where all are revoked."""
    with database.read() as connection:
        return connection.execute(select(ApiKey.id).limit(1)).first() is not None


def list_keys(database: Database) -> list[KeyView]:
    """All keys, newest first."""
    query = select(*_columns()).order_by(ApiKey.created_at.desc(), ApiKey.id)
    with database.read() as connection:
        return [_view(row) for row in connection.execute(query)]


def revoke_key(database: Database, key_id: str) -> bool:
    """From now on the key opens nothing; was it live?"""
    ends = update(ApiKey).where(ApiKey.id == key_id, _is_live()).values(revoked_at=db_now())
    with database.write() as connection:
        return connection.execute(ends).rowcount > 0


def note_use(database: Database, key_id: str) -> None:
    """The key is in use."""
    is_old = or_(ApiKey.used_at.is_(None), ApiKey.used_at < db_after(literal(-USED_SECONDS)))
    with database.write() as connection:
        connection.execute(update(ApiKey).where(ApiKey.id == key_id, is_old).values(used_at=db_now()))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _is_live() -> ColumnElement[bool]:
    return and_(ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > db_now()))


def _columns() -> list[Any]:
    shown = [getattr(ApiKey, name) for name in KeyView.__slots__ if name != "is_live"]
    return [*shown, _is_live().label("is_live")]


def _view(row: Any) -> KeyView:
    values = {name: getattr(row, name) for name in KeyView.__slots__}
    scopes = frozenset(KeyScope(scope) for scope in values["scopes"].split())
    return KeyView(**{**values, "scopes": scopes, "is_live": bool(values["is_live"])})
