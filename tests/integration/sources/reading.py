"""Reading sources from a web server of the test's own."""

import threading
from pathlib import Path

import pytest

from media.outbound.client import OutboundClient
from media.outbound.network import Resolve, system_addresses
from media.outbound.rules import read_rules
from media.places import read_bucket_rules
from media.source import LocalFile
from media.sources import SourceLimits, Sources, Wanted
from media.stores import ObjectStores
from models.failures import Failure, FailureError
from tests.integration.sources.lies import MAX_BYTES
from tests.services.process import LOOPBACK
from tests.services.web import Web


def sources(
    server: Web,
    *,
    allowed: str | None = None,
    resolve: Resolve = system_addresses,
    seconds: float = 5.0,
    idle: float = 2.0,
) -> Sources:
    """What reads sources, by default with the loopback allowed on the server's port."""
    rules = read_rules("80,443", f"{LOOPBACK}:{server.port}" if allowed is None else allowed)
    return Sources(
        client=OutboundClient(rules=rules, resolve=resolve),
        stores=ObjectStores(rules=read_bucket_rules("")),
        limits=SourceLimits(max_bytes=MAX_BYTES, total_seconds=seconds, idle_seconds=idle),
    )


def opened(reader: Sources, source: str, folder: Path, *, owner: str = "default") -> LocalFile:
    return reader.open(Wanted(source=source, owner=owner, folder=folder, stop=threading.Event()))


def failed(reader: Sources, source: str, folder: Path, **how: str) -> Failure:
    with pytest.raises(FailureError) as caught:
        opened(reader, source, folder, **how)
    return caught.value.failure
