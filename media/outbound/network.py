"""Connections to checked addresses, and to no others.

A name is looked up once, each of its addresses is checked, and one of those is connected to: whatever the name
server says a moment later (DNS rebinding) is never asked. The request, the certificate and its name stay those of the host.
"""

import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore2

from media.outbound.errors import unreachable
from media.outbound.patience import Patience
from media.outbound.rules import Rules

MOST_ADDRESSES = 8
"""Addresses of one name that are tried, at most."""

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host, in the order in which they are tried. Raises OSError."""


def system_addresses(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedNetwork(httpcore2.NetworkBackend):
    """What one request connects through."""

    def __init__(self, *, rules: Rules, owner: str, resolve: Resolve, patience: Patience) -> None:
        self._rules = rules
        self._owner = owner
        self._resolve = resolve
        self._patience = patience
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the patience of the request knows better
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first of the host's addresses that answers. Raises OutboundError, httpcore2's errors."""
        addresses = self._checked_addresses(host, port)
        for position, address in enumerate(addresses):
            wait = self._patience.next_wait() / (len(addresses) - position)  # the last ones need time too
            try:
                stream = self._sockets.connect_tcp(address, port, wait, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if position == len(addresses) - 1:
                    raise
            else:
                return _TimedStream(stream, self._patience)
        raise unreachable("has no address; check its name")

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Never: what is asked is on a network."""
        raise NotImplementedError

    def _checked_addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise unreachable("has a host whose address could not be found; check its name") from error
        self._rules.check_addresses(host, port, addresses, self._owner)
        return addresses[:MOST_ADDRESSES]


class _TimedStream(httpcore2.NetworkStream):
    """A connection on which each wait is as long as the request's patience, whatever was asked for."""

    def __init__(self, stream: httpcore2.NetworkStream, patience: Patience) -> None:
        self._stream = stream
        self._patience = patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._patience.next_wait())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._patience.next_wait())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._patience.next_wait())
        return _TimedStream(secured, self._patience)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
