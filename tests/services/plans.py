"""How a database goes about the statements of a verb: which indexes it reads, and how much.

    with explained(database) as plans:
        dispatch.announce(database, limit=32)
    assert not plans.scans("job")

Each statement is explained where the verb executes it, in its transaction, with its parameters and under its settings. On
PostgreSQL it is run for that, and undone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event

from models.database import Database

_OF_SQLITE = {"sqlite_autoindex_job_1": "pk_job"}
"""What it calls the index of a primary key."""
_ALONE = ("BEGIN", "ROLLBACK")
_WITHIN = ("SAVEPOINT explained", "ROLLBACK TO SAVEPOINT explained", "RELEASE SAVEPOINT explained")
"""What an explained statement is run between, so that it is undone: alone, or within a transaction."""
_EXPLAINABLE = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One statement."""

    statement: str
    nodes: list[dict[str, Any]]
    """PostgreSQL: the nodes of its plan, as EXPLAIN names them. SQLite: one for each line, with `detail`."""
    blocks: int = 0
    """Of 8 KiB that PostgreSQL touched."""
    planning_ms: float = 0.0
    execution_ms: float = 0.0

    def __str__(self) -> str:
        """Short enough to be read where a test fails."""
        steps = (node.get("detail") or f"{node['Node Type']} {node.get('Index Name', '')}" for node in self.nodes)
        return f"{self.blocks} blocks: {' > '.join(steps)}\n    {' '.join(self.statement.split())}"


@dataclass(kw_only=True)
class Plans:
    """The statements so far."""

    dialect: str
    found: list[Plan] = field(default_factory=list)

    def scans(self, table: str) -> list[str]:
        """The statements that read the whole table."""
        return [plan.statement for plan in self.found if any(self._scans(node, table) for node in plan.nodes)]

    def sorts(self, table: str) -> list[str]:
        """The statements that read rows of the table and put them into another order than that of an index."""
        reading = [plan for plan in self.found if any(self._reads(node, table) for node in plan.nodes)]
        return [plan.statement for plan in reading if any(self._sorts(node) for node in plan.nodes)]

    def indexes(self, table: str) -> set[str]:
        """All of the table's that were used."""
        used = {name for plan in self.found for node in plan.nodes if (name := self._index(node))}
        return {name for name in used if name.removeprefix("ix_").removeprefix("pk_").split("_")[0] == table}

    @property
    def blocks(self) -> int:
        """All that were touched, 8 KiB each."""
        return sum(plan.blocks for plan in self.found)

    def _reads(self, node: dict[str, Any], table: str) -> bool:
        if self.dialect == "postgresql":
            return bool(node.get("Relation Name") == table)
        return table in node["detail"].split()

    def _scans(self, node: dict[str, Any], table: str) -> bool:
        if self.dialect == "postgresql":
            return bool(node["Node Type"] == "Seq Scan" and node["Relation Name"] == table)
        words: list[str] = node["detail"].split()
        return words[:2] == ["SCAN", table] and " INDEX " not in node["detail"]

    def _sorts(self, node: dict[str, Any]) -> bool:
        if self.dialect == "postgresql":
            return "Sort" in node["Node Type"]
        return "FOR ORDER BY" in node["detail"]

    def _index(self, node: dict[str, Any]) -> str | None:
        if self.dialect == "postgresql":
            name: str | None = node.get("Index Name")
            return name
        _, _, after = node["detail"].partition(" INDEX ")
        return _OF_SQLITE.get(after.split()[0], after.split()[0]) if after else None


@contextmanager
def explained(database: Database) -> Iterator[Plans]:
    """The plans of all that is executed within."""
    plans = Plans(dialect=database.dialect)
    explain = _explain_postgresql if database.dialect == "postgresql" else _explain_sqlite

    def before(connection: Connection, cursor: Any, statement: str, parameters: Any, *rest: object) -> None:  # noqa: ARG001
        if statement.lstrip().upper().startswith(_EXPLAINABLE):
            own = connection.connection.cursor()
            plans.found.append(explain(own, statement, parameters))
            own.close()

    engines = {database.writer, database.reader, database.together, database.walker}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", before)
    try:
        yield plans
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", before)


def _explain_postgresql(cursor: Any, statement: str, parameters: Any) -> Plan:
    begin, *end = _ALONE if cursor.connection.autocommit else _WITHIN
    cursor.execute(begin)
    cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, parameters)
    (found,) = cursor.fetchone()[0]
    for statement_of_end in end:
        cursor.execute(statement_of_end)
    top = found["Plan"]
    return Plan(
        statement=statement,
        nodes=list(_nodes(top)),
        blocks=top["Shared Hit Blocks"] + top["Shared Read Blocks"],
        planning_ms=found["Planning Time"],
        execution_ms=found["Execution Time"],
    )


def _explain_sqlite(cursor: Any, statement: str, parameters: Any) -> Plan:
    cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters)
    return Plan(statement=statement, nodes=[{"detail": row[3]} for row in cursor.fetchall()])


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)
