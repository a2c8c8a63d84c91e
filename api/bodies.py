"""What the API reads: every body is checked by one of these models."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from models.bulk_action import BulkVerb
from models.failures import FailureCode
from models.state import JobState
from models.tier import ServiceTier
from models.webhook import CHOSEN_TYPES, EventType
from tasks.registry import KINDS
from worker.submit import LONGEST_TEXT, PRIORITIES, Item
from worker.webhooks.addresses import LONGEST_URL


def storable(text: str) -> str:
    """Refuse what no database stores."""
    if "\0" in text:
        raise ValueError("contains a NUL character")
    return text


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(storable)]
KindName = Literal["caption", "transcribe"]
assert set(KINDS) == set(get_args(KindName))
EventChoice = Literal[EventType.BATCH_FINISHED, EventType.JOB_FINISHED]
assert set(get_args(EventChoice)) == CHOSEN_TYPES

JOB_EXAMPLE: dict[str, JsonValue] = {
    "kind": "caption", "source": "/srv/photos/cat.jpg", "client_ref": "photo-4711", "options": {"language": "de"},
}  # fmt: skip


BULK_EXAMPLE: dict[str, JsonValue] = {
    "action": "retry", "filter": {"state": "failed", "error": "gemini_unavailable"}, "reason": "after the outage"
}  # fmt: skip


def as_utc(moment: datetime) -> datetime:
    """In UTC; without a time zone it is UTC."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error


Moment = Annotated[datetime, AfterValidator(as_utc)]


class NewJobBody(BaseModel):
    """One job to be done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [JOB_EXAMPLE]})

    kind: KindName
    source: Annotated[str, Field(min_length=1, max_length=8_000)]
    """Where the media item is: an absolute path that the workers can read."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Of the kind: language, prompt and so on."""
    model: Name | None = None
    service_tier: ServiceTier | None = None
    client_ref: Name | None = None
    """Yours: comes back with the job."""
    metadata: dict[str, JsonValue] | None = None
    """Yours, too."""
    priority: Annotated[int, Field(ge=PRIORITIES.start, le=PRIORITIES.stop - 1)] = 0
    """Higher goes first."""
    reuse: bool = True
    """May a stored answer to the same question about the same bytes be used?"""

    def item(self, *, idempotency_key: str | None = None) -> Item:
        """What is submitted."""
        return Item(**dict(self), idempotency_key=idempotency_key)


class NewBatchBody(BaseModel):
    """Jobs that belong together, as one list."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "holiday", "items": [JOB_EXAMPLE]}]}
    )

    name: Name | None = None
    budget_usd: Annotated[Decimal, Field(gt=0, le=1_000_000_000)] | None = None
    """What may be spent on the batch."""
    items: Annotated[list[JsonValue], Field(min_length=1, max_length=10_000)]
    """Each is accepted or refused by itself."""


class BulkFilter(BaseModel):
    """Which of your jobs are meant: what is given must all match."""

    model_config = ConfigDict(extra="forbid")

    state: JobState | None = None
    kind: KindName | None = None
    batch: Name | None = None
    """By id or name."""
    error: FailureCode | None = None
    since: Moment | None = None
    """Made since then."""
    until: Moment | None = None
    """Made before then."""
    search: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(storable)] | None = None
    """With this in their source or client_ref."""


class NewBulkActionBody(BaseModel):
    """What is to be done to many jobs: those of a filter, or those of some ids."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [BULK_EXAMPLE]})

    action: BulkVerb
    filter: BulkFilter | None = None
    """Give this or `ids`; with at least one part."""
    ids: (
        Annotated[list[Annotated[str, Field(pattern="^job_[0-9a-f]{32}$")]], Field(min_length=1, max_length=1_000)]
        | None
    ) = None
    reason: Annotated[str, Field(max_length=500), AfterValidator(storable)] | None = None
    """Kept with the action, for whoever looks at it later."""
    preview: bool = False
    """Only tell how many jobs it would be, and some of them."""

    @model_validator(mode="after")
    def _check_choice(self) -> "NewBulkActionBody":
        if (self.filter is None) == (self.ids is None):
            raise ValueError("give either filter or ids")
        if self.filter is not None and not self.filter.model_dump(exclude_none=True):
            raise ValueError("filter needs at least one part, or it would mean every job that you have")
        return self


class PauseBody(BaseModel):
    """Why and for how long a lane is paused."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "migration", "seconds": 600}]})

    reason: Annotated[str, Field(max_length=500), AfterValidator(storable)] | None = None
    seconds: Annotated[float, Field(gt=0, le=366 * 86_400)] | None = None
    """Until it opens by itself; without, somebody has to resume it."""


Url = Annotated[str, Field(min_length=1, max_length=LONGEST_URL), AfterValidator(storable)]
EventTypes = Annotated[list[EventChoice], Field(min_length=1, max_length=len(CHOSEN_TYPES))]


class NewEndpointBody(BaseModel):
    """Where webhooks are to be sent, and which."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"url": "https://example.com/hooks/mediascribe"}]}
    )

    url: Url
    event_types: EventTypes = [EventType.BATCH_FINISHED]
    """`job.finished` is a message for each job: think of a batch of a million."""


class EndpointChangesBody(BaseModel):
    """What is to be changed; what is not given stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"enabled": True}]})

    url: Url | None = None
    event_types: EventTypes | None = None
    enabled: bool | None = None
    """An endpoint that is disabled gets nothing, and what waits to be sent to it ends."""
