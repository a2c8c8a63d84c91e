"""What the tests of the limiter share: a store, a clock that they move, and the ways in which they ask."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from worker.quota.terms import Day, Exchange, Limits, Outcome, Reply, Settled, Store, Want

START = 1_790_000_000.0
LEASE_SECONDS = 150.0
FREE = 1_000


@dataclass(kw_only=True)
class Bench:
    """A store, its clock, and the ways in which tests ask it."""

    make: Callable[[Callable[[], float]], Store]
    now: float = START
    limits: Limits = field(default_factory=Limits)
    ids: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.store = self.make(lambda: self.now)

    def ask(
        self, tokens: Sequence[int] = (), ended: Sequence[Settled] = (), *, lane: str = "m", day: Day | None = None
    ) -> list[tuple[str, Reply]]:
        """The replies to calls of so many tokens, each with the id of its call."""
        wants = [Want(id=f"cal_{next(self.ids)}", input_tokens=count) for count in tokens]
        asked = Exchange(
            lane=lane, family="generate", limits=self.limits, day=day or Day(name="2026-11-26", seconds_left=3_600.0),
            lease_seconds=LEASE_SECONDS, settled=ended, wants=wants,
        )  # fmt: skip
        return list(zip([want.id for want in wants], self.store.exchange(asked), strict=True))

    def begin(self, count: int, **more: object) -> list[str]:
        """The ids of those of so many small calls that may begin at once."""
        return [call for call, reply in self.ask([1] * count, **more) if reply.reason is None]  # type: ignore[arg-type]

    def end(self, calls: Sequence[str], outcome: Outcome = Outcome.GOOD, **more: float) -> None:
        """The calls have ended."""
        self.ask(ended=[Settled(id=call, outcome=outcome, **more) for call in calls])  # type: ignore[arg-type]
