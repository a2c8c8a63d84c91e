"""What an exception of the transport, of Google's credentials or of the request itself means, in one table.

Where Gemini cannot even be reached, nothing was sent and nothing paid, and every other call would end alike: the lane waits
and no job spends a try. Where a connection breaks later, the call may have been paid for, and counts.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from gemini.attached import AttachmentError
from gemini.failures import TRY_LATER
from gemini.redaction import one_line
from models.failures import Failure, FailureCode, Nature, failure

UNREACHABLE_SECONDS = 5.0
"""After so long an address that nobody answered at is tried again."""


def failure_of_exception(error: Exception, *, model: str, secrets: Iterable[str] = ()) -> Failure:
    """The failure that an exception means: of the transport, of Google's credentials, or of the request itself."""
    meaning = next(row for row in _exceptions() if isinstance(error, row.types))
    said = one_line(str(error), secrets) or "no details"
    return failure(
        meaning.code,
        f"Asking {model}: {meaning.words} ({type(error).__name__}: {said}). {meaning.advice}",
        nature=meaning.nature,
        retry_after_seconds=meaning.retry_after_seconds,
        pauses_lane=meaning.pauses_lane,
        exception=type(error).__name__,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ExceptionRule:
    """One row of the table of exceptions."""

    types: tuple[type[Exception], ...]
    code: FailureCode
    words: str
    advice: str = TRY_LATER
    pauses_lane: bool = False
    nature: Nature | None = None
    """Another one than the code usually has."""
    retry_after_seconds: float | None = None


@cache
def _exceptions() -> tuple[ExceptionRule, ...]:
    """The table of exceptions; the first row that fits decides, the last fits all."""
    # Late, because these libraries take a second to import and only a process that calls has them loaded.
    import aiohttp
    import httpx2
    from google.auth import exceptions as google_auth

    from gemini.transport import AddressError

    # httpx2 is below `gemini.rest`, aiohttp below `gemini.client`.
    late = (TimeoutError, httpx2.TimeoutException)
    unsendable = (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError, AddressError)
    by_aiohttp = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
    unreachable = (httpx2.ConnectError, httpx2.ConnectTimeout, *by_aiohttp, google_auth.TransportError)
    lost = (httpx2.HTTPError, aiohttp.ClientError, OSError)
    garbled = (json.JSONDecodeError, UnicodeDecodeError)
    unavailable = FailureCode.GEMINI_UNAVAILABLE
    return (
        _nobody_there(unreachable),
        ExceptionRule(types=late, code=FailureCode.GEMINI_TIMEOUT, words="no answer came in time"),
        _unusable(unsendable),
        ExceptionRule(types=lost, code=unavailable, words="the connection failed"),
        _without_credentials((google_auth.GoogleAuthError,)),
        ExceptionRule(types=garbled, code=unavailable, words="the answer is not JSON"),
        ExceptionRule(
            types=(ValueError,),
            code=FailureCode.GEMINI_REJECTED,
            words="the request cannot be built",
            advice="Check the model's name and the options.",
        ),
        ExceptionRule(
            types=(AttachmentError,), code=FailureCode.INTERNAL, words="the prepared file could not be sent whole"
        ),
        ExceptionRule(types=(Exception,), code=FailureCode.INTERNAL, words="something unforeseen happened"),
    )


def _nobody_there(types: tuple[type[Exception], ...]) -> ExceptionRule:
    return ExceptionRule(
        types=types,
        code=FailureCode.GEMINI_UNAVAILABLE,
        words="nobody is reached there",
        advice="Look at the network and GOOGLE_GEMINI_BASE_URL. The lane tries again by itself, and no try is spent.",
        nature=Nature.THROTTLED,
        retry_after_seconds=UNREACHABLE_SECONDS,
    )


def _unusable(types: tuple[type[Exception], ...]) -> ExceptionRule:
    return ExceptionRule(
        types=types,
        code=FailureCode.GEMINI_AUTH,
        words="the key or the address is unusable",
        advice="Correct GEMINI_API_KEY, GOOGLE_GEMINI_BASE_URL or the proxy (HTTPS_PROXY). The lane tries again by itself.",
        pauses_lane=True,
    )


def _without_credentials(types: tuple[type[Exception], ...]) -> ExceptionRule:
    return ExceptionRule(
        types=types,
        code=FailureCode.GEMINI_AUTH,
        words="Google's credentials were not found or not accepted",
        advice="Run `gcloud auth application-default login` or set GEMINI_API_KEY. The lane tries again by itself.",
        pauses_lane=True,
    )
