"""The course of one generateContent call: read it, decide what it gets, send that as its fault says."""

import asyncio
from dataclasses import dataclass

from simulator.answers import INPUT_LIMIT_TOKENS, Tokens, count_tokens, cut_to_limit, reply_body
from simulator.errors import CATALOGUE, Reply, catalogue_reply, html_reply, invalid_argument, json_reply
from simulator.faults import Fault
from simulator.http import Connection
from simulator.ledger import Call
from simulator.media import Look, look
from simulator.question import Question, read_question
from simulator.sounds import Sound
from simulator.spoilt import write_spoilt
from simulator.transcriber import check_length, is_transcriber
from simulator.wire import read_request

SHORTEST_DEADLINE_SECONDS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How one call is to end."""

    reply: Reply
    fault: Fault | None = None


def check_deadline(text: str) -> None:
    """Refuse a header X-Server-Timeout (seconds) that the real API finds too short."""
    try:
        seconds = float(text)
    except ValueError:
        raise invalid_argument(f"Invalid value of the header X-Server-Timeout: {text[:40]!r}") from None
    if not seconds >= SHORTEST_DEADLINE_SECONDS:
        raise invalid_argument(
            f"Manually set deadline {seconds:g}s is too short. "
            f"Minimum allowed deadline is {SHORTEST_DEADLINE_SECONDS}s."
        )


def read_call(body: bytes, call: Call) -> tuple[Question, list[Look]]:
    """The question in a request body, noted in the ledger, and what its media show. Raises RefusedError."""
    return look_at(read_question(read_request(body), call.model), call)


def look_at(question: Question, call: Call) -> tuple[Question, list[Look]]:
    """The question, noted in the ledger, and what its media show. Raises RefusedError."""
    call.about(question)
    looks = [look(item) for item in question.media]
    sounds = [item for item in looks if isinstance(item, Sound)]
    call.hears(sounds)
    if is_transcriber(call.model):
        check_length(question.transcription, sounds[0])
    return question, looks


def answer_call(call: Call, question: Question, looks: list[Look], fault: Fault | None) -> Ending:
    """The reply to a valid call, with what the fault makes of it; notes finish, tokens and cost."""
    if fault is not None:
        call.fault = fault.kind
        call.paid = bool(fault.paid)
        if fault.kind in CATALOGUE:
            wait = fault.retry_after_seconds
            return Ending(reply=catalogue_reply(fault.kind, model=call.model, retry_after_seconds=wait), fault=fault)
        if fault.kind == "html_200":
            return Ending(reply=html_reply(200, "Simulated sign-in page of a proxy."), fault=fault)
    answer = cut_to_limit(write_spoilt(question, looks, fault), question)
    tokens = count_tokens(question, looks, answer)
    if tokens.prompt > INPUT_LIMIT_TOKENS:
        raise invalid_argument(
            f"The input token count exceeds the maximum number of tokens allowed {INPUT_LIMIT_TOKENS}."
        )
    call.finish = "BLOCKED" if answer.block_reason else answer.finish
    _note_cost(call, tokens, fault)
    body: object = reply_body(answer, tokens, question, f"sim-{question.sha256[:16]}-{call.sequence}")
    if fault is not None and fault.kind == "json_list_body":
        body = [body]
    empty = fault is not None and fault.kind == "empty_body"
    return Ending(reply=Reply(status=200, body=b"") if empty else json_reply(body), fault=fault)


def _note_cost(call: Call, tokens: Tokens, fault: Fault | None) -> None:
    sent = fault is None or fault.kind not in ("reset", "hang")
    call.paid = sent if fault is None or fault.paid is None else fault.paid
    call.billed = sent or call.paid
    if call.billed:
        call.costs(tokens)


async def deliver(connection: Connection, ending: Ending, call: Call) -> bool:
    """Send the reply in the way that the fault says; True where a client that was still there got it all."""
    reply, fault = ending.reply, ending.fault
    match fault.kind if fault else None:
        case "reset" | "hang" as kind:
            call.status = call.finish = None
            if kind == "hang":
                await connection.closed
            connection.reset()
            return False
        case "reset_mid_body":
            await connection.reset_mid_body(reply)
            return False
        case "trickle" if fault:
            return await connection.trickle(reply, fault.seconds)
        case "late" if fault:
            await asyncio.sleep(fault.seconds)
    return await connection.reply(reply)
