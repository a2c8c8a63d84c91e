"""Forged and malformed messages on both queues: each is refused with a line in the log, and nothing escapes.

Whatever lies in the queues, the same worker process goes on, none of its threads or of the broker's credit for unread
messages is used up, its memory does not grow, and good messages that come afterwards are done at once.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from models.ids import new_id
from models.store import admin
from tests.faults.books import query, read_books
from tests.faults.cluster import Cluster
from tests.faults.malformed import DEEP, MALFORMED, ODD
from tests.faults.messages import BUNDLES, CAPTION, PRODUCERS, RUN, Mailbox, envelope, mailbox, message, produced
from tests.faults.processes import WorkerProcess

COPIES = 6
"""More of each than the worker has threads (4), or messages that it takes without having acknowledged one."""
MEMORY_BYTES = 60 << 20
GOOD_SECONDS = 15.0
LATE = {"match": {}, "fault": {"kind": "late", "seconds": 0.1}}
REFUSED = ("was dropped", "was refused", "unregistered task", "raised unexpected: TypeError")
"""What the log says of a message that came to nothing."""


def resident_bytes(worker: WorkerProcess) -> int:
    """Memory of the worker's own process."""
    return int(psutil.Process(worker.pid).memory_info().rss)


def is_refused(cluster: Cluster, box: Mailbox, queue: str, *messages: bytes) -> bool:
    """Put the messages into the queue; does the log soon say, so many times, that they came to nothing?"""
    (worker,) = cluster.workers
    said = worker.log.stat().st_size
    box.put(queue, *messages)

    def lines() -> int:
        assert worker.is_running, f"the worker ended with {worker.process.returncode}\n{worker.end_of_log()}"
        return sum(any(words in line for words in REFUSED) for line in worker.log.read_text()[said:].splitlines())

    try:
        cluster.wait(lambda: lines() >= len(messages), str, seconds=8.0)
    except AssertionError:
        return False
    return True


def works_on(cluster: Cluster, box: Mailbox, pictures: Sequence[Path]) -> None:
    """Good bundles and producers' messages are done, soon, by the one worker, and nothing is left over."""
    (worker,) = cluster.workers
    ids = cluster.submit(40)
    for start in range(0, len(ids), 5):
        box.bundle(ids[start : start + 5])
    produced(cluster, box, pictures[-20:], seconds=GOOD_SECONDS)
    cluster.wait(
        lambda: set(cluster.states(ids)) == {"succeeded"}, lambda: f"good jobs: {cluster.states(ids)}", seconds=GOOD_SECONDS
    )  # fmt: skip
    cluster.wait(lambda: not box.unacknowledged() and not box.waiting(), lambda: "the queues are empty", seconds=5.0)
    assert worker.is_running


def test_what_is_no_message_is_dropped_with_a_line_in_the_log(
    server: Cluster, redis_url: str, pictures: Sequence[Path]
) -> None:
    (worker,) = server.start(1)
    before = resident_bytes(worker)
    with mailbox(redis_url) as box:
        silent = [
            name
            for name, make in MALFORMED.items()
            for queue in (BUNDLES, PRODUCERS)
            if not is_refused(server, box, queue, *(make() for _ in range(COPIES)))
        ]
        works_on(server, box, pictures)
    assert not silent, f"not a word in the log about {silent}"
    assert resident_bytes(worker) - before < MEMORY_BYTES
    assert server.audit().states == {"succeeded": 60}


def test_what_a_message_asks_for_besides_its_task_stops_nothing(
    server: Cluster, redis_url: str, pictures: Sequence[Path]
) -> None:
    server.start(1)
    with mailbox(redis_url) as box:
        for make in ODD.values():
            box.put(PRODUCERS, *(make() for _ in range(COPIES)))
        works_on(server, box, pictures)
    assert server.audit().states == {"succeeded": 60}


NO_IDS: Mapping[str, object] = {
    "null": None, "a number": 5, "a text": "job_" + "0" * 32, "an object": {"id": "job_" + "0" * 32}, "nulls": [None],
    "numbers": [1, 2], "bundles": [["job_" + "0" * 32]], "a batch": ["bat_" + "0" * 32], "a short id": ["job_0"],
    "capitals": ["JOB_" + "0" * 32], "a long id": ["job_" + "0" * 33], "SQL": ["'; DROP TABLE job; --"], "NUL": ["job_\0"],
    "half a character": ["job_\ud800"], "10 MB of text": ["x" * 10_000_000], "a good one and a bad one": [new_id("job"), 5],
    "200,000 ids": [f"job_{number:032x}" for number in range(200_000)],
}  # fmt: skip


def test_what_is_no_bundle_of_job_ids_is_dropped_with_a_line_in_the_log(
    server: Cluster, redis_url: str, pictures: Sequence[Path]
) -> None:
    (worker,) = server.start(1)
    before = resident_bytes(worker)
    with mailbox(redis_url) as box:
        bundles = {name: message(RUN, [ids]) for name, ids in NO_IDS.items()}
        bundles["no arguments"] = message(RUN, [])
        bundles["a deep nest"] = envelope(b"[[" + DEEP[45_000:-45_000] + b"], {}, {}]")
        silent = [name for name, one in bundles.items() if not is_refused(server, box, BUNDLES, one)]
        works_on(server, box, pictures)
    assert not silent, f"not a word in the log about {silent}"
    assert resident_bytes(worker) - before < MEMORY_BYTES
    assert server.audit().states == {"succeeded": 60}


def test_a_bundle_starts_no_job_that_is_not_to_run(server: Cluster, redis_url: str, pictures: Sequence[Path]) -> None:
    purged, finished = server.submit(5), server.submit(5)
    cancelled, waiting, foreign = server.submit(5), server.submit(5), server.submit(5)
    _set(server, cancelled, "state = 'cancelled', finished_at = now()")
    _set(server, waiting, "state = 'waiting', due_at = now() + interval '1 hour'")
    _set(server, foreign, "owner = 'somebody'")
    server.start(1)
    server.wait(lambda: server.states([*purged, *finished, *foreign]) == {"succeeded": 15}, str, seconds=15)
    _set(server, purged, "finished_at = now() - interval '1 day'")
    assert admin.purge(server.database, older_than_seconds=3_600) == len(purged)
    server.accepted = [job_id for job_id in server.accepted if job_id not in purged]
    before = {job["id"]: job for job in read_books(server.database_url).jobs}
    with mailbox(redis_url) as box:
        for ids in (purged, finished, cancelled, waiting, foreign, [*purged, *waiting, *finished], []) * 3:
            box.bundle(ids)
        works_on(server, box, pictures)
    after = {job["id"]: job for job in read_books(server.database_url).jobs}
    assert {job_id: after[job_id] for job_id in before} == before
    _set(server, waiting, "state = 'cancelled', due_at = NULL, finished_at = now()")
    assert server.audit().states == {"succeeded": 70, "cancelled": 10}


def _set(cluster: Cluster, ids: Sequence[str], change: str) -> None:
    """Change rows behind the product's back, to have jobs of all sorts."""
    among = ", ".join(f"'{job_id.removeprefix('job_')}'" for job_id in ids)
    query(cluster.database_url, f"UPDATE job SET {change} WHERE id IN ({among})")


ABSURD: Mapping[str, Mapping[str, object]] = {
    "no source": {}, "a number for a source": {"source": 5}, "a list of sources": {"source": ["a.jpg"]},
    "an empty source": {"source": ""}, "a source with NUL": {"source": "a\0.jpg"}, "half a character": {"source": "\ud800"},
    "an address": {"source": "http://169.254.169.254/"}, "options that are a list": {"source": "a.jpg", "options": [1]},
    "unknown options": {"source": "a.jpg", "options": {"x": 1}},
    "options that are no number": {"source": "a.jpg", "options": {"max_tags": float("nan")}},
    "a priority that is a text": {"source": "a.jpg", "priority": "high"},
    "a huge priority": {"source": "a.jpg", "priority": 10**30}, "an owner that is a list": {"source": "a.jpg", "owner": [1]},
    "a long owner": {"source": "a.jpg", "owner": "x" * 300}, "a long model": {"source": "a.jpg", "model": "x" * 10_000},
    "a model that is a number": {"source": "a.jpg", "model": 5}, "unknown arguments": {"source": "a.jpg", "x": 1},
    "metadata that is a text": {"source": "a.jpg", "metadata": "x"},
    "metadata with NUL": {"source": "a.jpg", "metadata": {"x": "\0"}},
}  # fmt: skip


def test_what_a_producer_cannot_have_is_refused_with_a_line_in_the_log(
    server: Cluster, redis_url: str, pictures: Sequence[Path]
) -> None:
    (worker,) = server.start(1)
    before = resident_bytes(worker)
    with mailbox(redis_url) as box:
        asked = {name: message(CAPTION, [], kwargs) for name, kwargs in ABSURD.items()}
        asked["a long id"] = message(CAPTION, ["a.jpg"], task_id="x" * 300)
        asked["an id with NUL"] = message(CAPTION, ["a.jpg"], task_id="x\0")
        asked["too many arguments"] = message(CAPTION, ["a.jpg", {}, 1, 2])
        silent = [name for name, one in asked.items() if not is_refused(server, box, PRODUCERS, *([one] * COPIES))]
        works_on(server, box, pictures)
    assert not silent, f"not a word in the log about {silent}"
    assert resident_bytes(worker) - before < MEMORY_BYTES
    assert server.audit().states == {"succeeded": 60}


@pytest.mark.long
@pytest.mark.parametrize("ids_each", [pytest.param(1, marks=pytest.mark.long), 30])
def test_a_flood_of_forged_bundles_does_not_stop_good_work(server: Cluster, redis_url: str, ids_each: int) -> None:
    """Each costs a statement: measured 500 bundles a second, during which good work goes on at 5 to 20 jobs a second."""
    server.gemini.set_faults([LATE])
    (worker,) = server.start(1)
    before = resident_bytes(worker)
    with mailbox(redis_url) as box:
        box.put(BUNDLES, *(message(RUN, [[new_id("job") for _ in range(ids_each)]]) for _ in range(20_000)))
        began = time.monotonic()
        ids = server.submit(60)
        server.wait_until_all_done(seconds=2 * GOOD_SECONDS)
        print(f"good work was done after {time.monotonic() - began:.1f} s, when {box.waiting()} messages still waited")
        assert box.waiting(), "the flood was over before the good work was done, so this shows nothing"
        box.client.delete(BUNDLES)
    assert resident_bytes(worker) - before < MEMORY_BYTES
    assert server.audit().states == {"succeeded": len(ids)}
