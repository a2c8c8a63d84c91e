"""Places in the line, by start-time fair queueing.

A batch joins where dispatch has come to, or behind its own last job, and each of its jobs is one turn after the one before.
An owner with several batches under way takes longer steps, so that a share belongs to the owner and not to the number of
batches. A million jobs of one batch thus do not stand in the way of the one that comes after them.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, func, select

from models.batch import Batch, Turn


class Turns:
    """Hands out places in the line to the jobs of one batch."""

    def __init__(self, dispatched: Mapping[int, int], *, others: int, next_turn: int = 0) -> None:
        """`dispatched` is what `dispatched_turns` says; `others` are the batches that the owner has under way beside."""
        self._dispatched = dispatched
        self._others = others
        self.reached = next_turn
        """The turn that the batch's next job gets at the earliest."""

    def next(self, priority: int) -> int:
        """The next job's turn."""
        join_at = self._dispatched.get(priority, 0) + self._others
        turn = max(self.reached, join_at)
        self.reached = turn + 1 + self._others
        return turn


def dispatched_turns(connection: Connection) -> dict[int, int]:
    """How far dispatch has come in the line of each priority."""
    return {row.priority: row.reached for row in connection.execute(select(Turn.priority, Turn.reached))}


def front_of(dispatched: Mapping[int, int]) -> int:
    """The turn beyond which a batch is under way."""
    return max(dispatched.values(), default=0)


def batches_under_way(
    connection: Connection, owners: Collection[str], *, front: int, beside: str | None = None
) -> dict[str, int]:
    """How many batches each of the owners has under way, `beside` that one. Uses ix_batch_under_way."""
    counted = (
        select(Batch.owner, func.count().label("batches"))
        .where(Batch.owner.in_(owners), Batch.next_turn > front)
        .group_by(Batch.owner)
    )
    if beside is not None:
        counted = counted.where(Batch.id != beside)
    found = {row.owner: row.batches for row in connection.execute(counted)}
    return {owner: found.get(owner, 0) for owner in owners}
