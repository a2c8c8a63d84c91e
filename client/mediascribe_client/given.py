"""What is told to the server, as types."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

Kind = Literal["caption", "transcribe"]
ServiceTier = Literal["standard", "flex", "economy"]
JobState = Literal["queued", "waiting", "running", "succeeded", "partial", "failed", "cancelled"]
TextFormat = Literal["txt", "srt", "vtt"]
BulkVerb = Literal["cancel", "retry"]
EventType = Literal["batch.finished", "job.finished"]
DeliveryState = Literal["pending", "delivered", "failed", "cancelled"]


class JobFields(TypedDict, total=False):
    """What may be said about a job beside its kind and source."""

    options: Mapping[str, Any]
    """Of the kind: language, prompt and so on."""
    model: str
    service_tier: ServiceTier
    client_ref: str
    """Yours: comes back with the job."""
    metadata: Mapping[str, Any]
    """Yours, too."""
    priority: int
    """Higher goes first."""
    reuse: bool
    """May a stored answer to the same question about the same bytes be used? Yes, unless told otherwise."""


class NewJob(JobFields):
    """An item of a batch."""

    kind: Required[Kind]
    source: Required[str]
    """Where the workers find the media item: a path or an address."""


class JobFilters(TypedDict, total=False):
    """Which jobs to list; all that are given must match."""

    state: JobState
    kind: Kind
    batch: str
    """By id or name."""
    error: str
    """A failure code."""
    since: datetime
    search: str
    """In source or client_ref."""


class BulkFilter(JobFilters, total=False):
    """Which jobs a bulk action is for; at least one part."""

    until: datetime


class DeliveryFilters(TypedDict, total=False):
    """Which webhook deliveries to list; all that are given must match."""

    endpoint: str
    state: DeliveryState
