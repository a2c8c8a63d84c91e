"""How an attempt meets the parcels: the answers that one brought, and putting questions into the next."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from gemini.attached import AttachmentError
from gemini.batch_lines import read_line, request_line
from gemini.question import Call, Question
from models.failures import Failure, FailureCode, FailureError, failure
from models.ids import new_id
from models.parcel import ParcelledState
from models.store.parcelled import PackedCall, StoredCall
from models.tier import ServiceTier, lane_of
from tasks.base import Clip, hash_clip
from tasks.remedies import Take
from worker.admission import Pass
from worker.forecast import first_guess
from worker.parcels.post import pending
from worker.tiers import seconds_for_batch
from worker.work import Tools, Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """A call whose answer a parcel brought."""

    admitted: Pass
    call: Call
    is_booked: bool
    """An earlier attempt has judged it."""


async def recall_calls(work: Work, tools: Tools) -> None:
    """Note which questions of the job went into parcels before.

    Raises:
        FailureError: `gemini_pending`, while any of them is under way: nothing is prepared before.

    """
    if work.job.claim == 1:
        return
    found = await tools.parcelled.ask(work.job.id)
    under_way = [call for call in found if call.state is ParcelledState.UNDER_WAY]
    if under_way:
        left = max(call.deadline_in_seconds for call in under_way)
        raise FailureError(pending(min(call.since for call in under_way), deadline_seconds=left))
    work.parcelled = {call.clip_hash: call for call in found}


def was_in_batch(work: Work, clip: Clip, take: Take) -> bool:
    """Is it behind this question that it is asked in a batch? Parts of clips and further takes come of answers to it."""
    stored = work.parcelled.get(hash_clip(work.question_hash, clip))
    return take.number > 1 or bool(clip.part) or stored is not None


async def by_parcel(work: Work, clip: Clip, take: Take, question: Question, tools: Tools) -> Brought | Failure | None:
    """The answer that a parcel brought, or what the clip waits with that goes into one; None: it is asked online."""
    stored = work.parcelled.get(hash_clip(work.question_hash, clip))
    if take.number == 1 and stored is not None and stored.state is ParcelledState.ANSWERED:
        return _brought(work, clip, question, stored)
    return await _put(work, clip, question, tools) if question.tier is ServiceTier.ECONOMY else None


def _brought(work: Work, clip: Clip, question: Question, stored: StoredCall) -> Brought:
    guess = first_guess(work.kind.name, replace(question, tier=ServiceTier.ECONOMY), clip)
    lane = lane_of(question.model, ServiceTier.ECONOMY)
    call = read_line((stored.line or "").encode(), model=question.model, now=datetime.now(UTC)).call
    admitted = Pass(call_id=stored.id, lane=lane, guess=guess, input_tokens=guess.input_tokens)
    return Brought(admitted=admitted, call=call, is_booked=stored.is_booked)


async def _put(work: Work, clip: Clip, question: Question, tools: Tools) -> Failure:
    """Put the question into the spool, past the budgets; what its clip waits with until it is known better."""
    lane, call_id = lane_of(question.model, question.tier), new_id("cal")
    stopped = tools.spool.why_not or tools.why_no_call_of(work.job, lane)
    if stopped is not None:
        return stopped
    guess = first_guess(work.kind.name, question, clip)
    most_usd = partial(tools.forecast.most_usd, guess, tools.prices)
    denied = await tools.budgets.hold(work.job, call_id, most_usd, lane=lane)
    if denied is not None:  # what is held for batches is held for long
        wait = max(denied.retry_after_seconds or 0.0, tools.settings.economy_poll_seconds)
        return replace(denied, retry_after_seconds=wait)
    call = PackedCall(
        id=call_id, job_id=work.job.id, claim=work.job.claim, clip=clip.index,
        clip_hash=hash_clip(work.question_hash, clip),
    )  # fmt: skip
    is_packed = False
    try:
        work.spooled[clip.key] = await tools.spool.put(
            call, request_line(question, key=call_id), lane=lane, model=question.model,
            input_tokens=tools.forecast.input_tokens(guess),
            batch_seconds=seconds_for_batch(work.job, tools.settings, held_seconds=work.held_seconds),
        )  # fmt: skip
        is_packed = True
    except FailureError as error:
        return error.failure
    except (OSError, AttachmentError) as error:
        words = f"The question could not be written to the folder for temporary files: {error}. Make room on the disk."
        return failure(FailureCode.INTERNAL, words)
    finally:
        if not is_packed:
            await asyncio.shield(tools.budgets.give_back(call_id, was_sent=False))
    return pending(datetime.now(UTC), deadline_seconds=tools.settings.economy_deadline_seconds)
