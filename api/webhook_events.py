"""What webhooks carry, as OpenAPI describes it. The bodies are made by `models.store.webhooks.outbox`; a test holds the two equal."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict

from models.failures import FailureCode
from models.state import JobState
from models.webhook import EventType

router = APIRouter()


class _Part(BaseModel):
    """All of it is said; more may be added."""

    model_config = ConfigDict(extra="forbid")


class FinishedBatch(_Part):
    """A batch none of whose jobs has work to come."""

    id: str
    name: str | None
    total: int
    states: dict[Literal[JobState.SUCCEEDED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED], int]


class BatchFinished(_Part):
    """`batch.finished`."""

    type: Literal[EventType.BATCH_FINISHED]
    timestamp: datetime
    data: FinishedBatch


class FinishedJob(_Part):
    """A job that has ended."""

    id: str
    batch_id: str
    kind: str
    state: JobState
    client_ref: str | None
    error_code: FailureCode | None


class JobFinished(_Part):
    """`job.finished`."""

    type: Literal[EventType.JOB_FINISHED]
    timestamp: datetime
    data: FinishedJob


class WebhookTestData(_Part):
    """Nothing has happened."""

    endpoint_id: str


class WebhookTest(_Part):
    """`webhook.test`."""

    type: Literal[EventType.TEST]
    timestamp: datetime
    data: WebhookTestData


Id = Annotated[str, Header(alias="webhook-id", description="Of the event: the same at every try.")]
Timestamp = Annotated[int, Header(alias="webhook-timestamp", description="Of the try, in Unix seconds.")]
Signature = Annotated[
    str, Header(alias="webhook-signature", description="`v1,` and base64; of several one has to be right.")
]


@router.post(EventType.BATCH_FINISHED, operation_id="batch_finished", status_code=204)
def batch_finished(body: BatchFinished, event: Id, at: Timestamp, signature: Signature) -> None:
    """No job of a batch has work to come any more."""


@router.post(EventType.JOB_FINISHED, operation_id="job_finished", status_code=204)
def job_finished(body: JobFinished, event: Id, at: Timestamp, signature: Signature) -> None:
    """A job has ended."""


@router.post(EventType.TEST, operation_id="webhook_test", status_code=204)
def webhook_test(body: WebhookTest, event: Id, at: Timestamp, signature: Signature) -> None:
    """Somebody wants to see whether messages arrive."""
