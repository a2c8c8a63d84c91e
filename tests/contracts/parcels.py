"""Calls on their way in parcels, for tests of the store."""

from collections.abc import Sequence
from decimal import Decimal

from models.database import Database
from models.moves import ClaimedJob
from models.store import parcels
from models.store.parcelled import PackedCall, store_parcel
from models.store.parcels import NewParcel, new_parcel_id
from models.store.submit import NewBatch
from tests.contracts.jobs import claim, new_call, submit_jobs

LANE = "m:economy"


def jobs_in_hand(database: Database, count: int, worker_id: str, **batch: Decimal) -> list[ClaimedJob]:
    ids = submit_jobs(database, count, batch=NewBatch(**batch), lane=LANE).job_ids  # type: ignore[arg-type]
    return claim(database, ids, worker_id=worker_id)


def packed(job: ClaimedJob, *, clip: int = 0) -> PackedCall:
    return PackedCall(id=new_call().id, job_id=job.id, claim=job.claim, clip=clip, clip_hash=f"{clip:064}")


def stored(database: Database, worker_id: str, calls: Sequence[PackedCall]) -> str:
    """A parcel that is being sent; its id."""
    parcel = NewParcel(id=new_parcel_id(), lane=LANE, model="m", worker_id=worker_id, deadline_seconds=60.0)
    store_parcel(database, parcel, calls)
    return parcel.id


def sent(database: Database, worker_id: str, calls: Sequence[PackedCall]) -> str:
    parcel_id = stored(database, worker_id, calls)
    assert parcels.note_uploaded(database, parcel_id, input_file="files/in", lease_seconds=60.0)
    assert parcels.note_creation(database, parcel_id, known=0, lease_seconds=60.0)
    assert parcels.note_sent(database, parcel_id, batch_name="batches/b", due_seconds=60.0)
    return parcel_id
