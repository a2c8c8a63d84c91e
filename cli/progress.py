"""How the work goes on, for a person: a bar on a terminal, a line every few seconds elsewhere. All on stderr."""

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from cli.console import err_console, say
from worker.shapes import usd_words

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_SECONDS = 5.0
WINDOW_SECONDS = 30.0
LEAST_SECONDS = 2.0
"""Over less time than that no rate is told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where the work stands."""

    done: int
    total: int
    failed: int
    cost_usd: Decimal
    reused: int = 0
    """Of those done, answered from what was stored."""
    clips: tuple[int, int] | None = None
    """Done and all clips of the recordings in hand."""
    sound: tuple[float, float] | None = None
    """Done and all seconds of the same."""
    note: str = ""
    """What is waited for, if anything."""


class Pace:
    """Rate and remaining time, from what was done in the last half minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, done: int) -> None:
        """At `now` (seconds on any steady clock) so much is done."""
        self._seen.append((now, done))
        while now - self._seen[0][0] > WINDOW_SECONDS and len(self._seen) > 2:  # noqa: PLR2004 - a first and a last
            self._seen.popleft()

    @property
    def per_second(self) -> float | None:
        """Jobs a second; None as long as nobody can know."""
        if not self._seen:
            return None
        (start, before), (end, done) = self._seen[0], self._seen[-1]
        if end - start < LEAST_SECONDS or done == before:
            return None
        return (done - before) / (end - start)

    def eta_seconds(self, left: int) -> float | None:
        """How long the rest takes at this rate."""
        rate = self.per_second
        return left / rate if rate else None


def clock_words(seconds: float | None) -> str:
    """Such as `1:02:03` or `0:05`; `unknown` for None."""
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def standing_words(standing: Standing, pace: Pace) -> str:
    """Where the work stands, on one line."""
    rate = pace.per_second
    parts = [
        f"{standing.done}/{standing.total} done",
        f"{standing.failed} failed" if standing.failed else "",
        f"{standing.reused} reused" if standing.reused else "",
        f"{rate:.1f}/s" if rate else "",
        f"ETA {clock_words(pace.eta_seconds(standing.total - standing.done))}",
        f"clips {standing.clips[0]}/{standing.clips[1]}" if standing.clips else "",
        f"sound {clock_words(standing.sound[0])}/{clock_words(standing.sound[1])}" if standing.sound else "",
        usd_words(standing.cost_usd),
        standing.note,
    ]
    return ", ".join(part for part in parts if part)


class Display(Protocol):
    """Shows where the work stands."""

    def show(self, standing: Standing) -> None:
        """Show it now, or not, as suits."""


class Lines:
    """A plain line every few seconds, and at once when what is waited for changes."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._next = time.monotonic() + LINE_SECONDS
        self._note = ""

    def show(self, standing: Standing) -> None:
        """A line, if it is time."""
        now = time.monotonic()
        self._pace.note(now, standing.done)
        if now < self._next and standing.note == self._note:
            return
        self._next, self._note = now + LINE_SECONDS, standing.note
        say(standing_words(standing, self._pace))


class Bar:
    """A bar that stays in its place."""

    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task
        self._pace = Pace()

    def show(self, standing: Standing) -> None:
        """Draw it."""
        self._pace.note(time.monotonic(), standing.done)
        words = standing_words(standing, self._pace)
        self._progress.update(self._task, completed=standing.done, total=standing.total, words=words)


@contextmanager
def display() -> Iterator[Display]:
    """The display that suits stderr."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), BarColumn(bar_width=24), TextColumn("{task.fields[words]}", markup=False))
    with Progress(*columns, console=err_console(), transient=True) as progress:
        yield Bar(progress, progress.add_task("", total=None, words="starting"))
