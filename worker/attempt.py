"""One attempt at one job, as a list of steps over one value: fetch, identify, prepare, recall, ask and check, conclude.

Each step either leaves its findings on the `Work` or raises a `FailureError`. What Gemini answers is stored before
anything else can fail: the answers of a recording's clips one by one as they come, the answer of a picture together
with the end of its job.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gemini.client import GeminiClient
from gemini.question import Call, Question
from media.sandbox import Sandbox
from media.sniff import Family
from media.source import LocalFile, open_local
from models.failures import Failure, FailureCode, FailureError, Nature, failure
from models.moves import AnswerRecord, CallRecord, ClaimedJob, Record
from models.store.answers import StoredAnswer, StoredResult, WantedAnswer
from tasks.base import (
    Answer,
    Clip,
    Kind,
    MediaLimits,
    Options,
    Preparation,
    Prepared,
    hash_clip,
    hash_question,
    read_options,
)
from tasks.registry import find_kind
from worker.booking import call_record
from worker.containment import contained
from worker.grouping import Grouper
from worker.lanes import Lanes
from worker.retry import Outcome
from worker.settings import Settings

LEFT_FOR_OTHERS_SECONDS = 30.0
"""After so long a job that this worker cannot do is offered again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What an attempt works with; shared by all attempts of a process."""

    settings: Settings
    limits: MediaLimits
    gemini: GeminiClient
    sandbox: Sandbox
    lanes: Lanes
    calls_in_flight: asyncio.Semaphore
    """A call counts from its beginning until its answer is stored, so that a kill costs no more answers than this."""
    why_no_call: Callable[[], Failure | None]
    """Why no call may begin now: the worker leaves, its leases may have ended; None if one may."""
    records: Grouper[Record, bool]
    results: Grouper[tuple[str, str], StoredResult | None]
    answers: Grouper[WantedAnswer, StoredAnswer | None]
    scratch: Path


@dataclass(kw_only=True, slots=True)
class Work:
    """What is known of one attempt so far."""

    job: ClaimedJob
    kind: Kind[Any]
    options: Options
    file: LocalFile | None = None
    question_hash: str = ""
    folder: Path | None = None
    prepared: Prepared | None = None
    answers: dict[int, Answer] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    calls: list[CallRecord] = field(default_factory=list)
    """Calls that are not stored yet."""
    unstored: list[AnswerRecord] = field(default_factory=list)
    """Answers that will be stored with the end of the job."""
    model_version: str | None = None
    calling: int = 0
    """Calls in flight now."""
    holds_slot: bool = False
    """The job's only call counts as in flight until the job's end is recorded."""


def begin(job: ClaimedJob) -> Work:
    """A new attempt. Raises FailureError(invalid_options).

    The job was valid where it was accepted. If this worker does not know its kind or an option, a newer one does: the job
    is left for that, and spends no attempt.
    """
    try:
        kind = find_kind(job.kind)
        return Work(job=job, kind=kind, options=read_options(kind, job.options))
    except FailureError as error:
        later = replace(error.failure, nature=Nature.THROTTLED, retry_after_seconds=LEFT_FOR_OTHERS_SECONDS)
        raise FailureError(later) from error


async def carry_out(work: Work, tools: Tools) -> Outcome:
    """All steps of the attempt; what it came to. Raises FailureError."""
    try:
        await fetch(work, tools)
        found = await identify(work, tools)
        if found is not None:
            return Outcome(
                output=found.output, question_hash=work.question_hash, model_version=found.model_version,
                reused_from=found.job_id,
            )  # fmt: skip
        stopped = tools.lanes.blocking(work.job.lane)
        if stopped is not None:  # preparing would be for nothing
            raise FailureError(stopped)
        await prepare(work, tools)
        await recall(work, tools)
        await ask_all(work, tools)
        return conclude(work)
    finally:
        if work.folder is not None:
            await asyncio.to_thread(shutil.rmtree, work.folder, ignore_errors=True)


async def fetch(work: Work, tools: Tools) -> None:
    """Find the media item, see what it is, and hash it."""
    file = await asyncio.to_thread(open_local, work.job.source, max_bytes=tools.settings.max_source_bytes)
    if file.media_type.family is not work.kind.family:
        words = f"{work.job.source} is {_a(file.media_type.family)} ({file.media_type.name}); {work.kind.name} takes "
        raise FailureError(failure(FailureCode.MEDIA_UNSUPPORTED, f"{words}{_a(work.kind.family)}."))
    work.file = file
    work.question_hash = hash_question(work.kind, work.options, model=work.job.model, media_sha256=file.sha256)


async def identify(work: Work, tools: Tools) -> StoredResult | None:
    """The stored result of the same question about the same bytes, if there is one and it may be used."""
    return await tools.results.ask((work.job.owner, work.question_hash)) if work.job.reuse else None


async def prepare(work: Work, tools: Tools) -> None:
    """Decode the item in a process of its own and make it what Gemini accepts."""
    assert work.file is not None
    if work.kind.family is Family.RECORDING:
        work.folder = Path(tempfile.mkdtemp(prefix=f"{work.job.id}-", dir=tools.scratch))
    how = Preparation(limits=tools.limits, options=work.options, model=work.job.model)
    decoding = tools.sandbox.submit(
        work.kind.prepare, str(work.file.path), str(work.folder or ""), how,
        timeout_seconds=tools.settings.decoder_timeout_seconds,
    )  # fmt: skip
    work.prepared = await asyncio.wrap_future(decoding)


async def recall(work: Work, tools: Tools) -> None:
    """Use the paid answers that an earlier attempt left behind."""
    assert work.prepared is not None
    first_of_its_kind = work.job.claim == 1 and (len(work.prepared.clips) == 1 or not work.job.reuse)
    if first_of_its_kind:
        return
    wanted = [
        WantedAnswer(
            owner=work.job.owner, clip_hash=hash_clip(work.question_hash, clip),
            job_id=None if work.job.reuse else work.job.id,
        )
        for clip in work.prepared.clips
    ]  # fmt: skip
    found = await asyncio.gather(*(tools.answers.ask(answer) for answer in wanted))
    for clip, stored in zip(work.prepared.clips, found, strict=True):
        if stored is not None:
            work.answers[clip.index] = stored.answer
            work.model_version = stored.model_version


async def ask_all(work: Work, tools: Tools) -> None:
    """Ask about every clip that has no answer yet, side by side."""
    assert work.prepared is not None
    missing = [clip for clip in work.prepared.clips if clip.index not in work.answers]
    if len(work.prepared.clips) == 1:
        for clip in missing:
            await tools.calls_in_flight.acquire()
            work.holds_slot = True
            await ask_one(work, clip, tools)
        return
    async with asyncio.TaskGroup() as group:
        for clip in missing:
            group.create_task(_ask_and_store(work, clip, tools))


async def ask_one(work: Work, clip: Clip, tools: Tools) -> None:
    """One call about one clip; its answer or its failure is noted on the work."""
    stopped = tools.why_no_call() or tools.lanes.blocking(work.job.lane)
    if stopped is not None:
        work.failures[clip.index] = stopped
        return
    try:
        call = await _ask(work, clip, tools)
    except FailureError as error:
        work.failures[clip.index] = error.failure
        return
    checked = call.failure or _check(work, clip, call)
    work.calls.append(call_record(clip, call, checked if isinstance(checked, Failure) else None))
    if not isinstance(checked, Failure):
        work.answers[clip.index] = checked
        work.model_version = call.model_version or work.job.model
        clip_hash = hash_clip(work.question_hash, clip)
        work.unstored.append(AnswerRecord(clip_hash=clip_hash, model_version=call.model_version, answer=checked))
        return
    work.failures[clip.index] = checked
    pause_seconds = tools.lanes.note(work.job.lane, checked)
    if pause_seconds is not None:
        await asyncio.to_thread(tools.lanes.publish, work.job.lane, checked, pause_seconds)


def conclude(work: Work) -> Outcome:
    """What the answers and failures come to."""
    assert work.prepared is not None
    failures = list(work.failures.values())
    output = None
    if work.answers or not failures:
        output = contained(work.kind.assemble, work.prepared, work.answers, work.failures, work.options)
    return Outcome(failures=failures, output=output, question_hash=work.question_hash, model_version=work.model_version)


async def _ask_and_store(work: Work, clip: Clip, tools: Tools) -> None:
    """Ask about one of several clips, and store what came back before anything else."""
    assert work.prepared is not None
    async with tools.calls_in_flight:
        await ask_one(work, clip, tools)
        calls, work.calls = tuple(work.calls), []
        answers, work.unstored = tuple(work.unstored), []
        if calls or answers:
            progress = (len(work.answers), len(work.prepared.clips))
            record = Record(job=work.job, calls=calls, answers=answers, progress=progress)
            await asyncio.shield(tools.records.ask(record))


async def _ask(work: Work, clip: Clip, tools: Tools) -> Call:
    question = await _question(work, clip, tools)
    work.calling += 1
    try:
        return await tools.gemini.ask(question)
    finally:
        work.calling -= 1


async def _question(work: Work, clip: Clip, tools: Tools) -> Question:
    asked = (
        await asyncio.to_thread(contained, work.kind.ask, clip, work.options, work.job.model)
        if clip.path
        else contained(work.kind.ask, clip, work.options, work.job.model)
    )
    labels = {"job": work.job.id, "clip": str(clip.index)}
    return replace(asked, labels=labels, timeout_seconds=tools.settings.call_timeout_seconds)


def _check(work: Work, clip: Clip, call: Call) -> Answer | Failure:
    """The kind's verdict on a paid call, which is booked whatever becomes of the verdict."""
    try:
        return contained(work.kind.check, clip, call, work.options)
    except FailureError as error:
        return error.failure


def _a(family: Family) -> str:
    return f"a {family.value}"
