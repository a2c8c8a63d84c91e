"""What the server tells, as types. Fields that are not known here are left out, so that newer servers work."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import Field, ValidationInfo, field_validator

from mediascribe_client.errors import JobFailedError
from mediascribe_client.outputs import CaptionOutput, Shape, TranscriptOutput

FINAL_STATES = frozenset({"succeeded", "partial", "failed", "cancelled"})


class Progress(Shape):
    """How far a job is."""

    done: int
    total: int
    unit: str
    seconds_done: float | None = None
    seconds_total: float | None = None


class JobError(Shape):
    """Why a job has no result, or not all of it."""

    code: str
    message: str
    retryable: bool
    detail: dict[str, Any] = Field(default_factory=dict)


class Usage(Shape):
    """What calls used."""

    calls: int
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int = 0
    cost_usd: Decimal


_OUTPUTS: Mapping[str, type[Shape]] = {"caption": CaptionOutput, "transcribe": TranscriptOutput}

Output = CaptionOutput | TranscriptOutput | dict[str, Any]
"""What jobs yield; of a kind that is not known here, as it came."""
OutputT = TypeVar("OutputT")


class Job(Shape, Generic[OutputT]):
    """A job, and what became of it."""

    id: str
    batch_id: str
    owner: str
    kind: str
    state: str
    source: str
    client_ref: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    priority: int = 0
    attempts: int = 0
    model: str | None = None
    service_tier: str | None = None
    model_version: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    next_attempt_at: datetime | None = None
    progress: Progress
    error: JobError | None = None
    usage: Usage
    reused_from: str | None = None
    output: OutputT | None = None
    """None where there is none, and in lists."""

    @field_validator("output", mode="before")
    @classmethod
    def _of_its_kind(cls, output: Any, info: ValidationInfo) -> Any:
        known = _OUTPUTS.get(info.data.get("kind", ""))
        return output if known is None or not isinstance(output, dict) else known.model_validate(output)

    @property
    def is_done(self) -> bool:
        """Is it in a final state?"""
        return self.state in FINAL_STATES

    def result(self) -> OutputT:
        """The output; of a partial job what there is. Raises JobFailedError."""
        if self.output is not None:
            return self.output
        if self.error is not None and self.is_done:
            raise JobFailedError(
                f"{self.id} failed: {self.error.code}: {self.error.message}",
                code=self.error.code, retryable=self.error.retryable, job_id=self.id,
            )  # fmt: skip
        words = f"{self.id} is {self.state}: it has no result"
        raise JobFailedError(words, code="no_result", retryable=not self.is_done, job_id=self.id)


class Batch(Shape):
    """Jobs that were submitted together."""

    id: str
    owner: str
    name: str | None = None
    created_at: datetime


class BatchReport(Batch):
    """A batch, and where it stands."""

    total: int
    done: int
    states: dict[str, int]
    usage: Usage
    finished_last_minute: int = 0
    oldest_queued_seconds: float | None = None
    reused: int = 0
    rate_per_second: float = 0.0
    eta_seconds: float | None = None

    @property
    def is_done(self) -> bool:
        """Are all its jobs in a final state?"""
        return self.done >= self.total


class RefusedItem(Shape):
    """An item that was not accepted, and why."""

    index: int
    field: str
    code: str
    detail: str
    client_ref: str | None = None


class ItemOutcome(Shape):
    """What became of one item: a job, or an error."""

    index: int
    job_id: str | None = None
    error: RefusedItem | None = None


class SubmittedBatch(Shape):
    """What became of the items of a batch."""

    batch: Batch
    accepted: int
    refused: int
    job_ids: list[str | None] | None = None
    """Of a list, in the order of its items, None for a refused one. None for other iterables, which may be long."""
    refusals: list[RefusedItem] = Field(default_factory=list)
    refusals_left_out: int = 0
    """Of many only the first are spelt out; `on_item` hears of each."""


class BatchEvent(Shape):
    """All counts of a batch at some moment."""

    event: str
    """`progress`, or `done` at the end."""
    id: str
    """Give the last one that you have seen, to go on from there."""
    total: int
    done: int
    states: dict[str, int]


class BulkAction(Shape):
    """Many jobs to be cancelled or retried: who asked for it, and how far it is."""

    id: str
    owner: str
    key_id: str | None = None
    action: str
    filter: dict[str, Any]
    reason: str | None = None
    state: str
    """`pending`, `running`, `succeeded` or `aborted`."""
    total: int
    changed: int
    skipped: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class BulkPreview(Shape):
    """What a bulk action would do now."""

    action: str
    total: int
    examples: list[Job[Output]]


class WebhookEndpoint(Shape):
    """Where webhooks are sent, and which."""

    id: str
    owner: str
    url: str
    event_types: list[str]
    state: str
    """`active` or `disabled`."""
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    former_secret_until: datetime | None = None
    created_at: datetime


class WebhookEndpointWithSecret(WebhookEndpoint):
    """An endpoint with its new secret, which the server shows this once."""

    secret: str = Field(repr=False)


class WebhookDelivery(Shape):
    """An event on its way to an endpoint."""

    id: str
    endpoint_id: str
    owner: str
    event_id: str
    event_type: str
    state: str
    """`pending`, `delivered`, `failed` or `cancelled`."""
    attempts: int
    next_attempt_at: datetime | None = None
    answer_status: int | None = None
    answer_text: str | None = None
    error: str | None = None
    created_at: datetime
    attempted_at: datetime | None = None
    ended_at: datetime | None = None
    event: dict[str, Any]
