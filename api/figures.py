"""The metrics that are read from SQL, one row each: name, type, labels, words, and where the values come from.

No label has values without bound: there is none for owners, and of lanes, which those who submit can name, only
so many are told apart.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.parts import Parts
from api.remembered import Remembered
from models.database import DatabaseNotReadyError, DatabaseUnavailableError
from models.state import FINAL, JobState
from models.store import figures, lane_views, reports
from models.store.figures import AttemptCount, JobCount
from models.store.lane_views import LaneFacts
from models.store.reports import WorkerView
from models.store.usage import Usage, UsageBy, UsageFilter, usage_by
from worker.quota.terms import Limits

FRESH_SECONDS = 10.0
"""Figures are believed so long, however often somebody asks."""
COST_OF_COUNTING = 50
"""Counting takes at most this fraction of the time."""
MOST_LANES = 100
OTHER_LANES = "(others)"

Samples = Iterable[tuple[Sequence[str], float]]
"""Values of the labels, and the value."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was read from SQL at one moment."""

    jobs: Sequence[JobCount]
    attempts: Sequence[AttemptCount]
    lanes: Sequence[LaneFacts]
    used: Mapping[str, Usage]
    """By lane."""
    limits: Limits
    """Of lanes that have none of their own."""
    workers: Sequence[WorkerView]
    """Those that live."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One metric."""

    name: str
    words: str
    samples: Callable[[Facts], Samples]
    labels: Sequence[str] = ()
    is_counter: bool = False
    """Never falls, as long as the database lives."""

    def family(self, facts: Facts) -> Metric:
        """The metric with its values."""
        form = CounterMetricFamily if self.is_counter else GaugeMetricFamily
        family: Metric = form(self.name, self.words, labels=self.labels)
        for labels, value in self.samples(facts):
            family.add_metric(labels, value)  # type: ignore[attr-defined]  # both families have it
        return family


def read_facts(parts: Parts) -> Facts:
    """All of it. Raises DatabaseUnavailableError, DatabaseNotReadyError."""
    database, settings = parts.database, parts.settings
    workers = reports.list_workers(database, alive_seconds=settings.lease_seconds)
    return Facts(
        jobs=figures.count_jobs(database),
        attempts=figures.count_attempts(database),
        lanes=lane_views.list_lanes(database, also=[settings.model]),
        used=usage_by(database, UsageBy.LANE, UsageFilter()),
        limits=settings.lane_limits,
        workers=[worker for worker in workers if worker.alive],
    )


class Figures(Collector):
    """The metrics from SQL, counted anew only now and then. Thread-safe."""

    def __init__(self, read: Callable[[], Facts], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._remembered: Remembered[None, Facts] = Remembered(keep_seconds, clock=clock)

    def collect(self) -> Iterator[Metric]:
        """Every metric; while the database is away only that it is."""
        try:
            facts, age_seconds = self._remembered.ask(None, self._read)
        except (DatabaseUnavailableError, DatabaseNotReadyError):
            yield GaugeMetricFamily(*UP, value=0)
            return
        yield GaugeMetricFamily(*UP, value=1)
        yield GaugeMetricFamily(*AGE, value=age_seconds)
        for figure in FIGURES:
            yield figure.family(facts)


def keep_seconds(took_seconds: float) -> float:
    """For how long figures are believed that took so long to count."""
    return max(FRESH_SECONDS, COST_OF_COUNTING * took_seconds)


def _jobs(facts: Facts) -> Samples:
    counted: Counter[tuple[str, str]] = Counter()
    for each in facts.jobs:
        counted[each.kind, str(each.state)] += each.jobs
    return [((kind, state), counted[kind, state]) for kind in {kind for kind, _ in counted} for state in JobState]


def _failed(facts: Facts) -> Samples:
    counted: Counter[tuple[str, str]] = Counter()
    for each in facts.jobs:
        if each.state in FINAL and each.code is not None:
            counted[str(each.state), each.code] += each.jobs
    return list(counted.items())


def _oldest(facts: Facts) -> Samples:
    queued = [each.oldest_seconds for each in facts.jobs if each.state is JobState.QUEUED]
    return [((), max(queued, default=0.0))]


def _per_lane(value: Callable[[LaneFacts], float | None]) -> Callable[[Facts], Samples]:
    return lambda facts: _bounded((lane.name, value(lane)) for lane in facts.lanes)


def _limit(name: str) -> Callable[[Facts], Samples]:
    def samples(facts: Facts) -> Samples:
        own = ((lane.name, getattr(lane, name)) for lane in facts.lanes)
        return _bounded((lane, getattr(facts.limits, name) if limit is None else limit) for lane, limit in own)

    return samples


def _used(value: Callable[[Usage], float]) -> Callable[[Facts], Samples]:
    return lambda facts: _bounded((lane, value(usage)) for lane, usage in facts.used.items())


def _bounded(values: Iterable[tuple[str, float | None]]) -> Samples:
    """By lane; beyond so many lanes the sum of the others."""
    known = [(lane, value) for lane, value in values if value is not None]
    told, others = known[:MOST_LANES], known[MOST_LANES:]
    more = [((OTHER_LANES,), sum(value for _, value in others))] if others else []
    return [*(((lane,), value) for lane, value in told), *more]


def _lane_jobs(facts: Facts) -> Samples:
    return [
        ((*lane, state), value)
        for state in ("queued", "waiting", "running")
        for lane, value in _per_lane(lambda each, state=state: getattr(each, state))(facts)  # type: ignore[misc]
    ]


UP = ("mediascribe_database_up", "1 while the database answers; else what is read from it is missing.")
AGE = ("mediascribe_figures_age_seconds", "How long ago the figures from the database were counted.")

FIGURES = (
    Figure(name="mediascribe_jobs", labels=("kind", "state"), samples=_jobs, words="Jobs that are stored; purging takes some away."),
    Figure(
        name="mediascribe_jobs_failed", labels=("state", "code"), samples=_failed,
        words="Of them, failed, partial and cancelled ones by failure code.",
    ),
    Figure(
        name="mediascribe_jobs_reused", samples=lambda facts: [((), sum(each.reused for each in facts.jobs))],
        words="Of them, those that were answered from the store and cost nothing.",
    ),
    Figure(name="mediascribe_oldest_queued_seconds", samples=_oldest, words="How long the oldest queued job has waited; 0 where none is queued."),
    Figure(
        name="mediascribe_attempts", labels=("outcome", "code"),
        samples=lambda facts: [((each.outcome, each.code or ""), each.attempts) for each in facts.attempts],
        words="Ended attempts of the stored jobs by the move that ended them and its failure code.",
    ),
    Figure(name="mediascribe_calls", labels=("lane",), is_counter=True, samples=_used(lambda used: used.calls), words="Calls to Gemini, failed ones too."),
    Figure(
        name="mediascribe_unpriced_calls", labels=("lane",), is_counter=True, samples=_used(lambda used: used.unpriced_calls),
        words="Of them, those whose price is not known.",
    ),
    *(
        Figure(
            name=f"mediascribe_{sort}_tokens", labels=("lane",), is_counter=True,
            samples=_used(lambda used, sort=sort: getattr(used, f"{sort}_tokens")),  # type: ignore[misc]
            words=words,
        )
        for sort, words in {
            "input": "Tokens that were sent.", "output": "Tokens that were answered.", "thinking": "Tokens that Gemini thought.",
            "cached": "Of the tokens that were sent, those that Gemini had kept.",
        }.items()
    ),
    Figure(name="mediascribe_cost_usd", labels=("lane",), is_counter=True, samples=_used(lambda used: float(used.cost_usd)), words="What the calls cost, in US dollars."),
    Figure(
        name="mediascribe_presumed_cost_usd", labels=("lane",), samples=_used(lambda used: float(used.presumed_usd)),
        words="What lost workers may have spent beside it, until they are heard of again.",
    ),
    Figure(
        name="mediascribe_lane_paused", labels=("lane",), samples=_per_lane(lambda lane: lane.is_paused),
        words="1 while the lane is paused, by itself or by hand; of several lanes, how many.",
    ),
    Figure(
        name="mediascribe_lane_jobs", labels=("lane", "state"), samples=_lane_jobs,
        words="Live jobs of the lane.",
    ),
    Figure(name="mediascribe_lane_calls_today", labels=("lane",), samples=_per_lane(lambda lane: lane.calls_today), words="Calls since midnight Pacific time, as the quota of a day counts them."),
    Figure(name="mediascribe_lane_spent_today_usd", labels=("lane",), samples=_per_lane(lambda lane: float(lane.spent_today_usd)), words="What was spent since then, as budgets count it."),
    Figure(
        name="mediascribe_lane_budget_usd_per_day", labels=("lane",),
        samples=_per_lane(lambda lane: None if lane.budget_usd_per_day is None else float(lane.budget_usd_per_day)),
        words="What may be spent on a day, where there is a budget.",
    ),
    *(
        Figure(name=f"mediascribe_lane_{limit}_limit", labels=("lane",), samples=_limit(limit), words=words)
        for limit, words in {
            "requests_per_minute": "Calls that the lane may make in a minute, where that is limited.",
            "input_tokens_per_minute": "Input tokens that it may send in a minute, where that is limited.",
            "requests_per_day": "Calls that it may make in a day, where that is limited.",
        }.items()
    ),
    Figure(name="mediascribe_workers", samples=lambda facts: [((), len(facts.workers))], words="Worker processes that live."),
    Figure(name="mediascribe_worker_slots", samples=lambda facts: [((), sum(each.slots for each in facts.workers))], words="Jobs that they can have in hand."),
    Figure(name="mediascribe_worker_jobs", samples=lambda facts: [((), sum(each.running for each in facts.workers))], words="Jobs that they have in hand."),
)  # fmt: skip
"""In the order of the page that describes them."""
