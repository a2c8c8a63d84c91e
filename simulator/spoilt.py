"""Answers that a fault has spoilt: well-formed 200 replies that are not to be believed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from simulator.answers import TONES, Answer, cut_off, known_facts, text_parts, write_answer
from simulator.faults import ANSWER_KINDS, Fault
from simulator.media import Look
from simulator.misheard import LOOP, LOOPS, MISHEARD, REFUSAL
from simulator.question import Question
from simulator.sounds import Sound
from simulator.transcriber import is_transcriber
from simulator.transcripts import LANGUAGE, Segment, as_parts, clock_text, duration_text, respelt, transcribe

_SAME_AS: Mapping[str, tuple[str, str | None]] = {
    "truncate_over": ("finish", "MAX_TOKENS"),
    "recitation_over": ("finish", "RECITATION"),
    "recitation_cold": ("finish", "RECITATION"),
    "empty_cold": ("empty_stop", None),
    "loop_over": ("loop", None),
}
"""Faults that differ in when they come, not in what they do."""
_AUDIO_SHARES = {"audio_not_heard": 0.0, "half_tokens": 0.5}
_CACHED_SHARES = {"cached": 0.5}
_PLAIN = {
    "wrong_shape": json.dumps({"simulated": [1, {"unexpected": True}]}),
    "not_json": '{"caption": "Simulated, not Gemini", "tags": [broken',
    "refusal": REFUSAL,
}
"""Texts that are the whole answer."""


def write_spoilt(question: Question, looks: Sequence[Look], fault: Fault | None) -> Answer:
    """The answer to the question, spoilt as the fault says; without a fault of that sort, the plain one."""
    if fault is None or fault.kind not in ANSWER_KINDS:
        return _written(question, looks, "")
    kind, reason = _SAME_AS.get(fault.kind, (fault.kind, fault.reason))
    if kind in ("blocked", "empty_candidates"):
        return Answer(finish=None, block_reason=reason if kind == "blocked" else None)
    if kind == "empty_stop" or (kind == "finish" and reason != "MAX_TOKENS"):
        return Answer(finish="STOP" if kind == "empty_stop" else reason)
    if kind in _PLAIN:
        return Answer(parts=text_parts(_PLAIN[kind]))
    answer = _written(question, looks, kind)
    return cut_off(answer, answer.length // 2) if kind == "finish" else answer


def _written(question: Question, looks: Sequence[Look], kind: str) -> Answer:
    """The answer that is right in form, with the contents that the fault of this kind makes."""
    sounds = [look for look in looks if isinstance(look, Sound)]
    language = question.translate_to or LANGUAGE
    if kind == "wrong_language":
        language = "de" if language == "fr" else "fr"
    segments = transcribe(sounds, fragments=kind == "fragments")
    note = TONES if any(segment.words for segment in segments) else None
    if kind in MISHEARD:
        segments = MISHEARD[kind](segments, max((sound.duration for sound in sounds), default=0.0))
    segments = respelt(segments, lambda word: _spelt(word, question, language))
    answer = Answer(parts=_parts(question, looks, segments, language, kind), note=note)
    return replace(
        answer, audio_share=_AUDIO_SHARES.get(kind, 1.0), cached_share=_CACHED_SHARES.get(kind, answer.cached_share)
    )


def _spelt(word: str, question: Question, language: str) -> str:
    """The word as the vocabulary spells it, or in another language: `de-river`."""
    if is_transcriber(question.model):
        word = next((term for term in question.transcription.vocabulary if term.lower() == word.lower()), word)
    return word if language == LANGUAGE else f"{language}-{word}"


def _parts(
    question: Question, looks: Sequence[Look], segments: list[Segment], language: str, kind: str
) -> tuple[dict[str, Any], ...]:
    if is_transcriber(question.model) and kind not in ("fenced", "two_objects"):
        hints = question.transcription.language_codes
        code = next((hint for hint in hints if hint.partition("-")[0] == language), language)
        offset = clock_text if kind == "clock_times" else duration_text
        return tuple(as_parts(segments, code, question.transcription, offset))
    declared = question.language if question.language and language == LANGUAGE else language
    facts = known_facts(looks, segments, declared, question.language)
    text = write_answer(question, facts | _spoilt_facts(facts, kind, language))
    if kind == "clock_times":
        text = _with_clock_times(text)
    if kind == "two_objects":
        text = f"{text}\n{text}"
    return text_parts(f"```json\n{text}\n```" if kind == "fenced" else text)


def _spoilt_facts(facts: dict[str, Any], kind: str, language: str) -> dict[str, Any]:
    """What the fault changes in what is said of pictures."""
    if kind == "loop":
        return dict.fromkeys(("caption", "text"), LOOP * LOOPS)
    if kind == "refusal_json":
        return dict.fromkeys(("caption", "alt_text"), REFUSAL)
    if kind == "wrong_language":
        said: dict[str, str] = {name: facts[name] for name in ("caption", "alt_text") if name in facts}
        foreign: dict[str, Any] = {
            name: " ".join(f"{language}-{word}" for word in text.split()) for name, text in said.items()
        }
        return {**foreign, "language": language}
    return {}


def _with_clock_times(text: str) -> str:
    """The JSON with the times of its segments as `00:01:02`; any other text as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    segments = value.get("segments") if isinstance(value, dict) else None
    for segment in filter(_is_object, segments if isinstance(segments, list) else []):
        times = {name: segment[name] for name in ("start", "end") if isinstance(segment.get(name), int | float)}
        segment.update({name: clock_text(time) for name, time in times.items()})
    return json.dumps(value, ensure_ascii=False)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)
