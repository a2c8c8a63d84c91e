"""What a call will take, told before it is sent: its input tokens, for the limiter and for budgets.

The first guess comes from the table of what models make of pictures and sound; from then on the calls of this process
correct it, kind by kind and model by model. Lives on the core's event loop.
"""

from dataclasses import dataclass
from math import ceil

from gemini.abilities import Detail, audio_ability, picture_ability
from gemini.question import Call, Question
from tasks.base import Clip

CHARACTERS_PER_TOKEN = 4
FRAME_TOKENS = 150
"""The answer's schema and what frames a request."""
WEIGHT = 0.1
"""Of the newest call in the running average."""
NARROWEST, WIDEST = 0.25, 4.0


@dataclass(kw_only=True, slots=True)
class _Seen:
    ratio: float = 1.0
    """Input tokens that were counted, in relation to the first guess."""


class Forecast:
    """Guesses, and learns from what came of it."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}

    def input_tokens(self, kind: str, model: str, guess: int) -> int:
        """Input tokens of a call, as far as can be told before, from the first guess."""
        seen = self._seen.get((kind, model))
        return max(1, ceil(guess * (seen.ratio if seen else 1.0)))

    def learn(self, kind: str, model: str, guess: int, call: Call) -> None:
        """The call came back: if its tokens were counted, the next guesses are better."""
        counted = call.usage.input_tokens if call.usage else 0
        if counted:
            seen = self._seen.setdefault((kind, model), _Seen())
            ratio = min(max(counted / guess, NARROWEST), WIDEST)
            seen.ratio += WEIGHT * (ratio - seen.ratio)


def first_guess(question: Question, clip: Clip) -> int:
    """Input tokens by the table alone."""
    text = FRAME_TOKENS + (len(question.prompt) + len(question.system)) // CHARACTERS_PER_TOKEN
    if clip.mime_type.startswith("image/"):
        return text + len(question.attachments) * _picture_tokens(question)
    return text + ceil(clip.seconds * audio_ability(question.model).most_tokens)


def _picture_tokens(question: Question) -> int:
    levels = (picture_ability(question.model, detail) for detail in Detail)
    return next((level.tokens for level in levels if level.resolution == question.media_resolution), 0) or max(
        picture_ability(question.model, detail).tokens for detail in Detail
    )
