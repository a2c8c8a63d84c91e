"""Answers that a fault has spoilt: well-formed 200 replies that are not to be believed."""

import json
from collections.abc import Sequence
from typing import Any

from simulator.answers import Answer, Look, known_facts, write_answer
from simulator.faults import ANSWER_KINDS, Fault
from simulator.media import Sound
from simulator.question import Question

LOOP = "Simulated loop, not Gemini. "
LOOPS = 500


def write_spoilt(question: Question, looks: Sequence[Look], fault: Fault | None) -> Answer:
    """The answer to the question, spoilt as the fault says; without a fault of that sort, the plain one."""
    facts = known_facts(looks)
    if fault is None or fault.kind not in ANSWER_KINDS:
        return Answer(text=write_answer(question, facts))
    if fault.kind == "blocked":
        return Answer(text=None, finish=None, block_reason=fault.reason)
    if fault.kind == "finish":
        text = write_answer(question, facts)
        return Answer(text=text[: len(text) // 2] if fault.reason == "MAX_TOKENS" else None, finish=fault.reason)
    if fault.kind == "empty_stop":
        return Answer(text=None)
    if fault.kind == "empty_candidates":
        return Answer(text=None, finish=None)
    return Answer(text=_spoilt_text(question, looks, facts, fault.kind), heard=fault.kind != "audio_not_heard")


def _spoilt_text(question: Question, looks: Sequence[Look], facts: dict[str, Any], kind: str) -> str:
    if kind == "wrong_shape":
        return json.dumps({"simulated": [1, {"unexpected": True}]})
    if kind == "not_json":
        return '{"caption": "Simulated, not Gemini", "tags": [broken'
    if kind == "refusal":
        return "I'm sorry, but I can't help with that request. (Simulated refusal, not Gemini.)"
    if kind == "loop":
        facts = facts | {"caption": LOOP * LOOPS, "text": LOOP * LOOPS, "segments": _looped(facts), "no_speech": False}
    if kind == "bad_times":
        facts = facts | {"segments": _badly_timed(looks), "no_speech": False}
    if kind == "audio_not_heard":
        facts = facts | {"segments": [_segment(0.0, 4.2, "Thank you all for coming today.")], "no_speech": False}
    text = write_answer(question, facts)
    return f"```json\n{text}\n```" if kind == "fenced" else text


def _looped(facts: dict[str, Any]) -> list[dict[str, Any]]:
    segments = facts.get("segments") or [_segment(0.0, 1.0, "")]
    return [{**segments[0], "text": LOOP * LOOPS}]


def _badly_timed(looks: Sequence[Look]) -> list[dict[str, Any]]:
    """Beyond the end, before the one before, and ending before it starts."""
    end = max((look.duration for look in looks if isinstance(look, Sound)), default=10.0)
    stamps = ((end + 60, end + 65), (end / 2, end / 2 + 1), (end / 4 + 2, end / 4))
    return [_segment(start, stop, "Simulated transcript with bad times, not Gemini.") for start, stop in stamps]


def _segment(start: float, end: float, text: str) -> dict[str, Any]:
    return {"start": round(start, 2), "end": round(end, 2), "speaker": "Speaker 1", "text": text}
