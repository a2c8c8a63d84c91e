"""What requests may say beside their body, with the rules that all routes share. Unknown parameters are refused."""

import difflib
import hashlib
import re
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from pydantic import AfterValidator

from api.access import Caller
from api.bodies import KindName, Name, as_utc, storable
from api.problems import FieldError, ProblemCode, ProblemError
from models.failures import FailureCode
from models.ids import Prefix, is_id
from models.state import JobState
from models.store.receipts import Request as OnceRequest
from models.webhook import DeliveryState

LONGEST_WAIT_SECONDS = 60
_KEY = re.compile(r'"?([\x21\x23-\x7e](?:[\x20\x21\x23-\x7e]{0,198}[\x21\x23-\x7e])?)"?')
"""Of RFC 8941 a string, or the same without quotes."""


async def refuse_unknown(request: Request) -> None:
    """Raises ProblemError naming the parameter that the route does not have."""
    known = request.app.state.parameters[request.method, request.scope["route"].path_format]
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known)) or 'none'}"
            words = f"there is no parameter {name!r} here{hint}"
            error = FieldError(field=name, code="unknown_parameter", detail=words)
            raise ProblemError(ProblemCode.INVALID_REQUEST, words, errors=[error])


State = Annotated[JobState | None, Query(description="Only jobs in this state.")]
Kind = Annotated[KindName | None, Query(description="Only jobs of this kind.")]
Batch = Annotated[Name | None, Query(description="Only jobs of this batch, by its id or name.")]
Error = Annotated[FailureCode | None, Query(description="Only jobs with this failure code.")]
Since = Annotated[
    datetime | None, AfterValidator(lambda moment: moment and as_utc(moment)), Query(description="Only jobs made since then.")
]  # fmt: skip
Search = Annotated[
    str | None,
    AfterValidator(lambda text: text and storable(text)),
    Query(max_length=500, description="Only jobs with this in their source or client_ref."),
]
Endpoint = Annotated[
    str | None, Query(pattern="^whe_[0-9a-f]{32}$", description="Only deliveries to this endpoint, by its id.")
]
OfState = Annotated[DeliveryState | None, Query(description="Only deliveries in this state.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most in one page.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")]
Wait = Annotated[
    float,
    Query(
        ge=0,
        le=LONGEST_WAIT_SECONDS,
        allow_inf_nan=False,
        description="Answer when the job is done, or after so many seconds.",
    ),
]


def check_id(given: str, prefix: Prefix) -> str:
    """The id. Raises ProblemError(not_found) where it can be none."""
    if not is_id(given, prefix):
        raise not_found(_NOUNS[prefix], given)
    return given


_NOUNS: dict[Prefix, str] = {
    "job": "job", "bat": "batch", "blk": "bulk action", "whe": "webhook endpoint", "whd": "webhook delivery",
}  # fmt: skip


def not_found(what: str, given: str) -> ProblemError:
    """There is none for whoever asks."""
    return ProblemError(ProblemCode.NOT_FOUND, f"there is no {what} {given[:100]!r}")


async def _digest(request: Request) -> str:
    """Of the body, which the framework has read already."""
    return hashlib.sha256(await request.body()).hexdigest()


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same body makes nothing a second time, for seven days.",
    ),
]
Digest = Annotated[str, Depends(_digest)]


def read_key(given: str | None) -> str | None:
    """The idempotency key, without quotes. Raises ProblemError(malformed)."""
    if given is None:
        return None
    found = _KEY.fullmatch(given)
    if found is None:
        raise ProblemError(ProblemCode.MALFORMED, "Idempotency-Key must be 1 to 200 visible ASCII characters")
    return found[1]


def once(request: Request, caller: Caller, key: str | None, digest: str) -> OnceRequest | None:
    """What may be asked only once, if a key was given. Raises ProblemError(malformed)."""
    read = read_key(key)
    if read is None:
        return None
    path = f"{request.method} {request.url.path}"[:200]
    return OnceRequest(owner=caller.owner, request=path, key=read, fingerprint=digest)


LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=100, description="The id of the last event that was seen.")
]
