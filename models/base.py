"""The declarative base and the column types that SQLite and PostgreSQL share.

Times are aware and UTC. Money is `Decimal` outside and whole billionths of a dollar inside, so that sums are exact on
both databases. Identifiers are `prefix_hex` outside and UUIDs inside. "Now" is always the database's clock: leases
and due times that were compared with the clocks of several machines would be wrong on one of them.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Double, MetaData, String, TypeDecorator, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

Json = JSON(none_as_null=True)
"""A JSON document, kept as it was written, keys in their order; nothing is searched inside. `None` is SQL's NULL."""

_NANO_USD = Decimal(10) ** 9
_SQLITE_TIME = "%Y-%m-%d %H:%M:%f"


class Base(DeclarativeBase):
    """What every stored table derives from; constraint names are fixed so that migrations can name them."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps it as text with milliseconds, which sorts as time does."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """PostgreSQL has the type; SQLite gets text."""
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else String(23))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times: they are wrong somewhere."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.strftime("%Y-%m-%d %H:%M:%S.%f")[:23]

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Always aware, always UTC."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            moment: datetime = value
            return moment.astimezone(UTC)
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


class UsdAmount(TypeDecorator[Decimal]):
    """US dollars, exact to a billionth."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Whole billionths."""
        return None if value is None else nano_usd(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Dollars."""
        return None if value is None else Decimal(value) / _NANO_USD


def nano_usd(amount: Decimal) -> int:
    """Dollars as whole billionths, as they are stored."""
    return int((amount * _NANO_USD).to_integral_value())


class TypedId(TypeDecorator[str]):
    """An identifier such as `job_019ab…`: the prefix is the column's, the rest is stored as a UUID."""

    impl = Uuid
    cache_ok = True

    def __init__(self, prefix: str) -> None:
        super().__init__(as_uuid=False)
        self.prefix = prefix

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Without the prefix."""
        return None if value is None else value.rpartition("_")[2]

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """With the prefix."""
        return None if value is None else f"{self.prefix}_{value.replace('-', '')}"


class db_now(FunctionElement[datetime]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock at the start of the transaction."""

    name = "db_now"
    type = UtcTime()
    inherit_cache = True


class db_after(FunctionElement[datetime]):  # noqa: N801
    """The database's clock plus a number of seconds, given by another SQL expression."""

    name = "db_after"
    type = UtcTime()
    inherit_cache = True


class db_seconds_until(FunctionElement[float]):  # noqa: N801
    """Seconds from the database's clock to a moment, given by another SQL expression; negative if it has passed."""

    name = "db_seconds_until"
    type: Double[float] = Double()
    inherit_cache = True


@compiles(db_now, "postgresql")
def _now_postgresql(element: db_now, compiler: SQLCompiler, **kw: object) -> str:  # noqa: ARG001
    return "now()"


@compiles(db_now, "sqlite")
def _now_sqlite(element: db_now, compiler: SQLCompiler, **kw: object) -> str:  # noqa: ARG001
    return f"strftime('{_SQLITE_TIME}', 'now')"


@compiles(db_after, "postgresql")
def _after_postgresql(element: db_after, compiler: SQLCompiler, **kw: Any) -> str:
    return f"now() + make_interval(secs => {compiler.process(element.clauses, **kw)})"


@compiles(db_after, "sqlite")
def _after_sqlite(element: db_after, compiler: SQLCompiler, **kw: Any) -> str:
    return f"strftime('{_SQLITE_TIME}', 'now', ({compiler.process(element.clauses, **kw)}) || ' seconds')"


@compiles(db_seconds_until, "postgresql")
def _until_postgresql(element: db_seconds_until, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(EXTRACT(EPOCH FROM {compiler.process(element.clauses, **kw)} - now()) AS DOUBLE PRECISION)"


@compiles(db_seconds_until, "sqlite")
def _until_sqlite(element: db_seconds_until, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(julianday({compiler.process(element.clauses, **kw)}) - julianday('now')) * 86400.0"
