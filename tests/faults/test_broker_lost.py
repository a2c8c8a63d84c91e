"""A broker that is emptied, gone, frozen, cut off, full or read-only: it costs latency and nothing else.

Messages are hints. So the workers go on from SQL while the broker is away, and take messages again, without a restart,
when it is back; the last is shown by a producer's message, which nothing but a message brings to a worker.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from redis.exceptions import OutOfMemoryError

from tests.acceptance.people import Person
from tests.faults.cluster import Cluster
from tests.faults.conftest import Deployment
from tests.faults.messages import BUNDLES, Mailbox, mailbox, produced
from tests.services.embedded import eventually
from tests.services.process import free_port
from tests.services.proxy import proxy
from tests.services.redis import RedisServer, redis_server

Spoilt = Callable[[RedisServer], AbstractContextManager[None]]
"""A way to spoil a Redis for as long as a block lasts."""

LATE = {"match": {}, "fault": {"kind": "late", "seconds": 0.2}}
JOBS = 100
LOST_SECONDS = 40.0
"""For jobs whose announcements get lost all the time; an announcement is believed for 60 s where it is not known as lost."""
GIVE_UP_SECONDS = 20.0
"""The longest that a worker waits for messages on a connection that a partition has silenced."""
SUBMIT_SECONDS = 20.0
"""For the whole command: measured 2 to 5 s, 3 of them for a broker that is silent, and more on a machine that is busy."""


def submit_by_command(cluster: Cluster, paths: Sequence[Path]) -> float:
    """Submit these pictures as people do; the seconds that it took."""
    begun = time.monotonic()
    done = Person(folder=cluster.folder, settings=cluster.settings).runs("submit", *map(str, paths))
    assert done.returncode == 0, done.stderr
    cluster.accepted += done.stdout.split()
    return time.monotonic() - begun


def wait_for_log(cluster: Cluster, words: str, *, seconds: float = 30.0) -> None:
    """Return when one of the workers has said so; the others may have had nothing to do with it."""
    cluster.wait(
        lambda: any(words in worker.log.read_text() for worker in cluster.workers), lambda: words, seconds=seconds
    )


def uses_messages_again(cluster: Cluster, box: Mailbox, pictures: Sequence[Path]) -> int:
    """Producers' messages are taken, and announcements are sent, without a restart; how many jobs that were."""
    produced(cluster, box, pictures[-4:])
    cluster.submit(4)
    wait_for_log(cluster, "the broker is back", seconds=10.0)
    cluster.wait_until_all_done()
    return 8


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis whose configuration may be spoilt."""
    with redis_server() as server:
        yield server


@contextmanager
def full(server: RedisServer) -> Iterator[None]:
    """Its memory is used up for as long as the block lasts."""
    with mailbox(server.url) as box:
        box.client.config_set("maxmemory", "1mb")
        with suppress(OutOfMemoryError):
            for number in itertools.count():
                box.client.set(f"filler-{number}", b"x" * 50_000)
        yield
        box.client.config_set("maxmemory", "0")


@contextmanager
def read_only(server: RedisServer) -> Iterator[None]:
    """It follows a master that is gone, as after a failover that went wrong, for as long as the block lasts."""
    with mailbox(server.url) as box:
        box.client.replicaof("127.0.0.1", str(free_port()))
        yield
        box.client.replicaof("NO", "ONE")


@pytest.mark.long
def test_f1_a_broker_that_is_emptied_every_second_loses_no_job(server: Cluster, redis_url: str) -> None:
    server.gemini.set_faults([LATE])
    server.start(2)
    server.submit(3 * JOBS)
    flushes = 0
    with mailbox(redis_url) as box:
        while server.done() < 3 * JOBS:
            box.client.flushdb()
            flushes += 1
            assert flushes < 30, f"after so many seconds the jobs are {server.states()}\n{server.logs()}"
            with suppress(AssertionError):
                eventually(lambda: server.done() == 3 * JOBS, "all done", seconds=1.0)
    print(f"emptied {flushes} times")
    assert flushes >= 3
    assert server.audit().states == {"succeeded": 3 * JOBS}


def test_f1_announcements_that_never_arrive_are_not_waited_for(server: Cluster, redis_url: str) -> None:
    """A thief takes messages from the queue before the workers can: what a crash between two commands of kombu does."""
    server.gemini.set_faults([LATE])
    server.start(2)
    server.submit(JOBS)
    stolen, began = 0, time.monotonic()
    with mailbox(redis_url) as box:
        while server.done() < JOBS and time.monotonic() - began < LOST_SECONDS:
            stolen += box.client.brpop([BUNDLES], timeout=0.2) is not None
    print(f"{stolen} bundles stolen in {time.monotonic() - began:.1f} s")
    assert server.done() == JOBS, f"{server.states()} with {stolen} bundles stolen\n{server.logs()}"
    assert stolen
    assert server.audit().states == {"succeeded": JOBS}


@pytest.mark.long
def test_f2_a_broker_that_is_killed_and_comes_back_empty_is_used_again(
    server: Cluster, redis: RedisServer, redis_url: str, pictures: Sequence[Path]
) -> None:
    server.gemini.set_faults([LATE])
    server.start(1)
    server.submit(JOBS)
    server.wait_until_done(JOBS // 4)
    redis.kill()
    wait_for_log(server, "the broker is down")
    redis.start()
    server.wait_until_all_done()
    with mailbox(redis_url) as box:
        more = uses_messages_again(server, box, pictures)
    assert server.audit().states == {"succeeded": JOBS + more}


def test_f2_workers_that_have_never_seen_the_broker_do_all_the_work_and_leave(
    server: Cluster, redis: RedisServer, pictures: Sequence[Path]
) -> None:
    redis.kill()
    server.gemini.set_faults([LATE])
    server.start(2)
    server.submit(JOBS)
    assert submit_by_command(server, pictures[JOBS : JOBS + 20]) < SUBMIT_SECONDS
    server.wait_until_all_done()
    found = server.audit()
    redis.start()
    assert found.states == {"succeeded": JOBS + 20}


@pytest.mark.long
def test_f3_while_the_broker_is_frozen_work_goes_on_and_afterwards_messages_are_taken(
    server: Cluster, redis: RedisServer, redis_url: str, pictures: Sequence[Path]
) -> None:
    server.gemini.set_faults([LATE])
    server.start(1)
    server.submit(JOBS)
    server.wait_until_done(JOBS // 4)
    redis.pause()
    try:
        wait_for_log(server, "the broker is down")
        assert submit_by_command(server, pictures[JOBS : JOBS + 20]) < SUBMIT_SECONDS
        server.wait_until_all_done()
    finally:
        redis.resume()
    with mailbox(redis_url) as box:
        more = uses_messages_again(server, box, pictures)
    assert server.audit().states == {"succeeded": JOBS + 20 + more}


@pytest.mark.long
def test_f3_a_broker_behind_a_silent_partition_is_given_up_and_found_again(
    deployment: Deployment, redis: RedisServer, redis_url: str, pictures: Sequence[Path]
) -> None:
    with proxy(redis.port) as way, deployment(broker_url=way.url(redis_url)) as server, mailbox(redis_url) as box:
        server.gemini.set_faults([LATE])
        server.start(1)
        server.submit(JOBS)
        server.wait_until_done(JOBS // 4)
        way.blackhole()
        wait_for_log(server, "the broker is down")
        assert submit_by_command(server, pictures[JOBS : JOBS + 20]) < SUBMIT_SECONDS
        server.wait_until_all_done()
        wait_for_log(server, "Connection to broker lost", seconds=GIVE_UP_SECONDS)
        way.heal(reset=False)
        more = uses_messages_again(server, box, pictures)
        assert server.audit().states == {"succeeded": JOBS + 20 + more}


@pytest.mark.long
@pytest.mark.parametrize("spoilt", [full, pytest.param(read_only, marks=pytest.mark.long)])
def test_f4_a_worker_survives_a_broker_that_takes_no_writes(
    spoilt: Spoilt, deployment: Deployment, own_redis: RedisServer, pictures: Sequence[Path]
) -> None:
    with deployment(broker_url=own_redis.url) as server, mailbox(own_redis.url) as box:
        server.gemini.set_faults([LATE])
        server.start(1)
        server.submit(JOBS)
        server.wait_until_done(10)
        with spoilt(own_redis):
            wait_for_log(server, "the broker is down")
            assert submit_by_command(server, pictures[JOBS : JOBS + 20]) < SUBMIT_SECONDS
            server.wait_until_all_done()
        more = uses_messages_again(server, box, pictures)
        assert server.audit().states == {"succeeded": JOBS + 20 + more}


@pytest.mark.long
@pytest.mark.parametrize("spoilt", [full, read_only])
def test_f4_a_worker_that_starts_while_the_broker_takes_no_writes_works_and_later_takes_messages(
    spoilt: Spoilt, deployment: Deployment, own_redis: RedisServer, pictures: Sequence[Path]
) -> None:
    with deployment(broker_url=own_redis.url) as server, mailbox(own_redis.url) as box:
        with spoilt(own_redis):
            server.start(1)
            server.submit(JOBS)
            server.wait_until_all_done()
        produced(server, box, pictures[JOBS : JOBS + 4])
        assert server.audit().states == {"succeeded": JOBS + 4}


@pytest.mark.long
def test_f4_a_broker_that_throws_keys_away_loses_no_job_and_both_worker_and_doctor_say_so(
    deployment: Deployment, own_redis: RedisServer
) -> None:
    with deployment(broker_url=own_redis.url) as server, mailbox(own_redis.url) as box:
        box.client.config_set("maxmemory-policy", "allkeys-lru")
        box.client.config_set("maxmemory", "1kb")  # it keeps no key longer than a moment
        server.gemini.set_faults([LATE])
        server.start(2)
        server.submit(JOBS)
        server.wait_until_all_done()
        wait_for_log(server, "allkeys-lru")
        doctor = Person(folder=server.folder, settings=server.settings).runs("doctor")
        assert doctor.returncode != 0
        assert "noeviction" in doctor.stdout + doctor.stderr
        assert server.audit().states == {"succeeded": JOBS}
