"""The plain way to Gemini's Files API and Batch API: one request, and what it says as JSON, or a failure.

Not by google-genai: its models refuse fields that they do not know, reading one batch with a strange row raises, what
went wrong with a batch is thrown away, and an upload that breaks begins anew. Here what Gemini sends is read tolerantly,
as plain values (decision 20).

Synchronous, for plain threads; several may share one. One request is sent once; every wait has an end. What goes wrong
is raised as `FailureError`, by the same tables as for a call, what is not there any more as `GoneError`.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gemini.client import GOOGLE_URL
from gemini.connection import Connection
from gemini.exceptions import failure_of_exception
from gemini.failures import failure_of_error, failure_of_text
from gemini.reply import ErrorReply, Json, parse_json, read_error
from gemini.text import storable
from models.failures import Failure, FailureCode, FailureError, failure

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 60.0
"""So long may no byte come or go."""
REPLY_SECONDS = 120.0
"""So long may a JSON reply take, from its request on."""
MAX_REPLY_BYTES = 16 * 1024 * 1024
_MAX_ERROR_BYTES = 64 * 1024
_MAX_DIGITS = 12
_MOST = 10**_MAX_DIGITS


class GoneError(FailureError):
    """What was asked for is not there any more, or is not ours: a file, a batch, an upload."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestReply:
    """HTTP 200."""

    body: Json
    headers: Mapping[str, str]
    """Looked up in any case."""


class Rest:
    """A connection to the two APIs. Close it with `close`."""

    def __init__(self, connection: Connection) -> None:
        """Opens nothing yet.

        Raises:
            FailureError: `invalid_options` with Vertex, whose batches are others and are not offered.

        """
        if connection.vertexai:
            words = "Batches are not offered with Vertex AI; choose the tier standard or flex, or use a GEMINI_API_KEY"
            raise FailureError(failure(FailureCode.INVALID_OPTIONS, words, field="service_tier"))
        import httpx2

        from gemini.transport import plain_client

        base_url = (connection.base_url or GOOGLE_URL).rstrip("/")
        self._address = f"{base_url}/{connection.api_version}"
        self._upload_address = f"{base_url}/upload/{connection.api_version}"
        self._scheme = urlsplit(base_url).scheme
        key = connection.api_key.get_secret_value() if connection.api_key else ""
        self._key = {"x-goog-api-key": key}
        self._secrets = (key,) if key else ()
        timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        self._http = plain_client(base_url=base_url, timeout=timeout)

    def close(self) -> None:
        """Closes every connection."""
        self._http.close()

    def ask(
        self, method: str, path: str, *, what: str, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> Json:
        """What `/{version}/{path}` says; `what` names in a failure what was asked for."""
        with self.open(method, f"{self._address}/{path}", what=what, body=body, query=query) as response:
            return self._read(response, what=what).body

    def start_upload(self, headers: Mapping[str, str], *, body: Json, what: str) -> RestReply:
        """The reply to the beginning of an upload."""
        address = f"{self._upload_address}/files"
        with self.open("POST", address, what=what, body=body, headers=headers) as response:
            return self._read(response, what=what)

    def send_piece(self, address: str, headers: Mapping[str, str], content: bytes, *, what: str) -> RestReply:
        """The reply to a piece of a file; the address came from Gemini, and is given no key."""
        if urlsplit(address).scheme not in {"https", self._scheme}:
            raise FailureError(failure_of_text("an address that is not safe", model=what, secrets=self._secrets))
        with self.open("POST", address, what=what, content=content, headers=headers, has_key=False) as response:
            return self._read(response, what=what)

    def download(self, path: str, *, what: str) -> AbstractContextManager["httpx2.Response"]:
        """The response whose body is the bytes of `/{version}/{path}`."""
        return self.open("GET", f"{self._address}/{path}", what=what, query={"alt": "media"})

    @contextmanager
    def open(
        self,
        method: str,
        address: str,
        *,
        what: str,
        body: Json | None = None,
        content: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        has_key: bool = True,
    ) -> Iterator["httpx2.Response"]:
        """A response with HTTP 200 whose body is still to be read. Whatever fails inside is a failure of this request."""
        sent = {**(self._key if has_key else {}), **(headers or {})}
        try:
            with self._http.stream(method, address, params=query, json=body, content=content, headers=sent) as response:
                self._check(response, what)
                yield response
        except FailureError:
            raise
        except Exception as error:
            raise FailureError(failure_of_exception(error, model=what, secrets=self._secrets)) from error

    def _read(self, response: "httpx2.Response", *, what: str) -> RestReply:
        text = b"".join(blocks(response, most_bytes=MAX_REPLY_BYTES, seconds=REPLY_SECONDS, what=what))
        body = parse_json(text)
        if not isinstance(body, Mapping):
            page = text[:_MAX_ERROR_BYTES].decode("utf-8", "replace")
            raise FailureError(failure_of_text(page, model=what, secrets=self._secrets))
        return RestReply(body=body, headers=response.headers)

    def _check(self, response: "httpx2.Response", what: str) -> None:
        """Raises FailureError for anything but HTTP 200."""
        if response.status_code == HTTPStatus.OK:
            return
        error = read_error(response.status_code, _beginning(response), response.headers)
        if _is_gone(error):
            raise GoneError(_gone(error, what))
        raise FailureError(failure_of_error(error, model=what, now=datetime.now(UTC), secrets=self._secrets))


def blocks(response: "httpx2.Response", *, most_bytes: int, seconds: float, what: str) -> Iterator[bytes]:
    """The body as it comes.

    Raises:
        FailureError: it is longer than that.
        TimeoutError: it takes longer than that.

    """
    ends, size = time.monotonic() + seconds, 0
    for block in response.iter_bytes():
        size += len(block)
        if size > most_bytes:
            words = f"What came back for {what} is larger than {most_bytes} bytes."
            raise FailureError(failure(FailureCode.GEMINI_INVALID_OUTPUT, words))
        if time.monotonic() > ends:
            raise TimeoutError(f"not over after {seconds:.0f} s")
        yield block


def _beginning(response: "httpx2.Response") -> bytes:
    """The body of an error, or as much of it as comes soon."""
    ends, text = time.monotonic() + SILENCE_SECONDS, b""
    for block in response.iter_bytes():
        text += block
        if len(text) > _MAX_ERROR_BYTES or time.monotonic() > ends:
            break
    return text


def _is_gone(error: ErrorReply) -> bool:
    """Google says 403 of a file that expired, as of one that is another's. A model that is not there is another matter."""
    if error.http_status == HTTPStatus.FORBIDDEN:
        return "may not exist" in error.message
    return error.http_status == HTTPStatus.NOT_FOUND and error.readable and "models/" not in error.message


def _gone(error: ErrorReply, what: str) -> Failure:
    words = f"Asking for {what}: it, or a file that it names, is not there any more, or belongs to another key."
    return failure(FailureCode.GEMINI_UNAVAILABLE, words, http_status=error.http_status)


def at(value: object, *names: str) -> object:
    """What stands under these names, one inside the other; None where it is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def text_at(value: object, *names: str) -> str:
    """The text there; empty where there is none."""
    found = at(value, *names)
    return storable(found) if isinstance(found, str) else ""


def count_at(value: object, *names: str) -> int:
    """The count there, a number or (int64 in proto-JSON) a text; 0 where there is none."""
    found = at(value, *names)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= _MAX_DIGITS:
        return int(found)
    return min(max(0, found), _MOST) if isinstance(found, int) and not isinstance(found, bool) else 0


def time_at(value: object, *names: str) -> datetime | None:
    """The time there (RFC 3339); None where there is none."""
    try:
        found = datetime.fromisoformat(text_at(value, *names))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def listed(rest: Rest, path: str, under: str, *, what: str, page_size: int) -> Iterator[Json]:
    """Every object of a list, page after page."""
    query, seen = {"pageSize": str(page_size)}, set[str]()
    while True:
        page = rest.ask("GET", path, what=what, query=query)
        items = page.get(under)
        yield from (item for item in (items if isinstance(items, list) else ()) if isinstance(item, Mapping))
        token = text_at(page, "nextPageToken")
        if not token or token in seen:
            return
        seen.add(token)
        query["pageToken"] = token
