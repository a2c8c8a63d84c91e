"""Cursors of lists: where a page ended, bound to the list and the filter that it belongs to."""

import base64
import hashlib
import json
from collections.abc import Mapping

from api.problems import ProblemCode, ProblemError
from models.ids import Prefix, is_id

_MARK_CHARS = 12


def write_cursor(last_id: str, wanted: Mapping[str, object]) -> str:
    """The cursor of the page after `last_id`."""
    return base64.urlsafe_b64encode(f"{last_id}.{_mark(wanted)}".encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, wanted: Mapping[str, object], *, prefix: Prefix) -> str | None:
    """The last id of the page before. Raises ProblemError(bad_cursor)."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        text = ""
    last_id, _, mark = text.partition(".")
    if not is_id(last_id, prefix) or mark != _mark(wanted) or write_cursor(last_id, wanted) != cursor:
        words = "the cursor is not one of this list with these filters; ask again without it"
        raise ProblemError(ProblemCode.BAD_CURSOR, words)
    return last_id


def _mark(wanted: Mapping[str, object]) -> str:
    given = json.dumps({name: str(value) for name, value in wanted.items() if value is not None}, sort_keys=True)
    return hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()[:_MARK_CHARS]
