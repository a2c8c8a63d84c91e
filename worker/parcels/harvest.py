"""Fetching what a batch wrote: each good answer is kept for its job, the rest is booked as calls that came to nothing.

An answer is judged by its job, when that goes on: here it is only known to be one to its question (decision 20). What has
none, be it that the row failed, is missing or holds another's answer, is counted at once, with what was paid for it. So is the
answer of a job that has ended otherwise. Every group is one transaction, and harvesting twice is as good as once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from gemini.batch_lines import read_line
from gemini.batches import BatchState, RemoteBatch
from gemini.question import Call
from gemini.rest import GoneError
from models.failures import Failure, FailureCode, FailureError, Nature, failure
from models.moves import CallRecord
from models.store import parcelled, parcels
from models.store.holds import release
from models.store.parcelled import OpenCall
from models.store.parcels import ParcelView
from worker.booking import booked_call
from worker.parcels.post import Post, log

Item = TypeVar("Item")

GROUP = 200
BYTES_PER_CALL, LEAST_OUTPUT_BYTES = 1 << 20, 16 << 20
"""A batch may write so much for each of its calls, and so much in any case."""
LONGEST_LINE_BYTES = 8 << 20

WHY_NOTHING: Mapping[BatchState, Failure] = {
    BatchState.EXPIRED: failure(FailureCode.GEMINI_TIMEOUT, "The batch expired before it came to this question."),
    BatchState.CANCELLED: failure(FailureCode.GEMINI_TIMEOUT, "The batch took too long and was stopped."),
    BatchState.FAILED: failure(FailureCode.GEMINI_UNAVAILABLE, "The batch failed as a whole."),
}
NOT_IN_IT = failure(FailureCode.GEMINI_UNAVAILABLE, "The batch has no answer to this question.")


def harvest(parcel: ParcelView, batch: RemoteBatch, post: Post) -> None:
    """Take over what a batch that is over has written. Raises FailureError where it may be had later."""
    wanted = parcelled.open_calls(post.database, parcel.id)
    if batch.output_file is not None and wanted:
        path = post.folder / f"{parcel.id}-answers.jsonl"
        try:
            if _fetch(batch.output_file, path, calls=len(wanted), post=post):
                for lines in _groups(_lines(path)):
                    _take_over(parcel, lines, wanted, post)
                    parcels.postpone(post.database, parcel.id, seconds=post.lease_seconds)
        finally:
            path.unlink(missing_ok=True)
    why = batch.error or WHY_NOTHING.get(batch.state, NOT_IN_IT)
    end_without_answers(parcel, why, post, output_file=batch.output_file)


def end_without_batch(parcel: ParcelView, why: Failure, post: Post) -> None:
    """No batch was made of the parcel: its calls cost nothing, and are asked in another way."""
    release(post.database, list(parcelled.open_calls(post.database, parcel.id)))
    end_without_answers(parcel, why, post)


def end_without_answers(parcel: ParcelView, why: Failure, post: Post, *, output_file: str | None = None) -> None:
    """What is under way yet has no answer to come; it may have been paid for."""
    left = parcelled.open_calls(post.database, parcel.id)
    if left:
        log.warning("calls of a batch have no answer", parcel=parcel.id, calls=len(left), reason=why.message)
    for group in _groups(left.values()):
        calls = [_booked(parcel, call, Call(model=parcel.model, failure=why), post) for call in group]
        parcelled.book(post.database, parcel.id, calls)
    parcels.note_over(post.database, parcel.id, output_file=output_file)
    post.wake()


def book_unused(parcel: ParcelView, post: Post) -> None:
    """Count the answers of jobs that have ended in another way."""
    now = datetime.now(UTC)
    for group in _groups(parcelled.answers_in_vain(post.database, parcel.id)):
        calls = [
            _booked(parcel, call, read_line((call.line or "").encode(), model=parcel.model, now=now).call, post)
            for call in group
        ]
        parcelled.book(post.database, parcel.id, calls)


def _fetch(name: str, path: Path, *, calls: int, post: Post) -> bool:
    """Is what the batch wrote on our disk? False where it never will be. Raises FailureError where it may be later."""
    try:
        post.files.download(name, path, max_bytes=max(LEAST_OUTPUT_BYTES, calls * BYTES_PER_CALL))
    except GoneError:
        return False
    except FailureError as error:
        if error.failure.code is not FailureCode.GEMINI_INVALID_OUTPUT:
            raise
        log.error("what a batch wrote cannot be used", file=name, reason=error.failure.message)
        return False
    return True


def _lines(path: Path) -> Iterator[bytes]:
    """The lines that are not absurdly long."""
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE_BYTES):
            if line.endswith(b"\n") or len(line) < LONGEST_LINE_BYTES:
                yield line
                continue
            while (rest := file.readline(LONGEST_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass


def _take_over(parcel: ParcelView, lines: Sequence[bytes], wanted: Mapping[str, OpenCall], post: Post) -> None:
    now = datetime.now(UTC)
    good: dict[str, str] = {}
    bad: dict[str, CallRecord] = {}
    for line in lines:
        read = read_line(line, model=parcel.model, now=now)
        asked = wanted.get(read.key or "")
        if asked is None or asked.id in good or asked.id in bad:
            continue
        text = _text(line)
        if read.call.failure is None and text is not None:
            good[asked.id] = text
        else:
            bad[asked.id] = _booked(parcel, asked, read.call, post)
    if good:
        parcelled.put_answers(post.database, parcel.id, good)
    if bad:
        parcelled.book(post.database, parcel.id, list(bad.values()))
    post.wake()


def _groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while group := list(islice(rest, GROUP)):
        yield group


def _text(line: bytes) -> str | None:
    """The line as it can be stored."""
    with suppress(UnicodeDecodeError):
        text = line.decode()
        return None if "\0" in text else text
    return None


def _booked(parcel: ParcelView, asked: OpenCall, call: Call, post: Post) -> CallRecord:
    """The call as it is counted. Its failure ends nothing: the question is asked online."""
    why = call.failure
    assert why is None or why.nature is not Nature.INTERRUPTED
    return booked_call(asked.id, call, why, lane=parcel.lane, clip=asked.clip, prices=post.prices)
