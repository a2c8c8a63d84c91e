"""A list of values as a table inside one SQL statement.

A group of moves is one JSON document and one parameter; the statement's text never changes with the size of the group, and
the cost of binding a parameter per value is saved. SQLite reads the document with `json_each`, PostgreSQL with
`json_to_recordset`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Double,
    Executable,
    FromClause,
    Integer,
    String,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine, Uuid

from models.base import Json, TypedId

TEXT, INTEGER, BIG, FLAG, DOCUMENT = String(), Integer(), BigInteger(), Boolean(), Json
REAL: Double[float] = Double()


@dataclass(frozen=True, kw_only=True)
class RowShape:
    """The columns of a list of values, and the name that the list has in its statement."""

    name: str
    types: Mapping[str, TypeEngine[Any]]

    def table(self, dialect: str) -> FromClause:
        """The list as a FROM clause; its parameter bears the shape's name."""
        if dialect == "postgresql":
            columns = [column(key, _recordset_type(kind)) for key, kind in self.types.items()]
            table = func.json_to_recordset(bindparam(self.name, type_=Json)).table_valued(*columns)
            return table.render_derived(name=self.name, with_types=True)
        each = func.json_each(bindparam(self.name, type_=Json)).table_valued(column("value", String()))
        each = each.alias(f"{self.name}_each")
        parts = [func.json_extract(each.c.value, f"$.{key}", type_=kind).label(key) for key, kind in self.types.items()]
        return select(*parts).select_from(each).subquery(self.name)

    def parameter(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """The rows as the statement's parameter; identifiers lose their prefix, as they do in a column."""
        ids = [key for key, kind in self.types.items() if isinstance(kind, TypedId)]
        document: list[dict[str, Any]] = [{key: row.get(key) for key in self.types} for row in rows]
        for row in document:
            for key in ids:
                if row[key] is not None:
                    row[key] = row[key].rpartition("_")[2]
        return {self.name: document}

    def run(self, connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Execute a statement over the rows, if there are any; what it returns."""
        if not rows:
            return []
        result = connection.execute(statement, self.parameter(rows))
        return list(result) if result.returns_rows else []


def _recordset_type(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return Uuid(as_uuid=False) if isinstance(kind, TypedId) else kind


def insert_into(dialect: str, table: type[Any]) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
