"""Messages that are none: a table of everything that was found to end, stop or confuse a consumer of Celery's.

Each entry makes its message anew, because no two messages have the same delivery tag.
"""

import json
import pickle
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from tests.faults.messages import CAPTION, JSON, RUN, envelope, message, wrapped

Make = Callable[[], bytes]

BODY = json.dumps([[["job_" + "0" * 32]], {}, {}]).encode()
DEEP = b"[" * 100_000 + b"]" * 100_000


class _Attack:
    """What pickle would run when it reads this."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return exec, ("import os; os._exit(3)",)


def _raw(content: bytes) -> Make:
    return lambda: content


def _headed(*, without: str = "", body: bytes = BODY, **changes: object) -> Make:
    """A bundle with these headers changed, and one left out."""

    def make() -> bytes:
        usual = {"lang": "py", "task": RUN, "id": str(uuid.uuid4()), "retries": 0, "timelimit": [None, None]}
        return wrapped(body, headers={name: value for name, value in {**usual, **changes}.items() if name != without})

    return make


def _delivered(*, without: str = "", **changes: object) -> Make:
    """A bundle with these properties changed, and one left out."""

    def make() -> bytes:
        tag, info = str(uuid.uuid4()), {"exchange": "", "routing_key": ""}
        usual = {"delivery_tag": tag, "delivery_info": info, "body_encoding": "base64"}
        properties = {name: value for name, value in {**usual, **changes}.items() if name != without}
        return wrapped(BODY, headers={"task": RUN, "id": tag}, properties=properties)

    return make


def _wrapped(headers: object, body: bytes = BODY, *, fields: Mapping[str, Any] | None = None) -> Make:
    return lambda: wrapped(body, headers=headers, **(fields or {}))


def _asked(body: bytes, content_type: object = JSON, task: str = CAPTION) -> Make:
    """A message of a producer with this body."""
    return lambda: envelope(body, task=task, content_type=content_type)


MALFORMED: Mapping[str, Make] = {
    "bytes that are no text": _raw(b"\xff\xfe\x00"),
    "text that is no JSON": _raw(b"picture.jpg"),
    "nothing": _raw(b""),
    "JSON nested too deep": _raw(DEEP),
    "an empty object": _raw(b"{}"),
    "a list": _raw(b"[]"),
    "null": _raw(b"null"),
    "a number": _raw(b"7"),
    "no properties": _raw(b'{"body": "", "headers": {}}'),
    "no delivery tag": _delivered(without="delivery_tag"),
    "a list for a delivery tag": _delivered(delivery_tag=["a"]),
    "no delivery info": _delivered(without="delivery_info"),
    "a number for the delivery info": _delivered(delivery_info=5),
    "an unknown body encoding": _delivered(body_encoding="martian"),
    "a body that is no base64": _wrapped({"task": RUN, "id": "a"}, fields={"body": "!!!"}),
    "a number for a body": _wrapped({"task": RUN, "id": "a"}, fields={"body": 5}),
    "headers that are a list": _wrapped([]),
    "headers that are a text": _wrapped("task"),
    "no headers": _wrapped(None),
    "an old message that is junk": _wrapped({}, json.dumps({"task": ["x"], "id": [], "args": 5}).encode()),
    "a task that is a list": _headed(task=["a"]),
    "a task that is null": _headed(task=None),
    "a task that nobody knows": lambda: message("os.system"),
    "a task that nobody knows, without an id": _headed(task="os.system", without="id"),
    "no id": _headed(without="id"),
    "a producer's without an id": _headed(task=CAPTION, without="id"),
    "an id that is a list": _headed(id=[5]),
    "a producer's with an id that is an object": _headed(task=CAPTION, id={"a": 5}),
    "a content type that is a list": _asked(BODY, ["x"]),
    "pickle": _asked(pickle.dumps(_Attack()), "application/x-python-serialize"),
    "pickle for a bundle": _asked(pickle.dumps(_Attack()), "application/x-python-serialize", RUN),
    "YAML": _asked(b"!!python/object/apply:os._exit [3]", "application/x-yaml"),
    "an unknown content type": _asked(b"[]", "x/y"),
    "a body that is no text": _asked(b"\x00\xff"),
    "a body nested too deep": _asked(DEEP),
    "a body that is an object": _asked(b"{}"),
    "a body that is a number": _asked(b"1"),
    "arguments that are a number": _asked(b"[5, {}, {}]"),
    "keywords that are a list": _asked(b"[[], [], {}]"),
    "keywords that are a number": _asked(b"[[], 5, {}]"),
}
"""What cannot be read as a task message."""

ODD: Mapping[str, Make] = {
    "callbacks that are a number": _asked(b"[[], {}, 5]"),
    "callbacks that are none": _asked(b'[[], {}, {"callbacks": [5], "errbacks": [7], "chain": [3], "chord": 5}]'),
    "a bundle's callbacks that are none": _asked(b'[[[]], {}, {"callbacks": [5], "chain": [3], "chord": 5}]', task=RUN),
    "a time to begin that is none": _headed(eta="yesterday"),
    "a time to end that is none": _headed(expires=[1]),
    "time limits that are a number": _headed(timelimit=5),
    "time limits that are texts": _headed(task=CAPTION, timelimit=["a", "b"]),
    "retries that are a text": _headed(retries="x"),
    "an unknown content encoding": _wrapped({"task": RUN, "id": "a"}, fields={"content-encoding": "martian"}),
    "a chord that is an object": _headed(task=CAPTION, group="g", chord={"a": 1}),
    "a time to begin in a thousand years": _headed(task=CAPTION, eta="2999-01-01T00:00:00"),
    "a name to show that is a list": _headed(task=CAPTION, shadow=[1]),
    "stamps that are a number": _headed(task=CAPTION, stamped_headers=5),
    "a task to call when it is refused": _asked(b'[[], {}, {"errbacks": [{"task": "x"}]}]'),
    "a chain": _asked(b'[[], {}, {"chain": [{"task": "x", "subtask_type": "group", "kwargs": {"tasks": 5}}]}]'),
}
"""What asks for things besides the task, most of them in ways that make no sense."""
