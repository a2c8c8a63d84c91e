"""The execution core: claimed jobs on one asyncio loop, hundreds to thousands of calls in flight.

The core is the only asyncio in the house; it runs on a thread of its own, and everything around it (Celery's threads,
the dispatcher, the heartbeat) is plain code that talks to it through the few thread-safe methods of `Runner`.

What it promises: a job is taken only while there is room for it; whatever happens inside an attempt ends as one
recorded move, never as an exception that reaches the caller; a job that this worker no longer owns is dropped without a
trace; and a worker whose leases may have ended begins no further call.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog

from models.database import DatabaseUnavailableError
from models.failures import Failure, FailureCode, Nature, failure
from models.moves import CallRecord, ClaimedJob, Ending, Record, failed
from worker.attempt import begin, carry_out
from worker.containment import failure_of
from worker.parcels.aside import until_sent
from worker.retry import Outcome, RetryPolicy, decide
from worker.stopping import ENDING_OF, StopReason
from worker.work import Tools, Work

log = structlog.get_logger(__name__)

ROOM_WORTH_TELLING = 16
"""With so many free slots it is worth a statement to fill them; with a quarter of them, where there are few."""
LAST_RECORD_SECONDS = 10.0
"""How long a leaving worker tries to record what it gives back."""


@dataclass(kw_only=True, slots=True)
class _Running:
    """One job in hand."""

    job: ClaimedJob
    task: asyncio.Task[None] | None = None
    work: Work | None = None
    is_aside: bool = False
    """It waits until its questions are sent together with others, and holds no slot."""
    begun: bool = False
    """Its task has made a first step: a task that is cancelled before would never run at all."""
    stop: StopReason | None = None
    ending: bool = False
    """Its end is being recorded: nothing stops it any more."""


class Runner:
    """Runs claimed jobs. The methods may be called from any thread."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        make_tools: Callable[["Runner"], Tools],
        slots: int,
        lease_seconds: float,
        policy: RetryPolicy,
        when_room: Callable[[], None],
    ) -> None:
        """`slots` jobs at once; `when_room` is called (from the loop) when there is room for more."""
        self.slots = slots
        self._loop = loop
        self._lease_seconds = lease_seconds
        self._policy = policy
        self._when_room = when_room
        self._room = threading.Condition()
        self._taken = 0
        self._aside = 0
        self._running: dict[tuple[str, int], _Running] = {}
        """By job and claim: a job that was given back may be here again before its earlier claim is gone."""
        self._draining = False
        self._alive_until = time.monotonic() + lease_seconds
        self._tools = make_tools(self)

    # Taking jobs

    def take(self, claim: Callable[[int], list[ClaimedJob]], wanted: int) -> int:
        """Reserve room for up to `wanted` jobs, claim them with `claim(room)`, run them; how many were taken."""
        room = self._reserve(wanted)
        if not room:
            return 0
        jobs: list[ClaimedJob] = []
        try:
            jobs = claim(room)
        finally:
            self._release(room - len(jobs))
        if jobs:
            self._loop.call_soon_threadsafe(self._start, jobs)
        return len(jobs)

    @property
    def free(self) -> int:
        """How many jobs could be taken now."""
        with self._room:
            return self._free()

    @property
    def draining(self) -> bool:
        """Is the worker about to leave?"""
        return self._draining

    # Leases

    def held(self) -> dict[str, int]:
        """The jobs in hand, and by which claim."""
        return dict(sorted(self._running.copy()))  # of two claims of one job, the later one wins

    def leases_renewed(self, *, until: float) -> None:
        """The leases were renewed: calls may begin until then (monotonic seconds)."""
        self._alive_until = until

    def why_no_call(self) -> Failure | None:
        """Why no call may begin now; None if one may."""
        if self._draining:
            return _interrupted("The worker is leaving.")
        if time.monotonic() >= self._alive_until:
            return _interrupted("The worker could not renew its leases.")
        return None

    # Stopping

    def stop_jobs(self, claims: Iterable[tuple[str, int]], reason: StopReason) -> None:
        """Stop these jobs, by id and claim, where they are still in hand."""
        self._loop.call_soon_threadsafe(self._stop_all, list(claims), reason)

    def drain(self) -> None:
        """Take nothing more; give back at once what is not in a call. Calls in flight go on."""
        with self._room:
            self._draining = True
        self._loop.call_soon_threadsafe(self._stop_waiting)

    def finish(self, *, grace_seconds: float) -> bool:
        """After `drain`: wait for the calls in flight, then give the rest back; was everything recorded?"""
        if self.wait_until_idle(timeout_seconds=grace_seconds):
            return True
        self.stop_jobs(self._running.copy(), StopReason.LEAVING)
        return self.wait_until_idle(timeout_seconds=LAST_RECORD_SECONDS)

    def wait_until_idle(self, *, timeout_seconds: float | None = None) -> bool:
        """Wait until no job is in hand; is none?"""
        with self._room:
            return self._room.wait_for(lambda: self._taken == 0, timeout_seconds)

    # On the loop

    def _start(self, jobs: list[ClaimedJob]) -> None:
        for job in jobs:
            running = _Running(job=job, stop=StopReason.LEAVING if self._draining else None)
            self._running[job.id, job.claim] = running
            running.task = self._loop.create_task(self._run(running), name=job.id)

    async def _run(self, running: _Running) -> None:
        """One job from claim to recorded end; nothing escapes."""
        job = running.job
        with structlog.contextvars.bound_contextvars(job_id=job.id, kind=job.kind, claim=job.claim):
            try:
                await self._run_guarded(running)
            except asyncio.CancelledError:
                pass  # stopped while its end was being recorded, or dropped
            except BaseException:
                log.exception("job could not be recorded; its lease will bring it back")
            finally:
                del self._running[job.id, job.claim]
                self._tools.lanes.end_probe(job.id)
                if running.work is not None and running.work.holds_slot:
                    self._tools.calls_in_flight.release()
                self._release(1, aside=int(running.is_aside))

    async def _run_guarded(self, running: _Running) -> None:
        running.begun = True
        if running.stop is not None:
            await self._record(running, _stopped_by(running))
            return
        try:
            running.work = begin(running.job)
            outcome = await carry_out(running.work, self._tools)
            outcome = await until_sent(running.work, outcome, leave_slot=lambda: self._step_aside(running))
        except asyncio.CancelledError:
            await self._record(running, _stopped_by(running))
            return
        except BaseException as error:  # noqa: BLE001 - MemoryError and SystemExit too
            outcome = Outcome(failures=[failure_of(error)])
        # From here to `ending = True` nothing is awaited, so nothing can stop the job in between.
        await self._record(running, decide(outcome, running.job, self._policy, jitter=random.random()))

    async def _record(self, running: _Running, ending: Ending | None) -> None:
        """Store the end of the attempt, and what it used; a dropped job's calls and answers are stored alone."""
        running.ending = True
        calls = tuple(running.work.calls) if running.work else ()
        answers = tuple(running.work.unstored) if running.work else ()
        asked = running.work.question_hash if running.work else ""
        if ending is None and not calls:
            return
        ending = ending and replace(ending, question_hash=asked or None)
        record = Record(job=running.job, calls=calls, answers=answers, ending=ending)
        try:
            owned = await asyncio.shield(self._tools.records.ask(record))
        except DatabaseUnavailableError:
            raise
        except Exception as error:
            if ending is None:
                raise
            ending = replace(failed(failure_of(error)), question_hash=asked or None)
            owned = await self._record_refused(running.job, calls, ending)
        if ending is not None:
            why = ending.failure
            log.log(
                logging.INFO if why else logging.DEBUG,
                "attempt ended",
                move=str(ending.move),
                owned=owned,
                code=why and str(why.code),
                reason=why and why.message,
            )

    async def _record_refused(self, job: ClaimedJob, calls: tuple[CallRecord, ...], ending: Ending) -> bool:
        """End a job whose record the database refused: with its calls, which were paid, unless they are what it refuses."""
        try:
            return await asyncio.shield(self._tools.records.ask(Record(job=job, calls=calls, ending=ending)))
        except DatabaseUnavailableError:
            raise
        except Exception:
            log.exception("the calls of a job could not be stored")
            return await asyncio.shield(self._tools.records.ask(Record(job=job, ending=ending)))

    def _stop_all(self, claims: list[tuple[str, int]], reason: StopReason) -> None:
        for claim in claims:
            if claim in self._running:
                _stop(self._running[claim], reason)

    def _stop_waiting(self) -> None:
        for running in self._running.values():
            if running.work is None or not running.work.calling:
                _stop(running, StopReason.LEAVING)

    # Room

    def _reserve(self, wanted: int) -> int:
        with self._room:
            room = min(wanted, self._free())
            self._taken += room
            return room

    def _step_aside(self, running: _Running) -> None:
        """Another job may have its slot. There is no limit to those aside but the room on disk for what they wait for."""
        running.is_aside = True
        with self._room:
            self._aside += 1
        self._tell_of_room()

    def _release(self, count: int, *, aside: int = 0) -> None:
        """So many jobs are not in hand any more, `aside` of them held no slot."""
        if count <= 0:
            return
        with self._room:
            self._taken -= count
            self._aside -= aside
            self._room.notify_all()
        self._tell_of_room()

    def _tell_of_room(self) -> None:
        with self._room:
            free = self.slots - (self._taken - self._aside)
            worth_telling = free >= min(ROOM_WORTH_TELLING, max(1, self.slots // 4))
        if worth_telling:
            self._when_room()

    def _free(self) -> int:
        """None for a leaving worker, and for one that could begin no call with what it takes."""
        if self._draining or time.monotonic() >= self._alive_until:
            return 0
        return self.slots - (self._taken - self._aside)


def _stopped_by(running: _Running) -> Ending | None:
    """How a job ends that was stopped from outside; None where nothing is to be recorded."""
    return ENDING_OF[running.stop] if running.stop else None


def _stop(running: _Running, reason: StopReason) -> None:
    if not running.ending and running.stop is None and running.task is not None:
        running.stop = reason
        if running.begun:
            running.task.cancel()


def _interrupted(words: str) -> Failure:
    return failure(FailureCode.WORKER_LOST, words, nature=Nature.INTERRUPTED)
