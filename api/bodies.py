"""What the API reads: every body is checked by one of these models."""

from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

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
        return Item(**self.model_dump(), idempotency_key=idempotency_key)


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
