"""Tallies: how many jobs there are and what they used, for each batch, owner and lane, kept by the database itself.

Triggers on `job` (revision 0012) add to them in the transaction that changes the jobs, so that they can never differ from
what a count of all rows would give, whoever changes them.
"""

from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, UsdAmount
from models.budget import Scope


class Tally(Base):
    """Jobs of one kind in one state under one name: the sum of its lines.

    Each connection of PostgreSQL adds to lines of its own, so that no transaction waits for another one's; `models.store.tallies`
    adds up those of connections that are gone.
    """

    __tablename__ = "tally"
    __table_args__ = (
        CheckConstraint("scope IN (" + ", ".join(f"'{scope}'" for scope in Scope) + ")", name="scope_known"),
        Index("ix_tally_line", "line"),
    )

    scope: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(250), primary_key=True)
    """The owner, the lane, or the batch's id with its prefix."""
    kind: Mapped[str] = mapped_column(String(50), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The process id of the connection's server process; 0: everybody's."""
    jobs: Mapped[int] = mapped_column(BigInteger)
    """Of a single line it may be negative: a job that one connection queued, another one claims."""
    reused: Mapped[int] = mapped_column(BigInteger)
    calls: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    thinking_tokens: Mapped[int] = mapped_column(BigInteger)
    cost_usd: Mapped[Decimal] = mapped_column(UsdAmount)
