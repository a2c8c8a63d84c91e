"""Making the batch of a parcel that is uploaded, once, whatever the answers say.

A creation that is answered with an error may have been carried out all the same. So it is written down before it is asked for,
and from then on the batch is first looked for by its name; only where there is none another is asked for.
"""

import contextlib

from gemini.batches import RemoteBatch
from gemini.rest import GoneError
from models.failures import FailureCode, FailureError, Nature, failure
from models.parcel import ParcelState
from models.store import parcels
from models.store.parcels import ParcelView, display_name
from worker.parcels.harvest import end_without_batch
from worker.parcels.post import Post, log

TOO_LATE = failure(FailureCode.GEMINI_TIMEOUT, "No batch could be made of the question in time.")


def make_batch(parcel: ParcelView, post: Post) -> None:
    """See to it that the parcel has a batch, or that it is looked at again. Raises DatabaseUnavailableError."""
    try:
        batch = post.batches.find(display_name(parcel.id)) if parcel.creations else None
        if batch is None:
            batch = _create(parcel, post)
    except GoneError:
        log.warning("what was uploaded is gone; its calls are packed anew", parcel=parcel.id)
        parcels.drop(post.database, parcel.id, state=ParcelState.UPLOADED)
        post.wake()
        return
    except FailureError as error:
        why = error.failure
        if why.nature is Nature.PERMANENT and not why.pauses_lane:
            end_without_batch(parcel, why, post)
            return
        post.note_trouble(parcel.lane, why)
        post.postpone(parcel, why)
        return
    if batch is not None:
        due_seconds = min(post.settings.economy_poll_seconds, max(parcel.deadline_in_seconds, 0.0))
        if not parcels.note_sent(post.database, parcel.id, batch_name=batch.name, due_seconds=due_seconds):
            _stop_needless(parcel, batch, post)
            return
        post.note_well(parcel.lane)
        log.info("a parcel is under way", parcel=parcel.id, batch=batch.name)


def _create(parcel: ParcelView, post: Post) -> RemoteBatch | None:
    """A new batch; None where the parcel is too late, or is another worker's matter. Raises FailureError."""
    if parcel.deadline_in_seconds <= 0:
        end_without_batch(parcel, TOO_LATE, post)
        return None
    if not parcels.note_creation(post.database, parcel.id, known=parcel.creations, lease_seconds=post.lease_seconds):
        return None
    assert parcel.input_file is not None, "what is uploaded has a file"
    return post.batches.create(parcel.model, display_name(parcel.id), parcel.input_file)


def _stop_needless(parcel: ParcelView, batch: RemoteBatch, post: Post) -> None:
    """Its creation took so long that another worker has seen to the parcel: one batch is enough."""
    now = parcels.get_parcel(post.database, parcel.id)
    if now is not None and now.batch_name == batch.name:
        return
    log.warning("a batch that nobody waits for is stopped", parcel=parcel.id, batch=batch.name)
    with contextlib.suppress(FailureError):  # what it has cost by then is paid
        post.batches.cancel(batch.name)


def forget(parcel: ParcelView, post: Post) -> None:
    """A parcel whose worker was lost before it was uploaded: nothing of it is paid for."""
    log.warning("a parcel was lost with its worker; its calls are packed anew", parcel=parcel.id)
    parcels.drop(post.database, parcel.id, state=ParcelState.SENDING)
    post.wake()
    with contextlib.suppress(FailureError):  # Gemini deletes it itself after two days
        for file in post.files.ours(display_name(parcel.id)):
            post.files.delete(file.name)
