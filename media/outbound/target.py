"""From a URL of somebody else to what is connected to and sent.

One parser, and a strict one: scheme, host, port and target are passed on in parts, so that no second parser can find
another host in the same text. A host is a plain name or an address in its usual form; the many other ways to write an
address (decimal, octal, hexadecimal, shortened) are refused, as nobody who means well writes them.
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from media.outbound.errors import not_allowed

LONGEST_URL = 8_192
"""Characters; signed URLs of object stores have up to two thousand."""
PORTS = {"http": 80, "https": 443}

_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\\]")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_AS_WRITTEN = "!#$%&'()*+,/:;=?@[]~"
"""Characters of path and query that stay as they are; what is percent-encoded stays so too."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\\]*)([^?#]*)")
_PLAIN_AUTHORITY = re.compile(r"[\w.-]*(?::\d*)?|\[[0-9A-Fa-f:.]*\](?::\d*)?")
_LONGEST_SHOWN = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a request goes."""

    scheme: str
    host: str
    """A name in lower-case ASCII without the last dot, or an address; IPv6 without brackets."""
    port: int
    path: str
    query: str = field(repr=False)
    user: bytes = field(default=b"", repr=False)
    password: bytes = field(default=b"", repr=False)

    @property
    def authority(self) -> str:
        """Host and, unless it is the usual one, port: what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def request_target(self) -> str:
        """Path and query, as they are sent."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def origin(self) -> tuple[str, str, int]:
        """To which credentials belong."""
        return self.scheme, self.host, self.port

    def joined(self, location: str) -> "Target":
        """Where a redirect leads. Credentials go along to the same origin only. Raises OutboundError."""
        try:
            url = urljoin(f"{self.scheme}://{self.authority}{self.request_target}", location)
        except ValueError as error:
            raise not_allowed("redirects to what is no address") from error
        target = parse_target(url)
        if target.origin != self.origin or target.user:
            return target
        return Target(
            scheme=target.scheme, host=target.host, port=target.port, path=target.path, query=target.query,
            user=self.user, password=self.password,
        )  # fmt: skip


def parse_target(url: str) -> Target:
    """The parts of an http or https URL. Raises OutboundError(NOT_ALLOWED) saying what is wrong with it."""
    if len(url) > LONGEST_URL:
        raise not_allowed(f"is longer than {LONGEST_URL} characters; use a shorter address")
    if _UNWRITABLE.search(url):
        raise not_allowed("has control characters or backslashes; write it as a plain address")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
        path, query = (quote(part, safe=_AS_WRITTEN) for part in (parts.path or "/", parts.query))
        user, password = unquote_to_bytes(parts.username or ""), unquote_to_bytes(parts.password or "")
    except ValueError as error:  # UnicodeError too
        raise not_allowed("is no address that can be asked; check it") from error
    if parts.scheme not in PORTS:
        raise not_allowed(f"begins with {parts.scheme}, and only http and https are asked")
    if port == 0:
        raise not_allowed("names port 0; use another one")
    return Target(
        scheme=parts.scheme, host=read_host(host), port=port or PORTS[parts.scheme], path=path, query=query,
        user=user, password=password,
    )  # fmt: skip


def read_host(given: str) -> str:
    """A host as it is looked up and compared. Raises OutboundError(NOT_ALLOWED)."""
    name = given.lower().removesuffix(".")
    try:
        if ":" in name:
            if "%" in name:
                raise not_allowed("names an address with a zone; use one without")
            return str(IPv6Address(name))
        if not name.isascii():
            import idna

            name = idna.encode(name, uts46=True).decode().lower()
        if _NUMBER.fullmatch(name.rpartition(".")[2]):
            return str(IPv4Address(name))  # which knows no other form than four decimal numbers
    except ValueError as error:  # IDNAError too
        raise not_allowed("names a host that is no name and no plain address; write it in the usual form") from error
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise not_allowed("names no host that can be; check the address")
    return name


def redacted(source: str) -> str:
    """The source as it may be shown and logged: of a URL without user, password, query and fragment.

    Never raises; what is no URL is shown as it is.
    """
    parts = _URL.match(source)
    if parts is None:
        return source
    scheme, authority, path = parts.groups()
    host = authority.rpartition("@")[2]
    if "@" in path and not _PLAIN_AUTHORITY.fullmatch(host):  # a password with a slash in it
        host, path = "…", "/…"
    text = _UNWRITABLE.sub("?", f"{scheme}://{host}{path}")
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
