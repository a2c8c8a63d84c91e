"""Asking about the clips of one job: recall what is paid for, ask, check, and mend what cannot be believed.

A bad answer is met with a bounded remedy within the attempt (`tasks.remedies`): asked again in another way, or the clip
cut in two. Every call is booked and every answer stored before the next step. An answer in doubt is stored with what was
to be asked next, and that a clip was cut is stored as well, so that an attempt after a crash goes on from there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gemini.question import Call, Question
from models.failures import Failure, FailureError, Nature
from models.moves import AnswerRecord, Record
from models.store.answers import StoredAnswer, WantedAnswer
from models.tier import lane_of, tier_of
from tasks.base import Answer, Clip, Doubt, Preparation, Verdict, hash_clip
from tasks.remedies import Remedy, Take, given_up, remedy_for
from worker.admission import Pass, admit, give_back, note_end
from worker.booking import call_record
from worker.containment import contained
from worker.decoding import decoded
from worker.markers import DOUBTED, NEXT, WAS_SPLIT, doubt_marker, split_marker
from worker.parcels.calls import Brought, by_parcel, was_in_batch
from worker.tiers import is_refusal, refusal
from worker.work import Tools, Work


@dataclass(kw_only=True, slots=True)
class _Course:
    """How the asking about one clip and its parts has gone so far."""

    calls: int = 0
    doubted: dict[str, Answer] = field(default_factory=dict)
    """Paid answers in doubt, by the key of clip or part: they stand if nothing better comes."""


async def recall(work: Work, clips: Sequence[Clip], tools: Tools) -> Mapping[str, StoredAnswer]:
    """The paid answers that an earlier attempt (or job) left behind, by the clip's key."""
    if work.job.claim == 1 and (work.has_one_clip or not work.job.reuse):
        return {}
    job_id = None if work.job.reuse else work.job.id
    keys = {  # doubts first: an answer of the same clip takes their place
        hash_clip(work.question_hash, clip, in_doubt=in_doubt): clip.key for in_doubt in (True, False) for clip in clips
    }
    wanted = (WantedAnswer(owner=work.job.owner, clip_hash=clip_hash, job_id=job_id) for clip_hash in keys)
    found = await asyncio.gather(*(tools.answers.ask(answer) for answer in wanted))
    return {key: stored for key, stored in zip(keys.values(), found, strict=True) if stored is not None}


async def settle(work: Work, clip: Clip, stored: StoredAnswer | None, tools: Tools) -> None:
    """See to it that the clip has its answer or its failure on the work; its file is removed."""
    await _settle(work, clip, stored, _Course(), tools)


async def _settle(work: Work, clip: Clip, stored: StoredAnswer | None, course: _Course, tools: Tools) -> None:
    step: Take | Remedy | None = Take() if stored is None else _recalled(work, clip, stored, course)
    while isinstance(step, Take):
        step = await _take(work, _Turn(clip=clip, take=step, course=course), tools)
    if step is Remedy.SPLIT:
        await _settle_parts(work, clip, course, tools)
    if clip.path is not None:
        await asyncio.to_thread(Path(clip.path).unlink, missing_ok=True)


def _recalled(work: Work, clip: Clip, stored: StoredAnswer, course: _Course) -> Take | Remedy | None:
    """Take over what an earlier attempt left: an answer, what to ask next, or that the clip has to be cut (SPLIT)."""
    work.model_version = stored.model_version
    if stored.answer.get(DOUBTED) is not None:
        course.doubted[clip.key] = stored.answer[DOUBTED]
    if WAS_SPLIT in stored.answer:
        return Remedy.SPLIT
    if NEXT not in stored.answer:
        work.answers[clip.key] = stored.answer
        return None
    following = stored.answer[NEXT]
    course.calls += following["number"] - 1
    return Take(**{**following, "remedy": Remedy(following["remedy"])})


async def _settle_parts(work: Work, clip: Clip, course: _Course, tools: Tools) -> None:
    """Cut the clip in two and see to each part."""
    _let_go(work, tools)
    try:
        parts = await _parts(work, clip, tools)
    except FailureError as error:
        work.failures[clip.key] = error.failure
        return
    work.put_in_place_of(clip, parts)
    stored = await recall(work, parts, tools)
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(_settle(work, part, stored.get(part.key), course, tools))
    _fall_back(work, clip, course)


def _fall_back(work: Work, clip: Clip, course: _Course) -> None:
    """Where a part failed for good, an answer of the whole clip that was only in doubt is better than a hole."""
    doubted = course.doubted.get(clip.key)
    parts = [part for part in work.clips if part.index == clip.index]
    lost = [why for part in parts if (why := work.failures.get(part.key)) and why.nature is Nature.PERMANENT]
    if doubted is None or not lost:
        return
    work.put_in_place_of(parts[0], (clip,))
    for part in parts:
        work.leave_out(part)
    work.answers[clip.key] = doubted


async def _parts(work: Work, clip: Clip, tools: Tools) -> tuple[Clip, ...]:
    how = Preparation(limits=tools.limits, options=work.options, model=work.job.model)
    parts: tuple[Clip, ...] = await decoded(
        tools.sandbox, work.kind.split or _unsplittable, str(clip.path), str(work.folder or ""), how, clip,
        timeout_seconds=tools.settings.decoder_timeout_seconds,
    )  # fmt: skip
    return parts


def _unsplittable(*_: object) -> tuple[Clip, ...]:
    raise AssertionError("only a kind that can split asks for it")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Turn:
    """One call about a clip."""

    clip: Clip
    take: Take
    course: _Course


async def _take(work: Work, turn: _Turn, tools: Tools) -> Take | Remedy | None:
    """One call about the clip, stored; what to do next, or None where its answer or failure is noted on the work."""
    try:
        question = turn.take.of(_question(work, turn, tools))
    except FailureError as error:
        work.failures[turn.clip.key] = error.failure
        return None
    brought = await by_parcel(work, turn.clip, turn.take, question, tools)
    if isinstance(brought, Brought):
        return await _take_up(work, turn, brought, tools)
    admitted = brought or await admit(work, turn.clip, question, tools)
    if isinstance(admitted, Failure):
        _end(work, turn, admitted)
        if admitted.pauses_lane:
            await _tell_lane(work, lane_of(question.model, question.tier), admitted, tools)
        return None
    is_only, call, was_sent = work.has_one_clip, None, False
    try:
        if not work.holds_slot:
            await tools.calls_in_flight.acquire()
            work.holds_slot = is_only
        try:
            stopped = tools.begin_call_of(work.job, admitted.lane)
            if stopped is not None:
                _end(work, turn, stopped)
                return None
            was_sent = True
            call = await _ask(work, question, tools)
            note_end(admitted, call, tools)  # nothing is awaited from the answer until it is booked
            step = _judge(work, turn, admitted, call, tools)
            if step is not None or not is_only:  # the only answer is stored together with the end of the job
                await _store(work, tools)
            await _tell_lane(work, admitted.lane, call.failure, tools, is_answered=call.answered)
            return step
        finally:
            if not is_only:
                tools.calls_in_flight.release()
    finally:
        if call is None:
            await give_back(admitted, tools, was_sent=was_sent)


async def _take_up(work: Work, turn: _Turn, brought: Brought, tools: Tools) -> Take | Remedy | None:
    """An answer that came with a batch goes the way of one that came online; how often it is counted, it is counted once."""
    step = _judge(work, turn, brought.admitted, brought.call, tools)
    if brought.is_booked:
        work.in_vain.pop(turn.clip.key, None)  # waiting since then spends no attempt
    else:
        tools.forecast.learn(brought.admitted.guess, brought.call)
    if step is not None or not work.has_one_clip:
        await _store(work, tools)
    return step


def _judge(work: Work, turn: _Turn, admitted: Pass, call: Call, tools: Tools) -> Take | Remedy | None:
    """Book the call; note its answer, or its failure where nothing more can be done about it."""
    clip, course = turn.clip, turn.course
    course.calls += 1
    verdict = _why_failed(work, admitted, call, tools) or _check(work, clip, call)
    why = verdict.why if isinstance(verdict, Doubt) else verdict if isinstance(verdict, Failure) else None
    answer = verdict.answer if isinstance(verdict, Doubt) else None if isinstance(verdict, Failure) else verdict
    work.calls.append(call_record(admitted, clip, call, why, tools.prices))
    if why is None and answer is not None:
        _stands(work, clip, answer, call.model_version)
        return None
    assert why is not None
    if answer is not None:
        course.doubted[clip.key] = answer
    can_split = work.kind.split is not None and not (answer is not None and clip.part)
    step = remedy_for(why, clip, turn.take, calls=course.calls, can_split=can_split)
    if step is None:
        _end(work, turn, why)
    elif isinstance(step, Remedy):  # SPLIT: the others are ways to ask again
        _keep(work, clip, split_marker(course.doubted.get(clip.key)), call.model_version)
    else:
        work.in_vain[clip.key] = why
        if answer is not None:
            _keep(work, clip, doubt_marker(answer, step), call.model_version, in_doubt=True)
    return step


def _why_failed(work: Work, admitted: Pass, call: Call, tools: Tools) -> Failure | None:
    if call.failure is None or not is_refusal(call, tier_of(admitted.lane)):
        return call.failure
    return refusal(call.failure, work.job, tools.settings, work.seconds_left_in_flex(tools))


def _end(work: Work, turn: _Turn, why: Failure) -> None:
    """Nothing more is asked now: an answer in doubt stands, or it is a failure. What interrupts us decides nothing."""
    clip, course = turn.clip, turn.course
    doubted = course.doubted.get(clip.key)
    if doubted is not None and why.nature is not Nature.INTERRUPTED:
        _stands(work, clip, doubted, None)
    else:
        work.failures[clip.key] = given_up(why, calls=course.calls)


def _stands(work: Work, clip: Clip, answer: Answer, model_version: str | None) -> None:
    work.answers[clip.key] = answer
    work.model_version = model_version or work.model_version or work.job.model
    _keep(work, clip, answer, model_version)


def _keep(work: Work, clip: Clip, answer: Answer, model_version: str | None, *, in_doubt: bool = False) -> None:
    clip_hash = hash_clip(work.question_hash, clip, in_doubt=in_doubt)
    work.unstored.append(AnswerRecord(clip_hash=clip_hash, model_version=model_version, answer=answer))


async def tell_progress(work: Work, tools: Tools) -> None:
    """How many clips there are, and how long the recording is, before the first of them is answered."""
    await asyncio.shield(tools.records.ask(Record(job=work.job, progress=work.progress())))


async def _store(work: Work, tools: Tools) -> None:
    calls, work.calls = tuple(work.calls), []
    answers, work.unstored = tuple(work.unstored), []
    record = Record(job=work.job, calls=calls, answers=answers, progress=work.progress())
    await asyncio.shield(tools.records.ask(record))


async def _tell_lane(work: Work, lane: str, why: Failure | None, tools: Tools, *, is_answered: bool = False) -> None:
    """What is wrong with the lane is wrong for all, also where this clip does with the answer that it had before."""
    action = tools.lanes.note(lane, work.job.id, why) if why is not None else None
    if why is not None and action is not None:
        await asyncio.to_thread(tools.lanes.publish, lane, work.job.id, why, action)
    elif is_answered and tools.lanes.is_probe(lane, work.job.id):
        await asyncio.to_thread(tools.lanes.open, lane)


def _let_go(work: Work, tools: Tools) -> None:
    """The job has several calls from now on, each with a place of its own."""
    if work.holds_slot:
        work.holds_slot = False
        tools.calls_in_flight.release()


async def _ask(work: Work, question: Question, tools: Tools) -> Call:
    work.calling += 1
    try:
        return await tools.gemini.ask(question)
    finally:
        work.calling -= 1


def _question(work: Work, turn: _Turn, tools: Tools) -> Question:
    clip = turn.clip
    asked = contained(work.kind.ask, clip, work.options, work.job.model)
    labels = {"job": work.job.id, "clip": clip.key}
    tier = work.tier(tools, was_in_batch=was_in_batch(work, clip, turn.take))
    return replace(asked, labels=labels, tier=tier, timeout_seconds=tools.settings.timeout_seconds(tier))


def _check(work: Work, clip: Clip, call: Call) -> Verdict:
    """The kind's verdict on a paid call, which is booked whatever becomes of the verdict."""
    try:
        return contained(work.kind.check, clip, call, work.options)
    except FailureError as error:
        return error.failure
