"""Reads the text of an answer as the shape that was asked for, and knows a loop when it sees one.

Gemini is asked for JSON of a given schema and nearly always gives it; now and then it wraps it in a Markdown fence
or a sentence, stops in the middle, answers in prose, or repeats one phrase until it runs out of tokens. An answer is
taken whole or not at all: nothing is repaired, because what a repair makes up is stored as if it had been seen.
"""

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gemini.text import storable
from models.failures import Failure, FailureCode, failure

BaseModelT = TypeVar("BaseModelT", bound=BaseModel)

SHOWN_CHARS = 200
TAIL_CHARS = 2_000
MAX_PERIOD_CHARS = 120
MIN_REPEATS = 10
MIN_PHRASE_CHARS = 8


def read_answer(text: str, shape: type[BaseModelT]) -> BaseModelT | Failure:
    """The answer as a `shape`, or why it is none.

    A Markdown fence or words around one JSON object are overlooked. Truncated JSON, prose, a wrong shape and two
    objects are `gemini_invalid_output`; text that goes round in circles is `gemini_degenerate`, in JSON or not.
    """
    text = storable(text)
    try:
        answer = _storable(_only_json(text))
        loop = repetition(" ".join(_texts_in(answer)))
        return _degenerate(text, loop) if loop else shape.model_validate(answer)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in error.errors()[:3])
        return _invalid(text, f"The answer does not have the shape that was asked for ({wrong}).")
    except (ValueError, RecursionError):
        loop = repetition(text)
        return _degenerate(text, loop) if loop else _invalid(text, "The answer is not one complete JSON object.")


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
