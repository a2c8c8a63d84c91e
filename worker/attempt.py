"""One attempt at one job, as a list of steps over one value: fetch, identify, prepare, recall, ask and check, conclude.

Each step either leaves its findings on the `Work` or raises a `FailureError`. A long recording is prepared portion by
portion, and its clips are asked about side by side as they come (`worker.asking`). What Gemini answers is stored before
anything else can fail: the answers of a recording's clips one by one as they come, the answer of a picture together
with the end of its job.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from media.audio import Position
from media.sniff import Family
from media.source import LocalFile, check_unchanged
from media.source_rules import is_remote
from models.failures import Failure, FailureCode, FailureError, Nature, failure
from models.moves import ClaimedJob
from models.store.answers import StoredAnswer, StoredResult
from models.store.questions import Asker, Asking
from tasks.base import Clip, Preparation, Prepared, hash_question, read_options
from tasks.registry import find_kind
from worker.asking import recall, settle, tell_progress
from worker.containment import contained
from worker.decoding import decoded
from worker.parcels.calls import recall_calls
from worker.retry import Outcome
from worker.shelf import Shelf
from worker.work import Tools, Work

LEFT_FOR_OTHERS_SECONDS = 30.0
"""After so long a job that this worker cannot do is offered again."""
PORTIONS_ON_DISK = 3
"""So many portions of one recording are on disk at most: one is prepared while two are being sent."""


def begin(job: ClaimedJob) -> Work:
    """A new attempt. Raises FailureError(invalid_options).

    The job was valid where it was accepted. If this worker does not know its kind or an option, a newer one does: the job
    is left for that, and spends no attempt. So is a job with an option that its lane's fallback does not have: it waits for
    its own model.
    """
    try:
        kind = find_kind(job.kind)
        options = read_options(kind, job.options)
        if job.model != job.own_model and kind.check_model is not None:
            kind.check_model(options, job.model)
        return Work(job=job, kind=kind, options=options)
    except FailureError as error:
        later = replace(error.failure, nature=Nature.THROTTLED, retry_after_seconds=LEFT_FOR_OTHERS_SECONDS)
        raise FailureError(later) from error


async def carry_out(work: Work, tools: Tools) -> Outcome:
    """All steps of the attempt; what it came to. Raises FailureError."""
    try:
        await recall_calls(work, tools)
        await fetch(work, tools)
        found = await identify(work, tools)
        if found is Asker.A_TWIN:
            return Outcome(is_twin=True)
        if isinstance(found, StoredResult):
            return Outcome(output=found.output, model_version=found.model_version, reused_from=found.job_id)
        stopped = tools.lanes.blocking(work.lane(tools), work.job.id)
        if stopped is not None:  # preparing would be for nothing
            raise FailureError(stopped)
        await prepare_and_ask(work, tools)
        return conclude(work)
    finally:
        if work.folder is not None:
            await asyncio.to_thread(shutil.rmtree, work.folder, ignore_errors=True)


async def fetch(work: Work, tools: Tools) -> None:
    """Find the media item, see what it is, and hash it."""
    if is_remote(work.job.source):
        _make_folder(work, tools)
    file = await tools.fetching.open(work.job.source, owner=work.job.owner, folder=work.folder)
    if file.media_type.family is not work.kind.family:
        words = f"{file.name} is {_a(file.media_type.family)} ({file.media_type.name}); {work.kind.name} takes "
        raise FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, f"{words}{_a(work.kind.family)}."))
    work.file = file
    work.question_hash = hash_question(work.kind, work.options, model=work.job.model, media_sha256=file.sha256)


async def identify(work: Work, tools: Tools) -> StoredResult | Asker:
    """The stored result of the same question about the same bytes; else who asks it.

    A job that is to have an answer of its own asks, whoever asks beside it, and nobody waits for it. An answer of the job's
    own model comes first, where it is to be asked with the fallback of its lane.
    """
    job = work.job
    if not job.reuse:
        return Asker.THIS_JOB
    own: str | None = None
    if job.model != job.own_model:
        assert work.file is not None
        own = hash_question(work.kind, work.options, model=job.own_model, media_sha256=work.file.sha256)
    found = await tools.questions.ask(
        Asking(owner=job.owner, question_hash=work.question_hash, job_id=job.id, claim=job.claim, preferred_hash=own)
    )
    if isinstance(found, StoredResult):
        work.question_hash = found.question_hash
    return found


async def prepare_and_ask(work: Work, tools: Tools) -> None:
    """Prepare the item portion by portion; ask about the clips of each while the next is being prepared.

    What goes wrong with a later portion is noted and harms no clip that is being asked about.
    """
    shelf = Shelf(PORTIONS_ON_DISK * tools.limits.recording.portion_bytes, within=tools.shelf)
    try:
        async with asyncio.TaskGroup() as group:
            portion = await prepare(work, None, tools, shelf)
            await _ask_about(work, portion, tools, group, shelf)
            while portion.rest is not None:
                try:
                    portion = await _next_portion(work, portion.rest, tools, shelf)
                except FailureError as error:
                    _note_rest(work, error.failure)
                    return
                await _ask_about(work, portion, tools, group, shelf)
    finally:
        shelf.give_back(shelf.used_bytes)


async def _next_portion(work: Work, begin_at: Position, tools: Tools, shelf: Shelf) -> Prepared:
    stopped = tools.why_no_call_of(work.job, work.lane(tools))
    if stopped is not None:  # it would only lie there
        raise FailureError(stopped)
    assert work.file is not None
    await asyncio.to_thread(check_unchanged, work.file)
    return await prepare(work, begin_at, tools, shelf)


async def prepare(work: Work, begin_at: Position | None, tools: Tools, shelf: Shelf) -> Prepared:
    """Decode the item, or a portion of it, in a process of its own and make it what Gemini accepts."""
    assert work.file is not None
    if work.kind.family is Family.RECORDING:
        if work.folder is None:
            _make_folder(work, tools)
        await shelf.take(tools.limits.recording.portion_bytes)
    how = Preparation(limits=tools.limits, options=work.options, model=work.job.model, begin=begin_at)
    try:
        portion: Prepared = await decoded(
            tools.sandbox, work.kind.prepare, str(work.file.path), str(work.folder or ""), how,
            timeout_seconds=tools.settings.decoder_timeout_seconds,
        )  # fmt: skip
    except FailureError as error:
        raise _named(error, work.file) from error
    work.add(portion)
    if work.kind.family is Family.RECORDING:  # now it is known how much room it takes
        shelf.give_back(tools.limits.recording.portion_bytes - sum(clip.size_bytes for clip in portion.clips))
    return portion


async def _ask_about(work: Work, portion: Prepared, tools: Tools, group: asyncio.TaskGroup, shelf: Shelf) -> None:
    stored = await recall(work, portion.clips, tools)
    if not work.has_one_clip:
        group.create_task(tell_progress(work, tools))
    for clip in portion.clips:
        group.create_task(_settle_and_free(work, clip, stored.get(clip.key), tools, shelf))


async def _settle_and_free(work: Work, clip: Clip, stored: StoredAnswer | None, tools: Tools, shelf: Shelf) -> None:
    try:
        await settle(work, clip, stored, tools)
    finally:
        if clip.path is not None:
            shelf.give_back(clip.size_bytes)


def _note_rest(work: Work, why: Failure) -> None:
    """What could not be prepared is missing like a clip that failed."""
    assert work.prepared is not None
    facts = work.prepared.facts
    last = max((clip.index for clip in work.clips), default=-1)
    start = _rest_start(work.clips)
    end = max(start, float(facts["duration"]), float(facts.get("said_duration") or 0.0))
    rest = Clip(index=last + 1, mime_type="", start_seconds=start, end_seconds=end)
    work.prepared = replace(work.prepared, clips=(*work.clips, rest), rest=None)
    work.failures[rest.key] = why


def _rest_start(clips: Sequence[Clip]) -> float:
    """Where what is not prepared begins: decoding was ahead of the clips, which come in order of their start."""
    ends: dict[int | None, float] = {}
    for clip in clips:
        ends[clip.channel] = max(clip.end_seconds, ends.get(clip.channel, 0.0))
    return max(clips[-1].start_seconds, min(ends.values())) if clips else 0.0


def conclude(work: Work) -> Outcome:
    """What the answers and failures come to."""
    assert work.prepared is not None
    failures = list(work.failures.values())
    output = None
    if work.answers or not failures:
        output = contained(work.kind.assemble, work.prepared, work.answers, work.failures, work.options)
    waiting = {key for key, why in work.failures.items() if why.nature is Nature.THROTTLED}
    in_vain = [why for key, why in work.in_vain.items() if key in waiting]
    return Outcome(failures=failures, in_vain=in_vain, output=output, model_version=work.model_version)


def _make_folder(work: Work, tools: Tools) -> None:
    work.folder = Path(tempfile.mkdtemp(prefix=f"{work.job.id}-", dir=tools.scratch))


def _named(error: FailureError, file: LocalFile) -> FailureError:
    """The failure in words about what the job named, where a copy of it was decoded."""
    message = error.failure.message.replace(str(file.path), file.name)
    return FailureError(replace(error.failure, message=message))


def _a(family: Family) -> str:
    return f"a {family.value}"
