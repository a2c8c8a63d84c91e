"""Weather: faults of all sorts, at random times and in any combination, against a cluster at work.

`Weather(cluster, seed=…, redis=…, postgres=…).storm(seconds)` draws faults from the seed: workers are killed, frozen, told
to leave and replaced, as a supervisor would; Redis is emptied, killed or frozen; PostgreSQL is killed or its connections
are cut; Gemini refuses, hangs up or is late; jobs are cancelled and new ones come. At the end of a storm everything is
healed and all workers are back, so that a test may wait for the jobs and audit.

Only processes that the cluster or the servers' fixtures started are ever signalled. What was done, and when, is in `log`;
an exception in a storm carries it along.
"""

import heapq
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from models.database import DatabaseUnavailableError
from models.store import admin
from tests.faults.books import query
from tests.faults.cluster import Cluster
from tests.faults.crew import Crew
from tests.faults.processes import WorkerProcess
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer
from tests.services.simulator import Rule

PAUSES_SECONDS = (0.2, 0.8)
"""Between two faults, least and most."""
TICK_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that the weather did."""

    seconds: float
    """Since the weather was made."""
    what: str


class Weather:
    """Bad weather for one cluster, which has its workers and its jobs already."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        seed: int,
        redis: RedisServer,
        postgres: PostgresServer,
        spared: Sequence[WorkerProcess] = (),
        calm: Sequence[Rule] = (),
    ) -> None:
        """`spared` workers are left alone themselves; `calm` is the simulator's script while Gemini is well."""
        self.seed = seed
        self.log: list[Event] = []
        self._cluster = cluster
        self._redis = redis
        self._postgres = postgres
        self._spared = list(spared)
        self._calm = list(calm)
        self._chance = random.Random(seed)
        self._began = time.monotonic()
        self._crew = Crew(cluster)
        self._frozen: list[WorkerProcess] = []
        self._ill: set[object] = set()
        """Servers that are away, a Gemini that is not well."""
        self._cures: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    @property
    def counts(self) -> Counter[str]:
        """How often each fault struck."""
        names = (event.what.partition(":")[0] for event in self.log)
        return Counter(name for name in names if name in _FAULTS)

    @property
    def story(self) -> str:
        """The seed and all that was done."""
        lines = [f"{event.seconds:8.2f} s  {event.what}" for event in self.log]
        return "\n".join([f"weather with seed {self.seed}", *lines])

    def storm(self, seconds: float) -> None:
        """So many seconds of faults; afterwards all is healed, and as many workers run as before.

        Raises AssertionError where a worker ended by itself, or did not leave in good order when told to.
        """
        try:
            self._rage(time.monotonic() + seconds)
            self._heal()
        except BaseException as error:
            error.add_note(self.story)
            raise

    def _rage(self, end: float) -> None:
        never, next_fault = threading.Event(), 0.0
        while (now := time.monotonic()) < end:
            self._cure(now)
            self._crew.man()
            if now >= next_fault:
                self._strike()
                next_fault = time.monotonic() + self._chance.uniform(*PAUSES_SECONDS)
            never.wait(TICK_SECONDS)

    def _strike(self) -> None:
        """One fault that is possible now."""
        for name in self._chance.choices(list(_FAULTS), [weight for weight, _ in _FAULTS.values()], k=10):
            what = _FAULTS[name][1](self)
            if what is not None:
                self._note(f"{name}: {what}" if what else name)
                return

    def _note(self, what: str) -> None:
        self.log.append(Event(seconds=time.monotonic() - self._began, what=what))

    # Getting well

    def _cure(self, now: float) -> None:
        """End what has lasted long enough."""
        while self._cures and self._cures[0][0] <= now:
            heapq.heappop(self._cures)[2]()

    def _lasts(self, least: float, most: float, cure: Callable[[], None]) -> str:
        """Call `cure` after a random time from that range of seconds; the time, in words."""
        seconds = self._chance.uniform(least, most)
        heapq.heappush(self._cures, (time.monotonic() + seconds, next(self._numbers), cure))
        return f"for {seconds:.1f} s"

    def _heal(self) -> None:
        self._cure(float("inf"))
        self._note("all is healed")
        self._crew.settle()

    # What can happen: each does one thing and tells it in words, or returns None where it is not possible now

    def _victim(self) -> WorkerProcess | None:
        return self._crew.one_of(self._chance, spared=[*self._spared, *self._frozen])

    def kill_worker(self) -> str | None:
        """SIGKILL; another one starts."""
        victim = self._victim()
        if victim is None:
            return None
        self._cluster.kill(victim)
        return f"worker {victim.pid}"

    def freeze_worker(self) -> str | None:
        """SIGSTOP for up to two leases."""
        victim = self._victim()
        if victim is None:
            return None
        self._cluster.freeze(victim)
        self._frozen.append(victim)
        lease = self._cluster.loaded().settings.lease_seconds

        def thaw() -> None:
            victim.thaw()
            self._frozen.remove(victim)

        return f"worker {victim.pid} {self._lasts(0.2 * lease, 2 * lease, thaw)}"

    def dismiss_worker(self) -> str | None:
        """SIGTERM; another one starts at once."""
        victim = self._victim()
        if victim is None:
            return None
        self._crew.dismiss(victim)
        return f"worker {victim.pid}"

    def flush_redis(self) -> str | None:
        """All messages are gone."""
        if self._redis in self._ill:
            return None
        self._redis.flushall()
        return ""

    def kill_redis(self) -> str | None:
        """Redis is away for seconds, and empty when it is back."""
        return self._outage(self._redis, self._redis.kill, self._redis.start, most=6.0)

    def freeze_redis(self) -> str | None:
        """Redis keeps its connections and answers nothing."""
        return self._outage(self._redis, self._redis.pause, self._redis.resume, most=6.0)

    def kill_postgres(self) -> str | None:
        """PostgreSQL is away; leases may end before workers are back to renew them."""
        told = self._outage(self._postgres, self._postgres.kill, self._postgres.start, most=2.0)
        if told is not None:
            allowed, calls = self._cluster.allowance, sum(worker.concurrency for worker in self._crew.members)
            self._cluster.allowance = replace(allowed, paid_again=allowed.paid_again + calls)
        return told

    def _outage(self, server: object, begin: Callable[[], None], end: Callable[[], None], *, most: float) -> str | None:
        if server in self._ill:
            return None

        def cure() -> None:
            end()
            self._ill.discard(server)

        begin()
        self._ill.add(server)
        return self._lasts(0.2, most, cure)

    def cut_connections(self) -> str | None:
        """Every worker's connections to PostgreSQL end at once."""
        if self._postgres in self._ill:
            return None
        return f"{len(query(self._cluster.database_url, _CUT))} of them"

    def spoil_gemini(self) -> str | None:
        """Gemini fails a part of its calls in one way."""
        gemini = self._cluster.gemini
        fault, most_likely = self._chance.choice(_GEMINI)
        likely = self._chance.uniform(0.1, most_likely)
        rule: Rule = {"match": {"probability": likely}, "fault": fault}
        told = self._outage(
            gemini, lambda: gemini.set_faults([rule, *self._calm]), lambda: gemini.set_faults(self._calm), most=4.0
        )
        return told and f"{fault['kind']} {likely:.0%} {told}"

    def cancel_jobs(self) -> str | None:
        """Somebody cancels a few jobs, whatever state they are in."""
        if self._postgres in self._ill or not self._cluster.accepted:
            return None
        ids = [self._chance.choice(self._cluster.accepted) for _ in range(3)]
        try:
            stopped = admin.cancel(self._cluster.database, ids)
        except DatabaseUnavailableError as error:
            return f"refused, {error}"
        self._cluster.may_lose(len(stopped))  # of a call that is given up, nobody learns the answer
        return f"{len(stopped)} were live"

    def submit_jobs(self) -> str | None:
        """More work, some of it urgent."""
        if self._postgres in self._ill:
            return None
        count, priority = self._chance.randrange(1, 10), self._chance.choice([0, 0, 10])
        try:
            self._cluster.submit(count, priority=priority, reuse=False)
        except DatabaseUnavailableError as error:
            return f"refused, {error}"
        return f"{count} with priority {priority}"


_CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'mediascribe'"
)

_GEMINI: Sequence[tuple[Mapping[str, object], float]] = (
    ({"kind": "503"}, 0.3),
    ({"kind": "reset"}, 0.3),
    ({"kind": "429_minute", "retry_after_seconds": 1.0}, 0.2),
    ({"kind": "late", "seconds": 1.5}, 0.6),
)
"""A fault, and with what probability at most: a job that meets four in a row fails, and that should be rare."""

_FAULTS: Mapping[str, tuple[int, Callable[[Weather], str | None]]] = {
    "kill a worker": (4, Weather.kill_worker),
    "freeze a worker": (3, Weather.freeze_worker),
    "dismiss a worker": (2, Weather.dismiss_worker),
    "flush Redis": (3, Weather.flush_redis),
    "kill Redis": (1, Weather.kill_redis),
    "freeze Redis": (1, Weather.freeze_redis),
    "kill PostgreSQL": (1, Weather.kill_postgres),
    "cut connections": (3, Weather.cut_connections),
    "spoil Gemini": (3, Weather.spoil_gemini),
    "cancel jobs": (2, Weather.cancel_jobs),
    "submit jobs": (3, Weather.submit_jobs),
}
"""What can happen: how likely, against each other, and how."""
