"""Sums over jobs: exact at each look where that is quick, and told again for a while where it is not.

What the tallies tell apart is quick. Jobs since a moment are counted: a second of the database's time for a million, and a few dashboards
that ask every second would leave it no other.
"""

from typing import TYPE_CHECKING

from fastapi import Request

from api.parts import Parts
from models.store import reports
from models.store.queries import JobFilter
from models.store.reports import Totals

if TYPE_CHECKING:
    from api.remembered import Remembered

QUICK_SECONDS = 0.2
"""What is counted within this is counted at each look."""
COST_OF_COUNTING = 10
"""What takes longer takes at most this fraction of the time."""


def keep_seconds(took_seconds: float) -> float:
    """For how long sums are told that took so long to count."""
    return 0.0 if took_seconds < QUICK_SECONDS else COST_OF_COUNTING * took_seconds


def counted(request: Request, parts: Parts, wanted: JobFilter) -> tuple[Totals, dict[str, str]]:
    """The sums over those jobs, and the header that says how old they are, where they are."""
    remembered: Remembered[JobFilter, Totals] = request.app.state.totals
    totals, age_seconds = remembered.ask(wanted, lambda: reports.totals(parts.database, wanted))
    return totals, {"Age": str(round(age_seconds))} if age_seconds else {}
