"""The store against a model: whatever is asked of it in whatever order, both databases hold what the model says.

Hypothesis makes up the order: people who submit, cancel, retry and purge, dispatchers, sweepers, and three workers of
which any may be taken for dead and report long after its jobs went to others. After every step all that is stored about
all jobs is compared with `state_model`, and with what has to hold whatever the model says.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, literal, update

from models.base import db_after
from models.batch import Batch, Turn
from models.database import Database
from models.ids import new_id
from models.job import Job
from models.moves import ClaimedJob, Record
from models.state import FINAL, JobState
from models.store import admin, claims, dispatch, leases
from models.store.record import record
from models.store.submit import NewBatch, submit
from tests.contracts import state_model as model
from tests.contracts.jobs import new_job
from tests.contracts.state_model import ENDINGS, HOUR, JobFacts, Report, reports, some
from tests.contracts.tallied import counted, tallies

Item = TypeVar("Item")

EXAMPLES, MANY_EXAMPLES, STEPS, MOST_JOBS = 16, 200, 50, 8  # few jobs, so that much happens to each
QUEUED, WAITING, RUNNING = JobState.QUEUED, JobState.WAITING, JobState.RUNNING
RETRIED = FINAL - {JobState.SUCCEEDED}

nths, limits, workers = st.integers(0, 9), st.integers(1, 4), st.integers(0, 2)
deadlines = st.sampled_from([None, None, HOUR])
job_fields = {"priority": st.integers(0, 1), "max_attempts": st.integers(1, 3), "deadline_seconds": deadlines}


class Store(RuleBasedStateMachine):
    """The store and the model, side by side. Jobs and claims are picked by number, so that a run can be replayed."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.jobs: dict[str, JobFacts] = {}  # what the model says, in the order of submission
        self.before = self.jobs  # what was stored after the step before
        self.retried: set[str] = set()
        self.keys: dict[tuple[str, str], str] = {}
        self.batches: dict[str, str] = {}
        self.claims: list[ClaimedJob] = []
        self.reported: list[Record] = []
        self.workers = [new_id("wrk") for _ in range(3)]
        with database.write() as connection:
            for everything in (delete(Job), delete(Batch), delete(Turn)):
                connection.execute(everything)

    # People

    @precondition(lambda store: len(store.jobs) < MOST_JOBS)
    @rule(
        owner=st.sampled_from(["ann", "bob"]),
        keys=st.lists(st.sampled_from([None, None, "a", "b"]), min_size=1, max_size=3),
        batch=st.sampled_from([None, "nightly"]),
        fields=st.fixed_dictionaries(job_fields),
    )
    def submit(self, owner: str, keys: list[str | None], batch: str | None, fields: Mapping[str, Any]) -> None:
        jobs = [new_job(idempotency_key=key, **fields) for key in keys]
        made = submit(self.database, NewBatch(owner=owner, idempotency_key=batch), jobs)
        if batch is not None:
            assert made.batch_id == self.batches.setdefault(owner, made.batch_id)
        known = set(self.jobs)
        for key, job_id in zip(keys, made.job_ids, strict=True):
            if key is not None and self.keys.setdefault((owner, key), job_id) in self.jobs:
                assert job_id == self.keys[owner, key]
                continue
            assert job_id not in self.jobs
            self.jobs[job_id] = JobFacts(
                batch_id=made.batch_id, priority=fields["priority"], max_attempts=fields["max_attempts"],
                is_past={} if fields["deadline_seconds"] is None else {"deadline_at": False},
            )  # fmt: skip
        assert made.new == set(self.jobs) - known

    @some(RUNNING)
    @rule(picked=st.lists(nths, min_size=1, max_size=2))
    def cancel(self, picked: list[int]) -> None:
        ids = pick_all(picked, [*self.among({RUNNING}), *self.jobs])
        live = [job_id for job_id in ids if self.jobs[job_id].state not in FINAL]
        assert sorted(admin.cancel(self.database, [*ids, new_id("job")])) == sorted(live)
        for job_id in live:
            model.cancel(self.jobs[job_id])

    @some(*RETRIED)
    @rule(picked=st.lists(nths, min_size=1, max_size=3))
    def retry(self, picked: list[int]) -> None:
        ids = pick_all(picked, [*self.among(RETRIED), *self.jobs])
        self.retried = set(ids) & set(self.among(RETRIED))
        assert sorted(admin.retry(self.database, [*ids, new_id("job")])) == sorted(self.retried)
        for job_id in self.retried:
            model.retry(self.jobs[job_id])

    @precondition(lambda store: store.past("finished_at"))
    @rule()
    def purge(self) -> None:
        old = self.past("finished_at")
        assert admin.purge(self.database, older_than_seconds=HOUR) == len(old)
        self.jobs = {job_id: job for job_id, job in self.jobs.items() if job_id not in old}
        self.keys = {key: job_id for key, job_id in self.keys.items() if job_id in self.jobs}
        self.reported = []

    # Time

    @precondition(lambda store: any(job.is_past for job in store.jobs.values()))
    @rule(nth=nths, which=nths)
    def a_time_passes(self, nth: int, which: int) -> None:
        job_id = pick(nth, [job_id for job_id, job in self.jobs.items() if job.is_past])
        self.pass_time(job_id, pick(which, sorted(self.jobs[job_id].is_past)))

    def pass_time(self, job_id: str, time: str) -> None:
        with self.database.write() as connection:
            connection.execute(update(Job).where(Job.id == job_id).values({time: db_after(literal(-2 * HOUR))}))
        self.jobs[job_id].is_past[time] = True

    @some(WAITING)
    @rule(nth=st.none() | nths)
    def wake(self, nth: int | None) -> None:
        if nth is not None:
            self.pass_time(pick(nth, self.among({WAITING})), "due_at")
        due = self.past("due_at")
        assert dispatch.wake(self.database) == len(due)
        for job_id in due:
            model.wake(self.jobs[job_id])

    @precondition(lambda store: bool(set(store.past("deadline_at")) - set(store.among(FINAL))))
    @rule()
    def expire(self) -> None:
        late = set(self.past("deadline_at")) & set(self.among({QUEUED, WAITING}))
        assert leases.expire(self.database) == len(late)
        for job_id in late:
            model.expire(self.jobs[job_id])

    @some(RUNNING)
    @rule(dead=st.none() | workers)
    def sweep(self, dead: int | None) -> None:
        """Whose lease has passed is lost, or all that a worker had that is known to be dead."""
        worker_id = None if dead is None else self.workers[dead]
        held = [job_id for job_id in self.among({RUNNING}) if self.jobs[job_id].lease_owner == worker_id]
        lost = self.past("lease_until") if dead is None else held
        assert leases.lapse(self.database, worker_id=worker_id) == len(lost)
        for job_id in lost:
            model.lose_worker(self.jobs[job_id])

    @some(RUNNING)
    @rule(nth=nths, times=st.integers(1, 3))
    def a_worker_is_lost_and_takes_up_work_again(self, nth: int, times: int) -> None:
        """Under the same name, so that its earlier claims meet the later ones."""
        worker = self.workers.index(str(self.jobs[pick(nth, self.among({RUNNING}))].lease_owner))
        for _ in range(times):
            self.sweep(dead=worker)
            self.the_database_holds_what_the_model_says()
            self.claim_next(worker=worker, limit=4, alone=bool(self.line(alone=True)), announced_before=-1.0)
            self.the_database_holds_what_the_model_says()

    # Dispatchers and workers

    @precondition(lambda store: any(store.announced(job_id) is not False for job_id in store.line(alone=False)))
    @rule(limit=limits)
    def announce(self, limit: int) -> None:
        free = [job_id for job_id in self.line(alone=False) if self.announced(job_id) is not False]
        marked = dispatch.announce(self.database, limit=limit)
        model.assert_next_in_line(self.jobs, marked, free, limit)
        for job_id in marked:
            self.jobs[job_id].is_past["announced_until"] = False

    @precondition(lambda store: any("announced_until" in job.is_past for job in store.jobs.values()))
    @rule(picked=st.lists(nths, min_size=1, max_size=3))
    def unannounce(self, picked: list[int]) -> None:
        ids = pick_all(picked, list(self.jobs))
        dispatch.unannounce(self.database, [*ids, new_id("job")])
        for job_id in ids:
            self.jobs[job_id].is_past.pop("announced_until", None)

    @some(QUEUED)
    @rule(worker=workers, picked=st.lists(nths, min_size=1, max_size=4))
    def claim(self, worker: int, picked: list[int]) -> None:
        ids = pick_all(picked, [*self.among({QUEUED}), *self.jobs])
        named = [*ids, new_id("job"), ids[0]]
        taken = claims.claim(self.database, named, worker_id=self.workers[worker], lease_seconds=HOUR)
        self.note_claimed(taken, worker, set(ids) & set(self.line(alone=False)), limit=len(ids))

    @some(QUEUED)
    @rule(worker=workers, limit=limits, alone=st.booleans(), announced_before=st.sampled_from([None, 59.0, -1.0]))
    def claim_next(self, worker: int, limit: int, *, alone: bool, announced_before: float | None) -> None:
        """Announced never, or a minute and more ago (the message is lost), or whenever."""
        left_alone = {None: (False, True), 59.0: (False,), -1.0: ()}[announced_before]
        free = [job_id for job_id in self.line(alone=alone) if self.announced(job_id) not in left_alone]
        taken = claims.claim_next(
            self.database, limit=limit, worker_id=self.workers[worker], lease_seconds=HOUR, alone=alone,
            announced_before_seconds=announced_before,
        )  # fmt: skip
        self.note_claimed(taken, worker, free, limit)

    def note_claimed(self, taken: Sequence[ClaimedJob], worker: int, free: Iterable[str], limit: int) -> None:
        """The model follows the store's choice; what the worker was told is what is stored."""
        model.assert_next_in_line(self.jobs, [job.id for job in taken], free, limit)
        for job in taken:
            known = self.jobs[job.id]
            model.claim(known, self.workers[worker])
            assert (job.claim, job.attempts, job.worker_id) == (known.claim, known.attempts, known.lease_owner)
        self.claims += taken

    @precondition(lambda store: store.claims)
    @rule(
        worker=workers, claims=st.sampled_from([slice(None), slice(None, None, -1)]), forgets=st.sets(nths, max_size=2)
    )
    def beat(self, worker: int, claims: slice, forgets: set[int]) -> None:
        """The worker thinks that it holds all that it ever took, by its last or first claim, but for what it forgets."""
        took = {job.id: job.claim for job in self.claims[claims] if job.worker_id == self.workers[worker]}
        held = {job_id: claim for nth, (job_id, claim) in enumerate(took.items()) if nth not in forgets}
        kept = {job_id: claim for job_id, claim in held.items() if model.owns(self.jobs, job_id, claim)}
        found = leases.beat(self.database, self.workers[worker], held, lease_seconds=HOUR, draining=False)
        assert sorted((beat.job_id, beat.claim) for beat in found) == sorted(kept.items())
        for beat in found:
            assert beat.cancel_requested is self.jobs[beat.job_id].cancel_requested
            self.jobs[beat.job_id].is_past["lease_until"] = False

    @some(RUNNING)
    @rule(picked=st.lists(nths, min_size=1, max_size=3), ending=st.sampled_from(list(ENDINGS)))
    def end(self, picked: list[int], ending: str) -> None:
        self.record([Report(nth=nth, is_late=False, ending=ending, costs=["0.000412"], clips={0}) for nth in picked])

    @precondition(lambda store: store.claims)
    @rule(reported=st.lists(reports(nths), min_size=1, max_size=4))
    def record(self, reported: list[Report]) -> None:
        self.reported = []
        for report in reported:
            job = self.claim_of(report)
            if not any(other.job is job and other.ending for other in self.reported):
                self.reported.append(model.make_record(report, job, is_purged=job.id not in self.jobs))
        self.record_the_same_again()

    @precondition(lambda store: store.reported)
    @rule()
    def record_the_same_again(self) -> None:
        said, expected = record(self.database, self.reported), model.record(self.jobs, self.reported)
        assert said == [one if other is None else other for one, other in zip(said, expected, strict=True)]

    @invariant()
    def the_database_holds_what_the_model_says(self) -> None:
        facts, used = model.stored_facts(self.database)
        assert facts == self.jobs
        for job_id, job in facts.items():
            model.assert_sound(job, used[job_id])
            if job_id in self.before:
                model.assert_legal_step(self.before[job_id], job, is_retried=job_id in self.retried)
        self.before, self.retried = facts, set()

    def teardown(self) -> None:
        assert tallies(self.database) == counted(self.database)

    def among(self, states: Iterable[JobState]) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if job.state in states]

    def past(self, time: str) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if job.is_past.get(time)]

    def announced(self, job_id: str) -> bool | None:
        return self.jobs[job_id].is_past.get("announced_until")

    def line(self, *, alone: bool) -> list[str]:
        return [job_id for job_id in self.among({QUEUED}) if self.jobs[job_id].runs_alone is alone]

    def claim_of(self, report: Report) -> ClaimedJob:
        owners = [job for job in self.claims if model.owns(self.jobs, job.id, job.claim)]
        late = [job for job in self.claims if job not in owners]
        taken_over = [job for job in late if job.id in {owner.id for owner in owners}]
        return pick(report.nth, (taken_over or late or owners) if report.is_late else (owners or late))


def pick(nth: int, candidates: Sequence[Item]) -> Item:
    """One of them, whatever the number."""
    return candidates[nth % len(candidates)]


def pick_all(picked: Sequence[int], candidates: Sequence[Item]) -> list[Item]:
    """Some of them, without repetition."""
    return list(dict.fromkeys(pick(nth, candidates) for nth in picked))


@pytest.mark.timeout(400)  # a run that fails is made short for up to five minutes, so that it can be read
@pytest.mark.parametrize("examples", [EXAMPLES, pytest.param(MANY_EXAMPLES, marks=pytest.mark.long)])
def test_the_store_does_what_the_model_says_in_whatever_order_it_is_asked(database: Database, examples: int) -> None:
    factory: Any = lambda: Store(database)  # noqa: E731
    phases = set(Phase) - {Phase.explain}
    chosen = settings(max_examples=examples, stateful_step_count=STEPS, phases=phases, report_multiple_bugs=False)
    run_state_machine_as_test(factory, settings=chosen)
