"""The guarded HTTP client: one request at a time, and nothing remembered between two.

It connects to checked addresses only (`media.outbound.network`), follows redirects itself and checks each of their
targets, holds to its time and to the number of bytes, and sends credentials of a URL to the origin they were given for.
No cookies, no proxy, no kept connection: what one owner may reach, another one's request cannot find open. Plain code
that waits, for a thread; httpcore2 (the engine of httpx2) speaks HTTP below.
"""

import base64
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property

import httpcore2
import httpx2

from media.outbound.body import bounded, too_large, unpacked
from media.outbound.errors import OutboundError, Reason, not_allowed, unreachable
from media.outbound.network import GuardedNetwork, Resolve, system_addresses
from media.outbound.patience import Patience
from media.outbound.rules import Rules
from media.outbound.target import Target, parse_target

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BROKEN = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What is asked."""

    url: str = field(repr=False)
    owner: str
    """Whose allowances hold."""
    max_bytes: int
    """Of the answer's body, unpacked."""
    patience: Patience
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    max_redirects: int = MOST_REDIRECTS
    """0: an answer that redirects is the answer."""


class Answer:
    """What came back; its body is read as long as the `with` lasts."""

    def __init__(self, response: httpcore2.Response, max_bytes: int) -> None:
        self.status = response.status
        self.headers = httpx2.Headers(response.headers)
        self._response = response
        self._max_bytes = max_bytes

    @property
    def size_bytes(self) -> int | None:
        """As the server says, if it does; None where the body is packed."""
        said = self.headers.get("content-length", "")
        return int(said) if said.isdecimal() and len(said) < 20 and not self.headers.get("content-encoding") else None

    @property
    def retry_after_seconds(self) -> float | None:
        """How long the server asks us to wait, if it does in a way that can be read (RFC 9110, 10.2.3)."""
        said = self.headers.get("retry-after", "")
        try:
            seconds = (
                float(said) if said.isdecimal() else (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
            )
        except (ValueError, TypeError, OverflowError):  # no date; one without a time zone; one beyond all clocks
            return None
        return max(seconds, 0.0)

    def blocks(self) -> Iterator[bytes]:
        """The body. Raises OutboundError: too large, packed in an unknown way, broken off, too slow."""
        if self.size_bytes is not None and self.size_bytes > self._max_bytes:
            raise too_large(self.size_bytes, self._max_bytes)
        raw = self._response.iter_stream()
        yield from bounded(unpacked(raw, self.headers.get("content-encoding", "")), self._max_bytes)

    def head(self, max_bytes: int) -> bytes:
        """The first bytes of the body, to look for words in it; empty where it cannot be read."""
        head = b""
        try:
            for block in unpacked(self._response.iter_stream(), self.headers.get("content-encoding", "")):
                head += block
                if len(head) >= max_bytes:
                    break
        except (OutboundError, *_BROKEN):
            pass
        return head[:max_bytes]


class OutboundClient:
    """Sends requests to addresses that others have named. Any thread may use it."""

    def __init__(self, *, rules: Rules, resolve: Resolve = system_addresses, user_agent: str = "mediascribe") -> None:
        self._rules = rules
        self._resolve = resolve
        self._user_agent = user_agent

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        """Read once, where they are needed first, as that takes tens of milliseconds."""
        return httpx2.create_ssl_context()

    @contextmanager
    def sent(self, call: Call) -> Iterator[Answer]:
        """The answer to the call, whatever its status. Raises OutboundError, also from within the `with`."""
        network = GuardedNetwork(
            rules=self._rules, owner=call.owner, resolve=self._resolve, patience=call.patience
        )  # fmt: skip
        try:
            with httpcore2.ConnectionPool(
                ssl_context=self._certificates, max_connections=1, network_backend=network
            ) as pool, closing(self._final(pool, call)) as response:  # fmt: skip
                yield Answer(response, call.max_bytes)
        except _BROKEN as error:
            call.patience.check()
            raise _broken(error, call.patience) from error

    def _final(self, pool: httpcore2.ConnectionPool, call: Call) -> httpcore2.Response:
        """The answer that redirects no further."""
        target = parse_target(call.url)
        for hop in range(call.max_redirects + 1):
            self._rules.check(target, call.owner)
            response = pool.handle_request(self._request(call, target))
            location = _location(response) if call.max_redirects else None
            if location is None:
                return response
            response.close()
            call.patience.check()
            if hop < call.max_redirects:
                target = target.joined(location)
        raise OutboundError(Reason.ENDLESS, f"redirects more than {call.max_redirects} times; name its last address")

    def _request(self, call: Call, target: Target) -> httpcore2.Request:
        headers: list[tuple[bytes | str, bytes | str]] = [
            ("Host", target.authority),
            ("User-Agent", self._user_agent),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            *call.headers.items(),
        ]
        if target.user or target.password:
            credentials = base64.b64encode(target.user + b":" + target.password)
            headers.append(("Authorization", b"Basic " + credentials))
        if call.content:
            headers.append(("Content-Length", str(len(call.content))))
        url = httpcore2.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.request_target.encode(),
        )
        return httpcore2.Request(call.method, url, headers=headers, content=call.content)


def _location(response: httpcore2.Response) -> str | None:
    """Where the answer redirects to, if it does."""
    if response.status not in _REDIRECTS:
        return None
    location = httpx2.Headers(response.headers).get("location")
    if location is not None and len(location) > 8_192:
        raise not_allowed("redirects to an address that is too long")
    return location


def _broken(error: Exception, patience: Patience) -> OutboundError:
    if isinstance(error, httpcore2.TimeoutException):
        return unreachable(f"did not answer for {patience.idle_seconds:g} seconds; check its server")
    if isinstance(error, httpcore2.ProtocolError):
        return unreachable("sent a broken answer, or broke it off; try again")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return unreachable(
            "has a certificate that cannot be verified; check the name, or the certificate of its server"
        )
    return unreachable("could not be reached; check its server and the way to it")
