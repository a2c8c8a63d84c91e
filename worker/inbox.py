"""Looking at messages before Celery does.

A broker holds whatever somebody put there. Celery and kombu take the form of a message for granted: bytes that are no JSON, a
body that is nested too deep or a tag that is no text end or stop the loop that takes messages, and some are counted as
taken for ever. So a message that is not exactly what a Celery producer sends (protocol 2, JSON) is dropped before, with a
line in the log, and of the others Celery sees what our tasks need. Nothing of ours is lost by it, since messages are
hints.
"""

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

LONGEST_ID = 255
LARGEST_BODY_BYTES = 64 << 20
"""Of a compressed body, unpacked."""
GZIP = "application/x-gzip"
"""What kombu calls zlib, the only compression that is read."""


def why_unsound(message: object) -> str | None:
    """What is wrong with a message as kombu's Redis transport reads it; None where Celery can take it."""
    try:
        return next((what for what, is_sound in _CHECKS.items() if not is_sound(message)), None)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, zlib.error) as error:
        return f"its form ({type(error).__name__})"


def plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """A sound message with nothing in it but task, id, arguments and keywords.

    Whatever else a message may ask Celery for (callbacks, chains, stamps, a time to begin) is done outside of our tasks, where
    an error leaves the message counted as taken for ever; and a time to begin keeps it in memory until then.
    """
    args, kwargs, _ = _body(message)
    task, task_id = message["headers"]["task"], message["headers"]["id"]
    headers = {"lang": "py", "task": task, "id": task_id, "root_id": task_id, "retries": 0, "timelimit": [None, None]}
    return {**message, "headers": headers, "body": base64.b64encode(json.dumps([args, kwargs, {}]).encode()).decode()}


def ignored(message: Mapping[str, Any]) -> list[str]:
    """What a sound message asks Celery for besides its task, and does not get."""
    embedded, headers = _body(message)[2], message["headers"]
    asked = {name: embedded.get(name) for name in ("callbacks", "errbacks", "chain", "chord")}
    return [name for name, value in {**asked, "eta": headers.get("eta")}.items() if value]


def _has_tag(message: Any) -> bool:
    properties = message["properties"]
    return (
        isinstance(properties["delivery_tag"], str)
        and isinstance(properties["delivery_info"], Mapping)
        and properties.get("body_encoding") == "base64"
    )


def _is_json(message: Any) -> bool:
    return message["content-type"] == "application/json" and message["content-encoding"] in {"utf-8", "UTF-8"}


def _has_headers(message: Any) -> bool:
    headers = message["headers"]
    names = (headers["task"], headers["id"])
    return all(isinstance(name, str) and 0 < len(name) <= LONGEST_ID and "\0" not in name for name in names)


def _has_body(message: Any) -> bool:
    args, kwargs, embedded = _body(message)
    return isinstance(args, list) and isinstance(kwargs, dict) and isinstance(embedded, dict)


def _body(message: Mapping[str, Any]) -> Any:
    body = base64.b64decode(message["body"], validate=True)
    packed = message["headers"].get("compression")
    if packed is not None:
        if packed != GZIP:
            raise ValueError(packed)
        body = zlib.decompressobj().decompress(body, LARGEST_BODY_BYTES)
    return json.loads(body)


def _has_time_left(message: Any) -> bool:
    until = message["headers"].get("expires")
    if until is None:
        return True
    moment = datetime.fromisoformat(until)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) > datetime.now(UTC)


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "its delivery tag": _has_tag,
    "its content type": _is_json,
    "its task or id": _has_headers,
    "its body": _has_body,
    "its time, which is over": _has_time_left,
}
