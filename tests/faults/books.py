"""What the database says, read without a line of ours: plain SQL over psycopg or sqlite3.

The audit judges by these rows alone, so that a mistake in the store cannot hide itself.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row

Row = Mapping[str, Any]

_SELECTS = {
    "jobs": """
        SELECT id, batch_id, owner, client_ref, source, state, attempts, max_attempts, claim, losses, lease_owner, lease_until,
               announced_until, due_at, cancel_requested, created_at, started_at, finished_at, calls, input_tokens,
               output_tokens, cost_usd, error_code, error_message, reused_from
        FROM job WHERE claim > 0 OR NOT :touched OR state <> 'queued' ORDER BY id""",
    "attempts": "SELECT job_id, claim, number, worker_id, outcome, code, ended_at FROM attempt ORDER BY job_id, claim",
    "calls": "SELECT id, job_id, claim, response_id, input_tokens, output_tokens, cost_usd FROM call ORDER BY id",
    "results": "SELECT job_id FROM result ORDER BY job_id",
    "workers": "SELECT * FROM worker ORDER BY started_at",
}
_IDS = {"jobs": {"id": "job"}, "workers": {"id": "wrk"}, "calls": {"id": "cal"}}
_TIMES = ("_at", "_until")


@dataclass(frozen=True, kw_only=True)
class Books:
    """All rows, ids as the outside sees them (`job_…`), times as seconds since 1970."""

    jobs: Sequence[Row]
    attempts: Sequence[Row]
    calls: Sequence[Row]
    results: Sequence[Row]
    workers: Sequence[Row]


def read_books(url: str, *, touched: bool = False) -> Books:
    """The rows of the database at that address; with `touched`, without the jobs that nobody ever took."""
    selects = {table: select.replace(":touched", "TRUE" if touched else "FALSE") for table, select in _SELECTS.items()}
    rows = _from_sqlite(url, selects) if url.startswith("sqlite") else _from_postgresql(url, selects)
    return Books(**{table: [_plain(table, row) for row in found] for table, found in rows.items()})


def query(url: str, statement: str) -> list[Row]:
    """The rows of one statement, as they are; what it changes is committed."""
    if url.startswith("sqlite"):
        with closing(_sqlite(url)) as file, file:
            return [dict(row) for row in file.execute(statement)]
    with psycopg.connect(_address(url), row_factory=dict_row, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return list(cursor) if cursor.description else []


def _from_postgresql(url: str, selects: Mapping[str, str]) -> dict[str, list[Row]]:
    with psycopg.connect(_address(url), row_factory=dict_row) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return {table: list(connection.execute(select.encode())) for table, select in selects.items()}


def _from_sqlite(url: str, selects: Mapping[str, str]) -> dict[str, list[Row]]:
    with closing(_sqlite(url)) as connection:
        connection.execute("BEGIN")
        return {table: [dict(row) for row in connection.execute(select)] for table, select in selects.items()}


def _sqlite(url: str) -> sqlite3.Connection:
    connection = sqlite3.connect(urlsplit(url).path.removeprefix("/"), timeout=15.0)
    connection.row_factory = sqlite3.Row
    return connection


def _address(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _plain(table: str, row: Row) -> Row:
    return {name: _plain_value(table, name, value) for name, value in row.items()}


def _plain_value(table: str, name: str, value: Any) -> Any:
    if value is None:
        return None
    prefix = "job" if name == "job_id" else _IDS.get(table, {}).get(name)
    if prefix is not None:
        return f"{prefix}_{str(value).replace('-', '')}"
    if isinstance(value, datetime):
        return value.timestamp()
    if name.endswith(_TIMES):
        return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()
    return value
