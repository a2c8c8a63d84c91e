"""What may be connected to: schemes, ports and public addresses, and what an operator allows beyond them.

Addresses that are not public (loopback, private, link-local, shared, multicast, reserved, and IPv6 forms that carry
an IPv4 address within) lead into the operator's own network. They are refused unless an allowance names the host or its
network. Addresses at which clouds hand out credentials are refused always.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from media.outbound.errors import OutboundError, not_allowed
from media.outbound.target import Target, read_host

DEFAULT_PORTS = "80,443,8080,8443"

_METADATA = frozenset(
    map(
        ip_address,
        ("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
         "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)  # fmt: skip
"""Amazon (machines, containers, pods), Google, Alibaba, Azure (a public address, answered by the machine's host), Oracle."""

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            # What the versions of Python's `is_global` do not agree on, or see otherwise.
            "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
            # IPv6 addresses with an IPv4 address within: mapped and compatible, NAT64, Teredo, 6to4.
            "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16",
            "fec0::/10", "ff00::/8",
        ),
    )
)  # fmt: skip
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?")
"""An IPv6 address or network, with a port where that is meant."""
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_LOOPBACK = ip_address("127.0.0.1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """A host or network that may be reached although it is private."""

    owner: str | None
    """For jobs of this owner; None for all."""
    host: str = ""
    """A name; with a dot in front, every name below it. Empty where a network is allowed."""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None
    """This port alone, whichever it is; None for the usual ones."""

    def covers(self, host: str, address: IPv4Address | IPv6Address) -> bool:
        """Does it name the host, or its address?"""
        return self.host_matches(host) if self.network is None else address in self.network

    def host_matches(self, host: str) -> bool:
        """Does it name the host?"""
        return host == self.host or (self.host.startswith(".") and host.endswith(self.host))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What one process may connect to."""

    ports: frozenset[int]
    allowances: tuple[Allowance, ...] = ()

    def check(self, target: Target, owner: str) -> None:
        """Refuse what can be seen to be wrong without looking the name up. Raises OutboundError(NOT_ALLOWED)."""
        if target.port not in self.ports and all(known.port != target.port for known in self._of(owner)):
            raise not_allowed(
                f"names port {target.port}, which is not asked; MEDIASCRIBE_OUTBOUND_PORTS lists those that are"
            )
        address = _literal(target.host)
        if address is not None:
            self._check_address(target.host, target.port, address, owner)

    def check_addresses(self, host: str, port: int, addresses: Sequence[str], owner: str) -> None:
        """Refuse a name as soon as one of its addresses is not allowed. Raises OutboundError(NOT_ALLOWED)."""
        for text in addresses:
            try:
                address = ip_address(text)
            except ValueError as error:
                raise not_allowed("leads to what is no address") from error
            self._check_address(host, port, address, owner)

    def vouches_for(self, target: Target, owner: str) -> bool:
        """Does an allowance name the host itself, or the address that it is?"""
        address = _literal(target.host)
        return any(
            known.host_matches(target.host)
            if known.network is None
            else address is not None and address in known.network
            for known in self._of(owner)
        )

    def _check_address(self, host: str, port: int, address: IPv4Address | IPv6Address, owner: str) -> None:
        if address not in _METADATA:
            if port in self.ports and is_public(address):
                return
            for known in self._of(owner):
                if (port in self.ports if known.port is None else port == known.port) and known.covers(host, address):
                    return
        raise not_allowed(
            "leads into a network that is not asked; where that is wanted, MEDIASCRIBE_ALLOWED_HOSTS allows it"
        )

    def _of(self, owner: str) -> Iterable[Allowance]:
        return (known for known in self.allowances if known.owner in (None, owner))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """May anybody on the Internet have this address?"""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


@lru_cache(maxsize=16)
def read_rules(ports: str, allowed_hosts: str) -> Rules:
    """The rules as the settings write them. Raises ValueError in words that name the mistake."""
    return Rules(ports=read_ports(ports), allowances=read_allowances(allowed_hosts))


def read_ports(text: str) -> frozenset[int]:
    """Numbers with commas between. Raises ValueError."""
    ports = frozenset(_port(entry) for entry in text.split(",") if entry.strip())
    if not ports:
        raise ValueError("must name at least one port, such as 80,443")
    return ports


def read_allowances(text: str) -> tuple[Allowance, ...]:
    """Entries `[owner=]host-or-network[:port]` with commas between. Raises ValueError."""
    return tuple(_allowance(entry.strip()) for entry in text.split(",") if entry.strip())


def _allowance(entry: str) -> Allowance:
    owner, has_owner, place = entry.rpartition("=")
    host, port = _split_port(place.strip())
    if has_owner and not owner.strip():
        raise ValueError(f"{entry!r} names no owner before the =")
    known = Allowance(owner=owner.strip() if has_owner else None, port=None if port is None else _port(port))
    with suppress(ValueError):
        return replace(known, network=ip_network(host))
    below = host.startswith(("*.", "."))
    try:
        name = read_host(host.removeprefix("*").removeprefix(".") if below else host)
    except OutboundError as error:
        raise ValueError(f"{entry!r} is no host and no network (its last bits must be 0)") from error
    return replace(known, host=f".{name}" if below else name)


def _split_port(place: str) -> tuple[str, str | None]:
    bracketed = _BRACKETED.fullmatch(place)
    if bracketed is not None:
        return bracketed[1], bracketed[2]
    if place.count(":") == 1:
        host, _, port = place.partition(":")
        return host, port
    return place, None


def _port(text: str) -> int:
    if not text.strip().isdecimal() or not 0 < int(text) < 65_536:
        raise ValueError(f"{text.strip()!r} is no port; a port is a number from 1 to 65535")
    return int(text)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that the host is, if it needs no looking up."""
    if host == "localhost" or host.endswith(".localhost"):
        return _LOOPBACK
    try:
        return ip_address(host)
    except ValueError:
        return None
