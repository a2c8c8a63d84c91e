"""Sending a pack: stored first, then uploaded, then made a batch; blocking, on a thread of its own.

Stored first, so that a call that may be paid for is known before it is. A worker that is lost before the upload is done leaves a
parcel of which nothing was paid for, and that is dropped; after it, any worker goes on.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from models.database import DatabaseNotReadyError, DatabaseUnavailableError
from models.failures import Failure, FailureCode, FailureError, Nature, failure
from models.parcel import ParcelState
from models.store import parcels
from models.store.holds import release
from models.store.parcelled import store_parcel
from models.store.parcels import NewParcel, display_name
from worker.parcels.creation import make_batch
from worker.parcels.post import Post, pending
from worker.parcels.spool import Pack, SpooledLine

log = structlog.get_logger(__name__)

COPY_BYTES = 1 << 20
RETRY_SECONDS = 0.5
PACK_AGAIN_SECONDS = 30.0
"""When a job is packed anew whose parcel did not get there."""

Result = TypeVar("Result")


def send(pack: Pack, post: Post) -> None:
    """Send a pack and tell each of its jobs what it waits for; raises nothing."""
    try:
        _tell(pack.lines, _send(pack, post))
    except Exception as error:
        log.exception("a parcel could not be sent")
        try:
            _drop(pack, post)
        except Exception as trouble:  # noqa: BLE001 - who waits must be told; a worker that leaves is looked after by others
            log.warning("the parcel is not dropped yet", parcel=pack.parcel_id, reason=str(trouble))
        _tell(pack.lines, _again(failure(FailureCode.INTERNAL, f"The parcel could not be sent: {error}")))
    finally:
        pack.path.unlink(missing_ok=True)
        pack.release()


def give_up(pack: Pack, post: Post) -> None:
    """The worker leaves: what is held for calls that were not sent is free again."""
    pack.path.unlink(missing_ok=True)
    if pack.lines:
        release(post.database, [line.call.id for line in pack.lines])


def _send(pack: Pack, post: Post) -> Failure:
    """What the jobs of the pack wait for now."""
    wanted: list[SpooledLine] = []
    unwanted: list[str] = []
    for line in pack.lines:  # one look at each: a ticket may be cancelled at any moment
        if line.ticket.cancelled():
            unwanted.append(line.call.id)
        else:
            wanted.append(line)
    if unwanted:
        _patiently(lambda: release(post.database, unwanted), post)
    if not wanted:
        return _again(failure(FailureCode.INTERNAL, "The call is not wanted any more."))
    deadline_seconds = min(line.batch_seconds for line in wanted)
    parcel = NewParcel(
        id=pack.parcel_id, lane=pack.lane, model=pack.model, worker_id=post.worker_id, deadline_seconds=deadline_seconds
    )
    calls = [line.call for line in wanted]
    kept = _patiently(lambda: store_parcel(post.database, parcel, calls), post)
    if kept:
        _leave_out_all_but(pack, kept)
        why = _upload(pack, post)
        if why is not None:
            return why
    return pending(datetime.now(UTC), deadline_seconds=deadline_seconds)


def _upload(pack: Pack, post: Post) -> Failure | None:
    """See to it that the parcel is at Gemini, and its batch too, if that can be now; else drop it, and say why."""
    name = display_name(pack.parcel_id)
    try:
        stored = post.files.upload(pack.path, display_name=name)
    except FailureError as error:
        _drop(pack, post)
        post.note_trouble(pack.lane, error.failure)
        return _again(error.failure)
    is_mine = _patiently(
        lambda: parcels.note_uploaded(
            post.database, pack.parcel_id, input_file=stored.name, lease_seconds=post.lease_seconds
        ),
        post,
    )
    if not is_mine:
        with contextlib.suppress(FailureError):
            post.files.delete(stored.name)
        return _again(failure(FailureCode.GEMINI_UNAVAILABLE, "The upload took so long that it was taken for lost."))
    view = parcels.get_parcel(post.database, pack.parcel_id)
    if view is not None:
        make_batch(view, post)
    return None


def _drop(pack: Pack, post: Post) -> None:
    """Forget a parcel that did not get there. It must be: nobody else looks at one whose worker lives and is sending it."""
    _patiently(lambda: parcels.drop(post.database, pack.parcel_id, state=ParcelState.SENDING), post)


def _leave_out_all_but(pack: Pack, kept: set[str]) -> None:
    """Rewrite the file without the lines of calls that are not to be made."""
    lines = [line for line in pack.lines if line.call.id in kept]
    if sum(line.size_bytes for line in lines) == pack.size_bytes:
        return
    part = pack.path.with_suffix(".part")
    with pack.path.open("rb") as source, part.open("wb") as target:
        for line in lines:
            source.seek(line.begin)
            left = line.size_bytes
            while left:
                block = source.read(min(left, COPY_BYTES))
                if not block:
                    raise OSError(f"{pack.path.name} became shorter")
                target.write(block)
                left -= len(block)
    part.replace(pack.path)


def _again(why: Failure) -> Failure:
    """What did not get there is packed anew after a while, and spends no attempt."""
    wait = why.retry_after_seconds or PACK_AGAIN_SECONDS
    words = f"{why.message} The job is packed anew; no attempt is spent."
    return failure(why.code, words, nature=Nature.THROTTLED, retry_after_seconds=wait, pauses_lane=why.pauses_lane)


def _tell(lines: Sequence[SpooledLine], what: Failure) -> None:
    for line in lines:
        line.tell(what)


def _patiently(verb: Callable[[], Result], post: Post) -> Result:
    """The same, again and again while the database is away, until the worker leaves. What it does is safe to repeat."""
    while True:
        try:
            return verb()
        except (DatabaseUnavailableError, DatabaseNotReadyError):
            if post.stopped.is_set():
                raise
            time.sleep(RETRY_SECONDS)
