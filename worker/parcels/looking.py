"""Looking after a parcel whose time has come: one table of what is done in each of its states."""

import contextlib
from collections.abc import Callable, Mapping

from gemini.batches import BatchState, RemoteBatch
from gemini.rest import GoneError
from models.failures import Failure, FailureCode, FailureError, failure
from models.parcel import ParcelState
from models.store import parcels
from models.store.parcels import ParcelView
from worker.parcels.creation import forget, make_batch
from worker.parcels.harvest import WHY_NOTHING, book_unused, end_without_answers, harvest
from worker.parcels.post import Post

PATIENCE_SECONDS = 600.0
"""So long after it was stopped a batch may take to be over."""
LOST = failure(FailureCode.GEMINI_UNAVAILABLE, "The batch is not at Gemini any more, or belongs to another key.")


def look_after(parcel: ParcelView, post: Post) -> None:
    """Do what is to be done with a parcel now. Raises DatabaseUnavailableError."""
    _DO[parcel.state](parcel, post)


def _watch(parcel: ParcelView, post: Post) -> None:
    """Is its batch over? One that takes too long is stopped; what it has by then is used."""
    assert parcel.batch_name is not None, "what is sent has a batch"
    try:
        batch = post.batches.get(parcel.batch_name)
        if not batch.is_over and parcel.deadline_in_seconds <= 0:
            post.batches.cancel(parcel.batch_name)
            batch = post.batches.get(parcel.batch_name)
        if batch.is_over:
            harvest(parcel, batch, post)
            _delete_at_gemini(parcel, batch.output_file, post)
        else:
            _wait_on(parcel, batch, post)
    except GoneError:
        _wait_or_end(parcel, LOST, post)
    except FailureError as error:
        post.note_trouble(parcel.lane, error.failure)
        _wait_or_end(parcel, error.failure, post)


def _wait_on(parcel: ParcelView, batch: RemoteBatch, post: Post) -> None:
    if parcel.deadline_in_seconds < -PATIENCE_SECONDS:  # it does not stop either
        end_without_answers(parcel, WHY_NOTHING[BatchState.CANCELLED], post, output_file=batch.output_file)
    else:
        post.postpone_look(parcel)


def _wait_or_end(parcel: ParcelView, why: Failure, post: Post) -> None:
    """A key that was changed for a while hides a batch, too: it is only given up long after its time."""
    if parcel.deadline_in_seconds < -PATIENCE_SECONDS:
        end_without_answers(parcel, why, post)
    else:
        post.postpone(parcel, why)


def _tidy(parcel: ParcelView, post: Post) -> None:
    """Once more, until nothing is left at Gemini and no job needs its answers any more."""
    if parcel.input_file or parcel.output_file or parcel.batch_name:
        _delete_at_gemini(parcel, parcel.output_file, post)
    book_unused(parcel, post)
    if parcels.tidy(post.database, parcel.id):
        parcels.postpone(post.database, parcel.id, seconds=post.settings.economy_poll_seconds)


def _delete_at_gemini(parcel: ParcelView, output_file: str | None, post: Post) -> None:
    """Files count against the project's room; a batch that is left makes looking for others slower."""
    with contextlib.suppress(FailureError):  # the next look tries again
        for name in filter(None, (parcel.input_file, output_file)):
            post.files.delete(name)
        if parcel.batch_name is not None:
            post.batches.delete(parcel.batch_name)
        parcels.note_deleted(post.database, parcel.id)


_DO: Mapping[ParcelState, Callable[[ParcelView, Post], None]] = {
    ParcelState.SENDING: forget,
    ParcelState.UPLOADED: make_batch,
    ParcelState.SENT: _watch,
    ParcelState.OVER: _tidy,
}
