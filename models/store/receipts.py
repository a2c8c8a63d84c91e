"""Receipts: a request with an idempotency key is done once, whoever else asks the same at the same moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, literal, select, update

from models.base import db_after, db_now
from models.database import Database, DatabaseConflictError
from models.receipt import Receipt
from models.store.rows import insert_into

KEEP_SECONDS = 7 * 86_400.0
"""So long a key is remembered."""
SLICE = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What may be asked only once."""

    owner: str
    request: str
    """Method and path."""
    key: str
    fingerprint: str
    """SHA-256 of the body."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What is remembered with the answer."""


class AnsweredBeforeError(Exception):
    """This request was done before; `answer` says what it made. Nothing was done now."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__("the request was answered before")
        self.answer = answer


class KeyReusedError(Exception):
    """The key was used for a request with another body. Nothing was done now."""


def open_receipt(connection: Connection, dialect: str, request: Request) -> None:
    """Begin the request within the transaction that does it; of several at once the others wait here for the first.

    Relies on the primary key (owner, request, key). Raises AnsweredBeforeError, KeyReusedError, DatabaseConflictError.
    """
    values = {name: getattr(request, name) for name in ("owner", "request", "key", "fingerprint")}
    fresh = insert_into(dialect, Receipt).values(**values, created_at=db_now()).on_conflict_do_nothing()
    if connection.execute(fresh.returning(Receipt.key)).first() is None:
        raise_if_answered(connection, request)
        raise DatabaseConflictError("the receipt of this request was forgotten at this moment")


def raise_if_answered(connection: Connection, request: Request) -> None:
    """Raises AnsweredBeforeError where the request was done before, KeyReusedError where another was with its key."""
    row = connection.execute(select(Receipt.fingerprint, Receipt.answer).where(*_is(request))).one_or_none()
    if row is None:
        return
    if row.fingerprint != request.fingerprint:
        raise KeyReusedError
    raise AnsweredBeforeError(row.answer)


def close_receipt(connection: Connection, request: Request, answer: Mapping[str, Any]) -> None:
    """Write down what the request made, within the same transaction."""
    whole = {**request.facts, **answer}
    connection.execute(update(Receipt).where(*_is(request)).values(answer=whole))


def forget_receipts(database: Database, *, older_than_seconds: float = KEEP_SECONDS) -> int:
    """Delete old receipts, in slices; how many. Uses ix_receipt_created."""
    forgotten = 0
    while (slice_ := _forget_slice(database, older_than_seconds)) > 0:
        forgotten += slice_
    return forgotten


def _forget_slice(database: Database, older_than_seconds: float) -> int:
    columns = (Receipt.owner, Receipt.request, Receipt.key)
    old = select(*columns).where(Receipt.created_at < db_after(literal(-older_than_seconds))).limit(SLICE)
    with database.write() as connection:
        rows = connection.execute(old).all()
        for row in rows:
            same = (column == value for column, value in zip(columns, row, strict=True))
            connection.execute(delete(Receipt).where(*same))
    return len(rows)


def _is(request: Request) -> tuple[Any, ...]:
    return Receipt.owner == request.owner, Receipt.request == request.request, Receipt.key == request.key
