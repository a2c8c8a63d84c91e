"""A bare server behind a proxy, with a client that is connected to it: for tests that look at single bytes and resets."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.services.process import LOOPBACK, free_port
from tests.services.proxy import Proxy, proxy

SOCKET_SECONDS = 10.0
MOMENT_SECONDS = 0.2
"""How long a test watches that something does not come."""


@dataclass(frozen=True, kw_only=True)
class Bare:
    """A server that accepts what it is asked to, the way to it, a client, and what the server has of that client."""

    server: socket.socket
    way: Proxy
    client: socket.socket
    peer: socket.socket

    def dial(self) -> socket.socket:
        """A client that the server has not accepted."""
        return socket.create_connection((LOOPBACK, self.way.port), timeout=SOCKET_SECONDS)

    def accept(self) -> socket.socket:
        """What the server has of the next client."""
        peer, _ = self.server.accept()
        peer.settimeout(SOCKET_SECONDS)
        return peer

    @contextmanager
    def another(self) -> Iterator[tuple[socket.socket, socket.socket]]:
        """A further client, and what the server has of it."""
        with self.dial() as client, self.accept() as peer:
            yield client, peer


@contextmanager
def bare_sockets() -> Iterator[Bare]:
    """A server, a way to it and a client on it, for as long as the block lasts."""
    with socket.create_server((LOOPBACK, free_port())) as server, proxy(server.getsockname()[1]) as way:
        server.settimeout(SOCKET_SECONDS)
        with socket.create_connection((LOOPBACK, way.port), timeout=SOCKET_SECONDS) as client:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(SOCKET_SECONDS)
                yield Bare(server=server, way=way, client=client, peer=peer)


def read(receiver: socket.socket, count: int) -> bytes:
    """So many bytes; fails when they do not come, or the end comes before."""
    text = b""
    while len(text) < count:
        part = receiver.recv(count - len(text))
        assert part, f"closed after {len(text)} of {count} bytes"
        text += part
    return text


def passes(sender: socket.socket, receiver: socket.socket, text: bytes = b"photo") -> bool:
    """Does what one end sends arrive at the other?"""
    sender.sendall(text)
    return read(receiver, len(text)) == text


def hears_nothing(receiver: socket.socket) -> bool:
    """Does no byte, no close and no reset come for a moment?"""
    receiver.settimeout(MOMENT_SECONDS)
    try:
        receiver.recv(1)
    except TimeoutError:
        return True
    finally:
        receiver.settimeout(SOCKET_SECONDS)
    return False


def is_reset(end: socket.socket) -> bool:
    """Is a reset, and neither a byte nor a close, the next that this end sees?"""
    try:
        end.recv(1)
    except ConnectionResetError:
        return True
    return False


def reset(end: socket.socket) -> None:
    """Close it with a reset."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
