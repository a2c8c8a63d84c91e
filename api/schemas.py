"""What the API answers with, as OpenAPI describes it.

Answers are made by `worker.shapes`, as everywhere; these models only describe them, and the tests hold the two equal.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from models.failures import FailureCode
from models.state import JobState
from models.store.usage import UsageBy
from models.tier import ServiceTier


class FieldErrorShape(BaseModel):
    """One field, parameter or item that is wrong."""

    index: int | None
    """Of an item in a list or stream, from 0."""
    field: str
    code: str
    detail: str


class ProblemShape(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    retryable: bool
    errors: list[FieldErrorShape]


class UsageShape(BaseModel):
    """What calls used."""

    calls: int
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cost_usd: str


class JobUsageShape(UsageShape):
    """What the calls of a job used."""

    cached_tokens: int


class ProgressShape(BaseModel):
    """How far a job is."""

    done: int
    total: int
    unit: Literal["clips"]
    seconds_done: float | None = None
    seconds_total: float | None = None


class JobErrorShape(BaseModel):
    """Why a job has no result, or not all of it."""

    code: FailureCode
    message: str
    retryable: bool
    detail: dict[str, Any]


class JobShape(BaseModel):
    """A job."""

    id: Annotated[str, Field(pattern="^job_[0-9a-f]{32}$")]
    batch_id: Annotated[str, Field(pattern="^bat_[0-9a-f]{32}$")]
    owner: str
    kind: str
    state: JobState
    source: str
    client_ref: str | None
    metadata: dict[str, Any]
    priority: int
    attempts: int
    model: str
    service_tier: ServiceTier
    model_version: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None
    progress: ProgressShape
    error: JobErrorShape | None
    usage: JobUsageShape
    reused_from: str | None
    output: dict[str, Any] | None


class UploadShape(BaseModel):
    """The file that came with a job, as it was kept."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size_bytes: int
    name: str


class SubmittedJob(JobShape):
    """A job that was submitted; where its file came with it, what was kept of that."""

    upload: UploadShape | None = None


class JobPage(BaseModel):
    """Some jobs, newest first, without their output."""

    jobs: list[JobShape]
    next_cursor: str | None


class BatchShape(BaseModel):
    """A batch."""

    id: Annotated[str, Field(pattern="^bat_[0-9a-f]{32}$")]
    owner: str
    name: str | None
    created_at: datetime


class BatchPage(BaseModel):
    """Some batches, newest first."""

    batches: list[BatchShape]
    next_cursor: str | None


class TotalsShape(BaseModel):
    """Jobs by state, what they used, and how the work goes on."""

    total: int
    done: int
    states: dict[JobState, int]
    finished_last_minute: int
    oldest_queued_seconds: float | None
    reused: int
    usage: UsageShape
    rate_per_second: float
    eta_seconds: float | None


class BatchReport(BatchShape, TotalsShape):
    """A batch, and where it stands."""


class RefusedItem(FieldErrorShape):
    """An item that was not accepted."""

    client_ref: str | None


class SubmittedBatch(BaseModel):
    """What became of the items of a batch."""

    batch: BatchShape
    accepted: int
    refused: int
    job_ids: list[str | None] | None
    """In the order of the items, null for a refused one; null for a stream."""
    refusals: list[RefusedItem]
    refusals_left_out: int
    """Of many only the first are spelt out."""


class Changed(BaseModel):
    """How many jobs were changed."""

    changed: int


class FailureGroupShape(BaseModel):
    """Jobs that failed alike."""

    code: FailureCode
    message: str
    count: int
    example_job_id: str
    example_source: str


class ErrorsShape(BaseModel):
    """Failures by cause, most frequent first."""

    errors: list[FailureGroupShape]


class WorkerShape(BaseModel):
    """A live worker process."""

    id: str
    host: str
    pid: int
    version: str
    slots: int
    running: int
    draining: bool
    alive: bool
    started_at: datetime
    beat_at: datetime
    stopped_at: datetime | None


class WorkersShape(BaseModel):
    """The live workers."""

    workers: list[WorkerShape]


class LaneShape(BaseModel):
    """A lane and how it stands."""

    name: str
    state: Literal["open", "paused", "stopped"]
    code: str | None
    reason: str | None
    paused_until: datetime | None
    changed_at: datetime | None
    probe_at: datetime | None
    fallback_model: str | None
    calls_today: int
    spent_today_usd: str
    budget_usd_per_day: str | None
    limits: dict[str, int | None]
    own_limits: dict[str, int | None]
    jobs: dict[str, int]


class LanesShape(BaseModel):
    """All lanes."""

    lanes: list[LaneShape]


class SpentShape(BaseModel):
    """What calls used and cost."""

    calls: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int
    cost_usd: str
    presumed_usd: str


class UsageDocument(BaseModel):
    """Sums, and the sum of all."""

    by: UsageBy
    since: str | None
    usage: list[dict[str, Any]]
    total: SpentShape


class Health(BaseModel):
    """The process is well."""

    status: Literal["ok"]
