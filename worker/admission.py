"""Letting a call begin: through the limiter first, then past the budgets of its job.

`admit` gives a `Pass` or the reason why the call may not begin now; whoever has a pass says how the call ended (`note_end`), or
that nobody will know (`give_back`). What is refused here waits and has spent nothing: no attempt, no call, no money.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from gemini.question import Call, Question
from models.failures import Failure, FailureCode, Nature, failure
from models.ids import new_id
from models.tier import lane_of
from tasks.base import Clip
from worker.forecast import Guess, first_guess
from worker.quota.terms import Outcome, Reason, Reply, Settled, Want
from worker.work import Tools, Work

PATIENCE_SECONDS = 5.0
"""So long a job stands in line with a slot in its hands; then it waits in SQL."""
RECORDING_PATIENCE_SECONDS = 120.0
"""A recording that has begun would have to be prepared anew."""
LONGEST_HOLD_SECONDS = 60.0
"""What a 429 asks for beyond that is the lane's pause, which everybody sees and may end."""

LOOK_AGAIN_SECONDS = 600.0
"""So soon a job looks again, though the day is longer: the limit may be raised, and without Redis a day's share is no day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """A call that may begin."""

    call_id: str
    lane: str
    guess: Guess
    input_tokens: int
    """What was reserved: the guess, as earlier calls correct it."""


async def admit(work: Work, clip: Clip, question: Question, tools: Tools) -> Pass | Failure:
    """Wait for the call's turn. The failure says what it would have to wait for longer than it can."""
    lane, call_id = lane_of(question.model, question.tier), new_id("cal")
    guess = first_guess(work.kind.name, question, clip)
    tokens = tools.forecast.input_tokens(guess)
    patience = PATIENCE_SECONDS if work.has_one_clip else RECORDING_PATIENCE_SECONDS
    reply = await tools.gate.enter(lane, Want(id=call_id, input_tokens=tokens), patience_seconds=patience)
    if reply.reason is not None:
        return _refused(lane, reply, tokens)
    admitted = Pass(call_id=call_id, lane=lane, guess=guess, input_tokens=tokens)
    denied: Failure | None = None
    is_held = False
    try:
        most_usd = partial(tools.forecast.most_usd, guess, tools.prices)
        denied = await tools.budgets.hold(work.job, call_id, most_usd, lane=lane)
        is_held = denied is None
    finally:
        if not is_held:
            await give_back(admitted, tools, was_sent=False)
    return denied or admitted


def note_end(admitted: Pass, call: Call, tools: Tools) -> None:
    """The call has ended. What was held for it is settled when it is recorded."""
    tools.forecast.learn(admitted.guess, call)
    more = call.usage.input_tokens - admitted.input_tokens if call.usage else 0
    outcome, wait = _outcome(call)
    tools.gate.leave(admitted.lane, Settled(id=admitted.call_id, outcome=outcome, more_tokens=more, wait_seconds=wait))


async def give_back(admitted: Pass, tools: Tools, *, was_sent: bool) -> None:
    """The call was not made, or it was broken off and nobody will know how it ended."""
    tools.gate.leave(
        admitted.lane, Settled(id=admitted.call_id, outcome=Outcome.BROKEN_OFF if was_sent else Outcome.UNSENT)
    )
    await asyncio.shield(tools.budgets.give_back(admitted.call_id, was_sent=was_sent))


def _outcome(call: Call) -> tuple[Outcome, float]:
    """How the call ended for the limiter, and the wait that it asks for."""
    why = call.failure
    if why is None:
        return Outcome.GOOD, 0.0
    if why.code is FailureCode.GEMINI_QUOTA and call.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return Outcome.THROTTLED, min(why.retry_after_seconds or 0.0, LONGEST_HOLD_SECONDS)
    if why.code is FailureCode.GEMINI_UNAVAILABLE and why.nature is Nature.THROTTLED:
        return Outcome.UNSENT, 0.0  # nobody is reached from this machine: no news of the other side
    is_trouble = why.code in (FailureCode.GEMINI_UNAVAILABLE, FailureCode.GEMINI_TIMEOUT)
    return (Outcome.FAILED if is_trouble else Outcome.GOOD), 0.0


_WAITS_FOR = {
    Reason.REQUESTS: "is at its limit of requests a minute",
    Reason.TOKENS: "is at its limit of input tokens a minute",
    Reason.DAY: "has used up its requests of the day, which begins anew at midnight in California",
    Reason.IN_FLIGHT: "has as many calls in flight as Gemini bears at the moment",
    Reason.HELD: "was told by Gemini to wait",
    Reason.SHUT: "is not called while Gemini is in trouble; one call at a time finds out whether it still is",
}


def _refused(lane: str, reply: Reply, tokens: int) -> Failure:
    if reply.reason is Reason.TOO_LARGE:
        words = (
            f"One call needs about {tokens:,} input tokens, more than {lane} may take in a minute: it can "
            "never pass. Raise the lane's limit of input tokens, or lower MEDIASCRIBE_CLIP_SECONDS."
        )
        return failure(FailureCode.GEMINI_QUOTA, words, nature=Nature.PERMANENT, input_tokens=tokens)
    assert reply.reason is not None
    words = f"The lane {lane} {_WAITS_FOR[reply.reason]}. The job waits its turn; no attempt is spent."
    wait = min(max(reply.wait_seconds, 1.0), LOOK_AGAIN_SECONDS)
    code = FailureCode.GEMINI_UNAVAILABLE if reply.reason is Reason.SHUT else FailureCode.GEMINI_QUOTA
    return failure(code, words, nature=Nature.THROTTLED, retry_after_seconds=wait, limit=str(reply.reason))
