"""Media behind `http://` and `https://`: one guarded request, its answer as a file, its refusals as failures."""

import re
from collections.abc import Mapping
from pathlib import Path

from media.copy import check_room, copied
from media.outbound.client import Answer, Call, OutboundClient
from media.outbound.errors import OutboundError
from media.outbound.target import redacted
from media.source import LocalFile, refusal, unanswered
from models.failures import FailureCode, FailureError, Nature, failure

_WHOLE = frozenset({200, 203})
_NOT_NOW = frozenset({408, 425, 429})
_READ_FOR_WORDS_BYTES = 4_096
_MAY_HAVE_EXPIRED = frozenset({400, 401, 403, 410})
_EXPIRED = re.compile(rb"expired|not valid in the specified time frame", re.IGNORECASE)
"""So Amazon, Google, Cloudflare, and Azure call a signed address whose time is over."""
_LONGEST_WAIT_SECONDS = 3_600.0

_CODES: Mapping[int, tuple[FailureCode, str]] = {
    401: (FailureCode.SOURCE_FORBIDDEN, "asks for credentials (401); use a signed address, or name user and password in it"),
    403: (FailureCode.SOURCE_FORBIDDEN, "is refused by its server (403); use an address that may be read"),
    404: (FailureCode.SOURCE_NOT_FOUND, "does not exist (404); check the address"),
    410: (FailureCode.SOURCE_NOT_FOUND, "is gone for good (410); use another address"),
}  # fmt: skip


def fetched(client: OutboundClient, call: Call, path: Path) -> LocalFile:
    """What the address answers, as a new file.

    Raises FailureError: source_not_found (404, 410); source_forbidden (401, 403, an address that may not be asked);
    source_expired (a signed address whose time is over); source_unreachable (no answer, a broken one, 5xx);
    media_too_large; media_empty; media_unsupported.
    """
    name = redacted(call.url)
    try:
        with client.sent(call) as answer:
            if answer.status not in _WHOLE:
                raise _refused(name, answer)
            if answer.size_bytes is not None and answer.size_bytes <= call.max_bytes:
                check_room(path.parent, name, answer.size_bytes)
            return copied(answer.blocks(), path, name=name)
    except OutboundError as error:
        raise unanswered(error, name) from error


def _refused(name: str, answer: Answer) -> FailureError:
    status = answer.status
    if status in _MAY_HAVE_EXPIRED and _EXPIRED.search(answer.head(_READ_FOR_WORDS_BYTES)):
        return refusal(
            FailureCode.SOURCE_EXPIRED, name, "was signed for a time that is over; sign it anew and submit it"
        )
    if status in _CODES:
        return refusal(_CODES[status][0], name, _CODES[status][1])
    if status >= 500 or status in _NOT_NOW:
        words = f"{name} is not served now ({status}); it is tried again."
        asked = answer.retry_after_seconds
        wait = None if asked is None else min(asked, _LONGEST_WAIT_SECONDS)
        return FailureError(failure(FailureCode.SOURCE_UNREACHABLE, words, retry_after_seconds=wait))
    if status >= 400:
        return refusal(FailureCode.SOURCE_FORBIDDEN, name, f"is refused by its server ({status}); check the address")
    words = f"{name} is not what its server sends ({status}): no whole file; name the address of the file itself."
    return FailureError(failure(FailureCode.SOURCE_UNREACHABLE, words, nature=Nature.PERMANENT))
