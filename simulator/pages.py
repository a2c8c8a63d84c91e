"""Lists in pages: `pageSize` and `pageToken`, as all of Google's lists have them."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from simulator.errors import invalid_argument
from simulator.http import Request

ItemT = TypeVar("ItemT")
_KNOWN = frozenset({"pageSize", "page_size", "pageToken", "page_token", "key", "alt", "$alt", "prettyPrint"})


def page_of(
    items: Sequence[ItemT], request: Request, *, default: int, most: int
) -> tuple[Sequence[ItemT], dict[str, str]]:
    """The page that is asked for, and `{"nextPageToken"}` where there is another. Raises RefusedError (400)."""
    if unknown := sorted(set(request.query) - _KNOWN):
        name = unknown[0][:80]
        raise invalid_argument(f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.')
    size = _given(request, "pageSize", "page_size")
    start = _offset(_given(request, "pageToken", "page_token"))
    if size and not size.isdecimal():
        raise invalid_argument(f"Invalid value at 'page_size' (TYPE_INT32), {size[:40]!r}")
    end = start + min(int(size[:9] or 0) or default, most)
    following = {"nextPageToken": base64.urlsafe_b64encode(f"at:{end}".encode()).decode()} if end < len(items) else {}
    return items[start:end], following


def _given(request: Request, *names: str) -> str:
    return next((request.query[name][-1] for name in names if name in request.query), "")


def _offset(token: str) -> int:
    try:
        kind, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
    except (binascii.Error, ValueError):
        kind, number = "", "-"
    if token and (kind != "at" or not number.isdecimal()):
        raise invalid_argument("The page token is invalid.")
    return int(number) if token else 0
