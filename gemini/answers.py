"""Reads the text of an answer as the shape that was asked for, and knows a loop when it sees one.

Gemini is asked for JSON of a given schema and nearly always gives it; now and then it wraps it in a Markdown fence
or a sentence, stops in the middle, answers in prose, or repeats one phrase until it runs out of tokens. An answer is
taken whole or not at all: nothing is repaired, because what a repair makes up is stored as if it had been seen.
"""
# ruff: noqa: RUF001 - refusals come in many alphabets

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gemini.text import storable
from models.failures import Failure, FailureCode, Nature, failure

BaseModelT = TypeVar("BaseModelT", bound=BaseModel)

SHOWN_CHARS = 200
TAIL_CHARS = 2_000
MAX_PERIOD_CHARS = 120
MIN_REPEATS = 10
MIN_PHRASE_CHARS = 8
MAX_REFUSAL_CHARS = 400

_REFUSALS = (
    (
        r"(?:i['’]m\s+|i\s+am\s+)?(?:really\s+|very\s+|so\s+)?sorry\b.{0,40}?\bi(?:['’]m|\s+am)?\s+"
        r"(?:can['’]?t|cannot|can\s+not|won['’]t|don['’]t|do\s+not|not|unable)\b"
    ),
    r"i\s+apologi[sz]e\b.{0,40}?\b(?:can['’]?t|cannot|unable|not)",
    r"(?:unfortunately,?\s+)?i(?:['’]m|\s+am)\s+(?:not\s+able|unable)\s+to\s",
    (
        r"(?:unfortunately,?\s+)?i\s+(?:can['’]?t|cannot|can\s+not|won['’]t)\s+(?:help|assist|describe|identify|provide|comply"
        r"|process|fulfil|answer|discuss|analy[sz]e|generate|create|do|see|view)"
    ),
    r"as\s+an?\s+(?:ai|artificial|large\s+language)\b",
    r"(?:es\s+tut\s+mir\s+leid|tut\s+mir\s+leid|entschuldigung)\b.{0,60}?\bnicht\b",
    r"(?:ich\s+kann|leider\s+kann\s+ich)\s.{0,60}?\bnicht\s+(?:helfen|beschreiben|beantworten|erfüllen|identifizieren)",
    r"(?:je\s+suis\s+)?désolée?\b.{0,40}?\bje\s+ne\s+(?:peux|suis)",
    r"je\s+ne\s+(?:peux|suis)\s+pas\s+(?:en\s+mesure|vous\s+aider|aider|décrire|répondre)",
    r"lo\s+siento\b.{0,40}?\bno\s+(?:puedo|me\s+es)",
    r"(?:mi\s+dispiace|spiacente)\b.{0,40}?\bnon\s+(?:posso|sono)",
    r"(?:desculpe|sinto\s+muito|lamento)\b.{0,40}?\bnão\s+(?:posso|consigo)",
    r"(?:het\s+spijt\s+me|sorry)\b.{0,40}?\bik\s+kan\b.{0,60}?\bniet\b",
    r"(?:przepraszam|przykro\s+mi)\b.{0,40}?\bnie\s+mogę",
    r"(?:tyvärr|förlåt)\b.{0,20}?\bkan\s+jag\s+inte",
    r"(?:извините|к\s+сожалению|простите)\b.{0,20}?\bя\s+не\s+(?:могу|в\s+состоянии)",
    r"(?:很?抱歉|对不起|對不起).{0,10}?(?:无法|無法|不能)",
    r"申し訳(?:ありません|ございません)",
    r"죄송(?:합니다|하지만)",
)
_REFUSAL = re.compile("|".join(_REFUSALS), re.IGNORECASE | re.DOTALL)


def read_answer(text: str, shape: type[BaseModelT], *, may_repeat: bool = False) -> BaseModelT | Failure:
    """The answer as a `shape`, or why it is none.

    With `may_repeat` a whole answer that goes round in circles is left to the caller: people do chant and count.

    A Markdown fence or words around one JSON object are overlooked. Truncated JSON, prose, a wrong shape and two
    objects are `gemini_invalid_output`; text that goes round in circles is `gemini_degenerate`, in JSON or not;
    a refusal instead of JSON is `gemini_blocked`.
    """
    text = storable(text)
    try:
        answer = _storable(_only_json(text))
        loop = None if may_repeat else repetition(" ".join(_texts_in(answer)))
        return _degenerate(text, loop) if loop else shape.model_validate(answer)
    except ValidationError as error:
        if refused := refusal(text):  # a text in quotation marks is JSON too
            return refused_failure(refused)
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in error.errors()[:3])
        return _invalid(text, f"The answer does not have the shape that was asked for ({wrong}).")
    except (ValueError, RecursionError):
        if loop := repetition(text):
            return _degenerate(text, loop)
        if refused := refusal(text):
            return refused_failure(refused)
        return _invalid(text, "The answer is not one complete JSON object.")


def refusal(text: str) -> str | None:
    """The words by which a short text begins to decline to answer, in the languages asked for most; None else.

    For what speaks in Gemini's own voice: a description, or prose in place of JSON. A transcript may hold the same
    words because somebody said them. What merely quotes them, as of a sign, begins otherwise.
    """
    bare = text.strip().lstrip("\"'*\u201c\u201e«")
    found = _REFUSAL.match(bare) if len(bare) <= MAX_REFUSAL_CHARS else None
    return None if found is None else bare[:SHOWN_CHARS]


def refused_failure(refused: str) -> Failure:
    """The failure that an answer which declines comes to: such refusals come and go, so it is asked again."""
    message = "Gemini declined to answer, in words. It is asked again."
    return failure(FailureCode.GEMINI_BLOCKED, message, nature=Nature.TRANSIENT, refusal=refused)


def repetition(text: str) -> str | None:
    """The phrase that the end of a text repeats without end; None where there is none.

    That is a phrase of up to 120 characters, said at least ten times in a row (a phrase shorter than eight characters
    until it fills as much), which fills most of the last 2,000 characters. Blanks count as one. Works on characters,
    so that languages without blanks between words are covered.
    """
    tail = " ".join(text[-4 * TAIL_CHARS :].split())[-TAIL_CHARS:]
    # A run that fills more than half of the tail goes through its middle: only periods that hold there can matter.
    for period in range(1, min(MAX_PERIOD_CHARS, len(tail) // MIN_REPEATS) + 1):
        start, end = _run_through_middle(tail, period)
        run = end - start
        if run * 2 > len(tail) and run >= MIN_REPEATS * max(period, MIN_PHRASE_CHARS):
            return tail[start : start + period].strip() or None
    return None


def _run_through_middle(tail: str, period: int) -> tuple[int, int]:
    """The widest stretch around the middle in which every character equals the one a period later; empty if none."""
    last = len(tail) - period
    anchor = min(len(tail) // 2, last - 1)
    if tail[anchor] != tail[anchor + period]:
        anchor -= period  # the middle may lie in the run's last turn, where nothing equal follows
        if anchor < 0 or tail[anchor] != tail[anchor + period]:
            return 0, 0
    start = end = anchor
    while start > 0 and tail[start - 1] == tail[start - 1 + period]:
        start -= 1
    while end < last and tail[end] == tail[end + period]:
        end += 1
    return start, end + period


def _only_json(text: str) -> Any:
    """The one JSON value of a text. Raises ValueError where there is none, or more than one object."""
    start = text.find("{")
    if start < 0 or text.lstrip().startswith("["):
        return json.loads(text, parse_constant=_refuse)
    # The first brace must open the whole object: going on to a later one would take a part for the answer.
    value, end = json.JSONDecoder(parse_constant=_refuse).raw_decode(text, start)
    if "{" in text[end:]:
        raise ValueError("more than one JSON object")
    return value


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(item)


def _storable(value: object) -> object:
    """The value with every text in it made fit for a database."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def _invalid(text: str, message: str) -> Failure:
    return failure(FailureCode.GEMINI_INVALID_OUTPUT, f"{message} It is asked again.", answer=text[:SHOWN_CHARS])


def _degenerate(text: str, phrase: str) -> Failure:
    message = f'The answer repeats "{phrase[:40]}" over and over. It is asked again.'
    return failure(FailureCode.GEMINI_DEGENERATE, message, phrase=phrase, answer=text[:SHOWN_CHARS])
