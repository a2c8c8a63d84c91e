"""Messages as producers send them, and as nobody should: built by hand, down to the bytes that lie in Redis.

Nothing of the product has a part in it, so that a message may be wrong in every way that a stranger's can be.
"""

import base64
import json
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.faults.audit import FINAL
from tests.faults.books import Row, read_books
from tests.faults.cluster import Cluster

BUNDLES = "mediascribe.bundles"
PRODUCERS = "mediascribe"
RUN = "mediascribe.run"
CAPTION = "mediascribe.caption"
PUSHED_AT_ONCE = 1_000
JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """The queues of one Redis database, from outside."""

    client: "redis.Redis"

    def put(self, queue: str, *messages: bytes) -> None:
        """Put the messages at the end of the queue."""
        for start in range(0, len(messages), PUSHED_AT_ONCE):
            self.client.lpush(queue, *messages[start : start + PUSHED_AT_ONCE])

    def bundle(self, ids: object) -> None:
        """Announce these job ids."""
        self.put(BUNDLES, message(RUN, [ids]))

    def caption(self, source: object, *, task_id: str | None = None, **fields: object) -> str:
        """Ask for a caption as a bare Celery producer does; the task's id."""
        name = task_id or str(uuid.uuid4())
        self.put(PRODUCERS, message(CAPTION, [], {"source": source, **fields}, task_id=name))
        return name

    def waiting(self) -> int:
        """Messages that nobody has taken yet."""
        return sum(int(self.client.llen(queue)) for queue in (BUNDLES, PRODUCERS))

    def unacknowledged(self) -> int:
        """Messages that somebody took and has not acknowledged."""
        return int(self.client.hlen("unacked"))


@contextmanager
def mailbox(redis_url: str) -> Iterator[Mailbox]:
    """The queues at that address."""
    with redis.Redis.from_url(redis_url) as client:
        yield Mailbox(client=client)


def message(
    task: object, args: Sequence[object] = (), kwargs: object = None, *, task_id: object = None, **changes: object
) -> bytes:
    """A task message of Celery's protocol 2, as kombu stores it in Redis; `changes` are headers."""
    body = json.dumps([list(args), {} if kwargs is None else kwargs, {}]).encode()
    return envelope(body, task=task, task_id=task_id, **changes)


def envelope(
    body: bytes, *, task: object = RUN, task_id: object = None, content_type: object = JSON, **changes: object
) -> bytes:
    """Any bytes as the body of a task message; `changes` are headers."""
    name = task_id or str(uuid.uuid4())
    headers = {"lang": "py", "task": task, "id": name, "root_id": name, "retries": 0, "timelimit": [None, None]}
    return wrapped(body, headers={**headers, **changes}, content_type=content_type)


def wrapped(contents: bytes, *, headers: object, content_type: object = JSON, **changes: Any) -> bytes:
    """Body and headers in kombu's envelope; `changes` are fields of the envelope."""
    properties = {
        "correlation_id": str(uuid.uuid4()), "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": ""},
        "priority": 0, "body_encoding": "base64", "delivery_tag": str(uuid.uuid4()),
    }  # fmt: skip
    fields = {"content-encoding": "utf-8", "content-type": content_type, "headers": headers, "properties": properties}
    return json.dumps({"body": base64.b64encode(contents).decode(), **fields, **changes}).encode()


def produced(cluster: Cluster, box: Mailbox, sources: Sequence[Path], *, seconds: float = 15.0) -> list[str]:
    """What a producer asks for by message is done, in that time: the ids of its jobs."""
    names = {box.caption(str(source)) for source in sources}
    cluster.wait(
        lambda: len(_jobs_of(cluster, names, FINAL)) == len(names),
        lambda: f"{len(names)} jobs of a producer done; {len(_jobs_of(cluster, names))} are accepted",
        seconds=seconds,
    )
    ids = [job["id"] for job in _jobs_of(cluster, names)]
    cluster.accepted += ids
    return ids


def _jobs_of(cluster: Cluster, names: Collection[str], states: Collection[str] = ()) -> list[Row]:
    jobs = [job for job in read_books(cluster.database_url).jobs if job["client_ref"] in names]
    return [job for job in jobs if not states or job["state"] in states]
