"""Making jobs and moving them, for tests of the store."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from models.database import Database
from models.failures import Failure, FailureCode, failure
from models.ids import new_id
from models.moves import CallRecord, ClaimedJob
from models.store import dispatch, leases
from models.store.submit import NewBatch, NewJob, Submission, submit

LEASE_SECONDS = 60.0


def new_job(number: int = 0, **changes: Any) -> NewJob:
    """A job that differs from the others by its source."""
    fields = {"kind": "caption", "source": f"/media/{number}.jpg", "model": "m", "lane": "m", "max_attempts": 3}
    return NewJob(**{**fields, **changes})


def submit_jobs(database: Database, count: int, *, batch: NewBatch | None = None, **changes: Any) -> Submission:
    """So many jobs, accepted."""
    return submit(database, batch or NewBatch(), [new_job(number, **changes) for number in range(count)])


def new_worker(database: Database, *, slots: int = 10) -> str:
    """The id of a registered worker."""
    worker_id = new_id("wrk")
    facts = leases.WorkerFacts(id=worker_id, host="test", pid=1, version="0", slots=slots)
    leases.register(database, facts)
    return worker_id


def claim(
    database: Database, ids: Sequence[str], *, worker_id: str | None = None, lease_seconds: float = LEASE_SECONDS
) -> list[ClaimedJob]:
    """Claim these jobs for a worker."""
    return dispatch.claim(database, ids, worker_id=worker_id or new_id("wrk"), lease_seconds=lease_seconds)


def claim_one(database: Database, **changes: Any) -> ClaimedJob:
    """A new job in a worker's hands."""
    (job,) = claim(database, submit_jobs(database, 1, **changes).job_ids)
    return job


def new_call(*, lane: str = "m", cost: str | None = "0.000412", failed: Failure | None = None) -> CallRecord:
    """A call that used 264 input and 31 output tokens."""
    return CallRecord(
        id=new_id("cal"), clip=0, lane=lane, model="m", model_version="m-001", http_status=200, finish_reason="STOP", response_id="r",
        failure=failed, input_tokens=264, output_tokens=31, thinking_tokens=7, cached_tokens=0,
        input_by_modality={"IMAGE": 258, "TEXT": 6}, cost_usd=None if cost is None else Decimal(cost), duration_seconds=0.5,
    )  # fmt: skip


TRANSIENT = failure(FailureCode.GEMINI_UNAVAILABLE, "Gemini is overloaded.")
PERMANENT = failure(FailureCode.MEDIA_CORRUPT, "the picture ends in the middle")
