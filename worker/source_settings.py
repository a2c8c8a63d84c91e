"""The settings that say what sources may name and where uploads are kept: how they are written, and what they come to."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from media.outbound.rules import read_allowances, read_ports, read_rules
from media.places import read_bucket_rules
from media.source_rules import SourceRules
from media.storage.base import Storage
from media.storage.opening import open_storage, read_storage_url

if TYPE_CHECKING:
    from worker.settings import Settings


def _read_by(read: Callable[[str], object]) -> AfterValidator:
    """A check that the text can be read; it stays a text."""

    def check(text: str) -> str:
        read(text)
        return text

    return AfterValidator(check)


Ports = Annotated[str, _read_by(read_ports)]
AllowedHosts = Annotated[str, _read_by(read_allowances)]
AllowedBuckets = Annotated[str, _read_by(read_bucket_rules)]
StorageUrl = Annotated[str, _read_by(lambda text: text and read_storage_url(text))]


def source_rules(settings: "Settings") -> SourceRules:
    """What sources may name under these settings."""
    return SourceRules(
        outbound=read_rules(settings.outbound_ports, settings.allowed_hosts),
        buckets=read_bucket_rules(settings.allowed_buckets),
    )


def make_storage(settings: "Settings") -> Storage:
    """Where uploads are kept under these settings."""
    return open_storage(
        settings.resolved_storage_url(), total_seconds=settings.api_upload_timeout_seconds,
        idle_seconds=settings.source_idle_seconds,
    )  # fmt: skip
