"""What a call will take, told before it is sent: its input tokens, for the limiter, and its cost at most, for budgets.

The first guess comes from the table of what models make of pictures and sound; from then on the calls of this process
correct it, kind by kind and model by model. Lives on the core's event loop.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil

from gemini.abilities import Detail, audio_ability, picture_ability
from gemini.prices import PriceTable, cost_usd
from gemini.question import Call, Question, Usage
from models.tier import ServiceTier
from tasks.base import Clip

CHARACTERS_PER_TOKEN = 4
FRAME_TOKENS = 150
"""The answer's schema and what frames a request."""
WEIGHT = 0.1
"""Of the newest call in the running average."""
NARROWEST, WIDEST = 0.25, 4.0
CAPTION_TOKENS = 300
TRANSCRIPT_TOKENS = 100
TRANSCRIPT_TOKENS_PER_SECOND = 8
"""Two and a half words a second, each with its share of times, names and brackets."""
DEVIATIONS = 3.0
"""So many mean deviations above the average answer are held for one: nearly none is longer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """Tokens of one call by the tables alone."""

    kind: str
    model: str
    tier: ServiceTier
    input_tokens: int
    output_tokens: int
    """Answer and thinking."""


@dataclass(kw_only=True, slots=True)
class _Seen:
    ratio: float = 1.0
    """Input tokens that were counted, in relation to the first guess."""
    answer: float = 1.0
    """The same of the answer and the thinking."""
    deviation: float = 1.0 / 3.0
    """How far from that answers are, on average."""


class Forecast:
    """Guesses, and learns from what came of it."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}

    def input_tokens(self, guess: Guess) -> int:
        """Input tokens of a call, as far as can be told before."""
        seen = self._seen.get((guess.kind, guess.model), _Seen())
        return max(1, ceil(guess.input_tokens * seen.ratio))

    def most_usd(self, guess: Guess, prices: PriceTable) -> Decimal:
        """What the call costs at most, but for rare ones; 0 where nobody knows the price."""
        seen = self._seen.get((guess.kind, guess.model), _Seen())
        answer = ceil(guess.output_tokens * (seen.answer + DEVIATIONS * seen.deviation))
        usage = Usage(input_tokens=self.input_tokens(guess), output_tokens=answer)
        return cost_usd(prices, guess.model, usage, datetime.now(UTC).date(), guess.tier) or Decimal(0)

    def learn(self, guess: Guess, call: Call) -> None:
        """The call came back: if its tokens were counted, the next guesses are better."""
        if call.usage is None or not call.usage.input_tokens:
            return
        seen = self._seen.setdefault((guess.kind, guess.model), _Seen())
        ratio = min(max(call.usage.input_tokens / guess.input_tokens, NARROWEST), WIDEST)
        seen.ratio += WEIGHT * (ratio - seen.ratio)
        answer = (call.usage.output_tokens + call.usage.thinking_tokens) / guess.output_tokens
        seen.deviation += WEIGHT * (abs(answer - seen.answer) - seen.deviation)
        seen.answer += WEIGHT * (answer - seen.answer)


def first_guess(kind: str, question: Question, clip: Clip) -> Guess:
    """Tokens of the call by the tables alone."""
    text = FRAME_TOKENS + (len(question.prompt) + len(question.system)) // CHARACTERS_PER_TOKEN
    if clip.mime_type.startswith("image/"):
        media, answer = len(question.attachments) * _picture_tokens(question), CAPTION_TOKENS
    else:
        media = ceil(clip.seconds * audio_ability(question.model).most_tokens)
        answer = TRANSCRIPT_TOKENS + ceil(clip.seconds * TRANSCRIPT_TOKENS_PER_SECOND)
    return Guess(kind=kind, model=question.model, tier=question.tier, input_tokens=text + media, output_tokens=answer)


def _picture_tokens(question: Question) -> int:
    levels = (picture_ability(question.model, detail) for detail in Detail)
    return next((level.tokens for level in levels if level.resolution == question.media_resolution), 0) or max(
        picture_ability(question.model, detail).tokens for detail in Detail
    )
