"""Looking at messages before Celery does.

A broker holds whatever somebody put there. Celery and kombu take the form of a message for granted: bytes that are no JSON, a
body that is nested too deep or a tag that is no text end or stop the loop that takes messages, and some are counted as
taken for ever. So a message that is not exactly what a Celery producer sends (protocol 2, JSON) is dropped before, with a
line in the log. Nothing of ours is lost by it, since messages are hints; and nobody can have meant it.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

LONGEST_ID = 255


def why_unsound(message: object) -> str | None:
    """What is wrong with a message as kombu's Redis transport reads it; None where Celery can take it."""
    try:
        return next((what for what, is_sound in _CHECKS.items() if not is_sound(message)), None)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return f"its form ({type(error).__name__})"


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


def _has_times(message: Any) -> bool:
    headers = message["headers"]
    soft, hard = headers.get("timelimit") or (None, None)
    return (
        all(isinstance(limit, int | float | None) for limit in (soft, hard))
        and isinstance(headers.get("retries", 0), int)
        and all(_is_moment(headers.get(name)) for name in ("eta", "expires"))
    )


def _is_moment(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(datetime.fromisoformat(value)))


def _has_body(message: Any) -> bool:
    args, kwargs, embedded = json.loads(base64.b64decode(message["body"], validate=True))
    return (
        isinstance(args, list)
        and isinstance(kwargs, dict)
        and isinstance(embedded, dict)
        and all(_is_list_of_tasks(embedded.get(name)) for name in ("callbacks", "errbacks", "chain"))
        and _is_task(embedded.get("chord"))
        and _is_task(message["headers"].get("chord"))
    )


def _is_list_of_tasks(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(item is not None and _is_task(item) for item in value))


def _is_task(value: object) -> bool:
    return value is None or (isinstance(value, dict) and isinstance(value.get("task"), str))


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "its delivery tag": _has_tag,
    "its content type": _is_json,
    "its task or id": _has_headers,
    "its times": _has_times,
    "its body": _has_body,
}
