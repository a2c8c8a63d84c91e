"""What the store promises to do to a job, told a second time in plain Python, and what the database holds.

The model: one function for each thing that can happen to a job. No clock: a time is either still ahead or past, and
`test_state_model.py` makes it pass. `stored_facts` reads the database in the same form, three checks say what has to
hold whatever the model thinks, and `Report` is what a worker may have to report.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition
from sqlalchemy import literal, select

from models import moves
from models.attempt import Answer, Attempt, Call
from models.base import db_after, db_now
from models.database import Database
from models.job import Job, Result
from models.moves import AnswerRecord, ClaimedJob, Ending, Progress, Record
from models.state import FINAL, MOVES, JobState
from tests.contracts.jobs import PERMANENT, TRANSIENT, new_call

LOSSES_UNTIL_ALONE = 2
LOSSES_UNTIL_BLAMED = 5
HOUR = 3_600.0
"""Leases, delays and deadlines of an hour stay ahead; what has ended before an hour is old."""

_TIME_OF_STATE = {JobState.RUNNING: "lease_until", JobState.WAITING: "due_at"} | dict.fromkeys(FINAL, "finished_at")


@dataclass(kw_only=True, slots=True)
class JobFacts:
    """One job with all that is stored about it; made by the model, or read from the database."""

    batch_id: str
    priority: int
    max_attempts: int
    state: JobState = JobState.QUEUED
    attempts: int = 0
    claim: int = 0
    losses: int = 0
    lease_owner: str | None = None
    cancel_requested: bool = False
    error_code: str | None = None
    progress: Progress = field(default_factory=lambda: Progress(done=0, total=1))
    output: Mapping[str, Any] | None = None
    is_past: dict[str, bool] = field(default_factory=dict)
    """The times that are set (lease, announcement, due, deadline, end), and whether they have passed."""
    ended: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    """The attempts by claim: outcome, number, worker, failure code."""
    calls: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """By id: claim, tokens (input, output, thinking, cached), US dollars."""
    answers: set[str] = field(default_factory=set)

    @property
    def runs_alone(self) -> bool:
        """Has it lost so many workers that it may take no neighbour along?"""
        return self.losses >= LOSSES_UNTIL_ALONE

    @property
    def used(self) -> tuple[Any, ...]:
        """What the calls add up to: their number, tokens, US dollars."""
        columns = list(zip(*self.calls.values(), strict=True)) or [()] * 6
        return len(self.calls), *(sum(value or 0 for value in column) for column in columns[1:])


def owns(jobs: Mapping[str, JobFacts], job_id: str, claim: int) -> bool:
    """Does that claim own the job?"""
    return job_id in jobs and jobs[job_id].state is JobState.RUNNING and jobs[job_id].claim == claim


def claim(job: JobFacts, worker_id: str) -> None:
    """A worker takes the job."""
    _move(job, JobState.RUNNING, error_code=job.error_code)
    job.claim += 1
    job.attempts += 1
    job.lease_owner = worker_id


def wake(job: JobFacts) -> None:
    """A waiting job is due."""
    _move(job, JobState.QUEUED, error_code=job.error_code)


def lose_worker(job: JobFacts) -> None:
    """The worker of a running job is gone: no attempt spent, but a loss counted."""
    outcome, state, code = "lapse", JobState.QUEUED, None
    if job.cancel_requested:
        outcome, state = "cancel", JobState.CANCELLED
    elif job.losses + 1 == LOSSES_UNTIL_BLAMED:
        outcome, state, code = "lose", JobState.FAILED, "worker_lost"
    job.ended[job.claim] = (outcome, job.attempts, job.lease_owner, "worker_lost")
    job.losses += 1
    job.attempts -= 1
    _move(job, state, error_code=code)


def expire(job: JobFacts) -> None:
    """The deadline of a job that does not run has passed."""
    _move(job, JobState.FAILED, error_code="deadline_exceeded")


def cancel(job: JobFacts) -> None:
    """Somebody asks a live job to stop: one that runs is asked, any other ends."""
    if job.state is JobState.RUNNING:
        job.cancel_requested, job.error_code = True, None
    else:
        _move(job, JobState.CANCELLED)


def retry(job: JobFacts) -> None:
    """A finished job begins anew."""
    job.attempts = job.losses = 0
    job.output = None
    job.is_past.pop("deadline_at", None)
    _move(job, JobState.QUEUED)


def record(jobs: Mapping[str, JobFacts], records: Sequence[Record]) -> list[bool | None]:
    """Workers report in one group; for each record, whether its claim owned the job when the group came.

    Calls and answers are kept whoever reports them, and once; the rest is taken from the owner alone. None where either
    may be said, and no progress shows: beside the end of the same claim.
    """
    owned = [owns(jobs, r.job.id, r.job.claim) for r in records]
    ending = {(r.job.id, r.job.claim) for r in records if r.ending}
    beside = [not r.ending and (r.job.id, r.job.claim) in ending for r in records]
    for r, is_owner in zip(records, owned, strict=True):
        if r.job.id not in jobs:  # purged
            continue
        job = jobs[r.job.id]
        job.calls |= {call.id: (r.job.claim, *(getattr(call, name) for name in _USED)) for call in r.calls}
        if not (is_owner and r.ending and r.ending.output is not None):  # then they are part of the result
            job.answers |= {answer.clip_hash for answer in r.answers}
        if is_owner and r.ending:
            _end(job, r.ending)
        elif is_owner and r.progress and (r.job.id, r.job.claim) not in ending:
            job.progress = r.progress
    return [None if either else is_owner for is_owner, either in zip(owned, beside, strict=True)]


def _end(job: JobFacts, ending: Ending) -> None:
    code = None if ending.failure is None else str(ending.failure.code)
    outcome, state = str(ending.move), ending.state
    error_code = code
    if job.cancel_requested and state not in FINAL:
        outcome, state, error_code = "cancel", JobState.CANCELLED, None
    job.ended[job.claim] = (outcome, job.attempts, job.lease_owner, code)
    job.attempts -= not ending.counts_attempt
    job.output = ending.output
    if state is JobState.SUCCEEDED:
        job.progress = replace(job.progress, done=job.progress.total, seconds_done=job.progress.seconds_total)
    _move(job, state, error_code=error_code)


def _move(job: JobFacts, state: JobState, *, error_code: str | None = None) -> None:
    """Every state has its own time and loses those of the one before; only the deadline stays."""
    job.state, job.error_code = state, error_code
    job.lease_owner, job.cancel_requested = None, False
    job.is_past = {name: is_past for name, is_past in job.is_past.items() if name == "deadline_at"}
    if state in _TIME_OF_STATE:
        job.is_past[_TIME_OF_STATE[state]] = False


def stored_facts(database: Database) -> tuple[dict[str, JobFacts], dict[str, tuple[Any, ...]]]:
    """All jobs as they are stored, in the order of their making, and what each says that it used."""
    with database.read() as connection:
        rows = connection.execute(_JOBS).all()
        results = {row.job_id: row.output for row in connection.execute(select(Result))}
        facts = {row.id: _job_facts(row, results.get(row.id)) for row in rows}
        for job_id, claim, *attempt in connection.execute(_ATTEMPTS):
            facts[job_id].ended[claim] = tuple(attempt)
        for job_id, call_id, *call in connection.execute(_CALLS):
            facts[job_id].calls[call_id] = tuple(call)
        for job_id, clip_hash in connection.execute(select(Answer.job_id, Answer.clip_hash)):
            facts[job_id].answers.add(clip_hash)
    return facts, {row.id: (row.calls, *(getattr(row, name) for name in _USED)) for row in rows}


_TIMES = {
    "lease_until": Job.lease_until < db_now(),
    "announced_until": Job.announced_until < db_now(),
    "due_at": Job.due_at < db_now(),
    "deadline_at": Job.deadline_at < db_now(),
    "finished_at": Job.finished_at < db_after(literal(-HOUR)),
}
_USED = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cost_usd")
_ATTEMPTS = select(Attempt.job_id, Attempt.claim, Attempt.outcome, Attempt.number, Attempt.worker_id, Attempt.code)
_CALLS = select(Call.job_id, Call.id, Call.claim, *(getattr(Call, name) for name in _USED))
_JOBS = select(Job.__table__, *(is_past.label(f"{name}_past") for name, is_past in _TIMES.items())).order_by(Job.id)


def _job_facts(row: Any, output: Mapping[str, Any] | None) -> JobFacts:
    same = {name: getattr(row, name) for name in _SAME_NAME}
    is_past = {name: getattr(row, f"{name}_past") for name in _TIMES if getattr(row, name) is not None}
    progress = Progress(**{part.name: getattr(row, f"progress_{part.name}") for part in fields(Progress)})
    return JobFacts(**same, state=JobState(row.state), progress=progress, output=output, is_past=is_past)


_SAME_NAME = (
    "batch_id", "priority", "max_attempts", "attempts", "claim", "losses", "lease_owner", "cancel_requested", "error_code",
)  # fmt: skip


def assert_sound(job: JobFacts, used: tuple[Any, ...]) -> None:
    """What holds for a job at any moment; `used` is what its own row says."""
    runs = job.state is JobState.RUNNING
    assert used == job.used, "the job's usage is the sum over its calls"
    assert runs <= job.attempts <= job.max_attempts
    assert (job.output is not None) == (job.state in {JobState.SUCCEEDED, JobState.PARTIAL})
    assert sorted(job.ended) == list(range(1, job.claim + 1 - runs)), "one attempt for each ended claim"
    assert all(1 <= claim <= job.claim for claim, *_ in job.calls.values())
    assert runs or not job.cancel_requested


def assert_legal_step(before: JobFacts, after: JobFacts, *, is_retried: bool) -> None:
    """What holds between two moments with at most one move between them."""
    legal = {(source, arrow.target) for arrow in MOVES.values() for source in arrow.sources}
    assert after.state is before.state or (before.state, after.state) in legal
    assert after.claim - before.claim in {0, 1}
    if before.state in FINAL and not is_retried:
        assert (after.state, after.output, after.error_code) == (before.state, before.output, before.error_code)
    assert before.ended.items() <= after.ended.items(), "history is not rewritten"
    assert before.calls.items() <= after.calls.items(), "what was paid stays counted"
    assert before.answers <= after.answers, "what was paid is kept"


def assert_next_in_line(jobs: Mapping[str, JobFacts], taken: Sequence[str], free: Iterable[str], limit: int) -> None:
    """As many were taken as there are, none that was not free, and nobody was passed over.

    The store decides who is next among jobs of several batches; `jobs` stand in the order of their submission.
    """
    left = set(free) - set(taken)
    assert set(taken) <= set(free)
    assert len(taken) == len(set(taken)) == min(limit, len(taken) + len(left))
    order = list(jobs)
    for place, job_id in enumerate(taken):
        for later in (*taken[place + 1 :], *left):
            one, other = jobs[job_id], jobs[later]
            assert one.priority >= other.priority
            if (one.batch_id, one.priority) == (other.batch_id, other.priority):
                assert order.index(job_id) < order.index(later)


ENDINGS: dict[str, Callable[[int], Ending]] = {
    "succeeded": lambda claim: moves.succeeded({"of": claim}, question_hash="q" * 64, model_version="m-001"),
    "succeeded_partly": lambda claim: moves.succeeded_partly({"of": claim}, failure=PERMANENT, model_version=None),
    "failed": lambda _: moves.failed(PERMANENT),
    "waits": lambda _: moves.waits(TRANSIENT, delay_seconds=HOUR),
    "waits uncounted": lambda _: moves.waits(TRANSIENT, delay_seconds=HOUR, counts_attempt=False),
    "given_back": lambda _: moves.given_back(),
    "cancelled": lambda _: moves.cancelled(),
}
"""Every way in which an attempt ends; an output names the claim that it comes from."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a worker has to report of one claim."""

    nth: int
    is_late: bool
    """Of a claim that no longer owns its job, where there is one."""
    ending: str | None
    costs: list[str | None]
    """Of each call."""
    clips: set[int]
    """Answered ones."""


def some(*states: JobState) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Only where a job is in one of these states."""
    return precondition(lambda store: bool(store.among(states)))


def reports(nths: st.SearchStrategy[int]) -> st.SearchStrategy[Report]:
    """Any report."""
    costs = st.lists(st.sampled_from([None, "0.000412", "1.5"]), max_size=2)
    clips = st.sets(st.integers(0, 2), max_size=2)
    endings = st.none() | st.sampled_from(list(ENDINGS))
    return st.builds(Report, nth=nths, is_late=st.booleans(), ending=endings, costs=costs, clips=clips)


def make_record(report: Report, job: ClaimedJob, *, is_purged: bool) -> Record:
    """As a worker would: with no attempt left nothing waits, and what is purged was paid and stored long ago."""
    ending = None if report.ending is None else ENDINGS[report.ending](job.claim)
    if ending and ending.delay_seconds and ending.counts_attempt and job.attempts >= job.max_attempts:
        ending = moves.failed(TRANSIENT)
    if is_purged:
        return Record(job=job, ending=ending)
    calls = tuple(replace(new_call(cost=cost), clip=clip) for clip, cost in enumerate(report.costs))
    answers = tuple(AnswerRecord(clip_hash=f"{clip:064}", model_version=None, answer={}) for clip in report.clips)
    done = len(report.clips)
    progress = None if ending else Progress(done=done, total=3, seconds_done=done * 2.5, seconds_total=7.5)
    return Record(job=job, calls=calls, answers=answers, progress=progress, ending=ending)
