"""Stand-in speech: words as tones, so that what was said can be read back from the sound itself (`hearing.py`).

A word is six tones of 64 ms without a gap between them, 0.384 s in all:

    marker | d1 | d2 | d3 | check 1 | check 2

The marker is one of ten low tones and says whose voice it is; no other tone is so low, so it also says where a word
begins. The five others are digits to the base 11: three name the word, and the two checks make the six symbols a
code (MDS over GF(11)) in which any two words differ in at least three tones: one or two misread tones are
noticed, and never make another word.

Tones lie between 500 and 2,750 Hz, so that telephones and low bit rates carry them. Each has a whole number of
cycles in its 64 ms, so that tones follow one another without a jump, and is faded in and out over 4 ms.
Sound is 16-bit mono; to speak is to join blocks made once, thousands of times faster than real time.
"""

import array
import itertools
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias

from simulator.words import WORDS

TONE_SECONDS = 0.064
TONES = 6
WORD_SECONDS = TONES * TONE_SECONDS
BASE = 11
"""A prime, so that the checks are a code, with BASE cubed at least as large as the number of words."""
VOICES = 10
MARKER_CYCLES = tuple(32 + 6 * voice for voice in range(VOICES))
"""Cycles in a tone, for each voice: 500 to 1,344 Hz."""
DIGIT_CYCLES = tuple(96 + 8 * digit for digit in range(BASE))
"""Cycles in a tone, for each digit: 1,500 to 2,750 Hz."""
AMPLITUDE = 10_000
FADE_SECONDS = 0.004
PAUSE_BLOCK_SECONDS = 1.0
"""Longer pauses come in several blocks."""

Item: TypeAlias = tuple[int, str] | float
"""A word said by a voice (a number from 0), or a pause in seconds."""

_CODES = {word: code for code, word in enumerate(WORDS)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """One word, or a piece of a pause, as it was spoken."""

    block: bytes = field(repr=False)
    """16-bit mono samples, in the machine's byte order."""
    voice: int | None
    """None: a pause."""
    word: str | None
    start: float
    """Seconds from the start of the speech; exact, counted in samples."""
    end: float


def symbols(voice: int, word: str) -> tuple[int, ...]:
    """The digits after the marker. Raises KeyError for a word that the language does not have."""
    code = _CODES[word]
    first, second, third = code // BASE**2, code // BASE % BASE, code % BASE
    return first, second, third, (first + second + third + voice) % BASE, _weighted(first, second, third, voice)


def word_of(voice: int, digits: tuple[int, ...]) -> str | None:
    """The word of these five digits in that voice; None where they are no word."""
    first, second, third, plain, weighted = digits
    if (first + second + third + voice) % BASE != plain or _weighted(first, second, third, voice) != weighted:
        return None
    code = (first * BASE + second) * BASE + third
    return WORDS[code] if code < len(WORDS) else None


def speak(script: Iterable[Item], *, rate: int = 16_000) -> Iterator[bytes]:
    """The script as blocks of 16-bit mono samples. Raises KeyError and IndexError as `spoken` does."""
    return (item.block for item in spoken(script, rate=rate))


def spoken(script: Iterable[Item], *, rate: int = 16_000) -> Iterator[Spoken]:
    """The script, word by word, with the time of each.

    Raises KeyError for a word and IndexError for a voice that does not exist.
    """
    position = 0
    for item in script:
        pieces = _pause(item, rate) if isinstance(item, int | float) else [_word(*item, rate)]
        voice, word = (None, None) if isinstance(item, int | float) else item
        for block in pieces:
            end = position + len(block) // 2
            yield Spoken(block=block, voice=voice, word=word, start=position / rate, end=end / rate)
            position = end


def random_script(seconds: float, seed: int, *, pauses: bool = True, voices: tuple[int, ...] = (0,)) -> Iterator[Item]:
    """Sentences of 4 to 15 words for at most so many seconds, each by one of the voices.

    With pauses there are 0.3 to 1.5 s between sentences; without, not a single silent moment from start to end.
    """
    chance = random.Random(seed)
    position = 0.0
    while True:
        voice = chance.choice(voices)
        for word in chance.choices(WORDS, k=chance.randint(4, 15)):
            position += WORD_SECONDS
            if position > seconds:
                return
            yield voice, word
        if pauses:
            pause = round(chance.uniform(0.3, 1.5), 3)
            position += pause
            yield pause


def _weighted(first: int, second: int, third: int, voice: int) -> int:
    return (first + 2 * second + 3 * third + 4 * voice) % BASE


def _word(voice: int, word: str, rate: int) -> bytes:
    marker = MARKER_CYCLES[voice]
    digits = symbols(voice, word)
    return b"".join((_tone(marker, rate), *(_tone(DIGIT_CYCLES[digit], rate) for digit in digits)))


def _pause(seconds: float, rate: int) -> Iterator[bytes]:
    left, most = round(seconds * rate), round(PAUSE_BLOCK_SECONDS * rate)
    while left > 0:
        yield bytes(2 * min(left, most))
        left -= most


@cache
def _tone(cycles: int, rate: int) -> bytes:
    size, fade = round(TONE_SECONDS * rate), round(FADE_SECONDS * rate)
    step = 2 * math.pi * cycles / size
    rising = [AMPLITUDE * (n + 0.5) / fade for n in range(fade)]
    envelope = itertools.chain(rising, itertools.repeat(AMPLITUDE, size - 2 * fade), reversed(rising))
    return array.array("h", (round(level * math.sin(step * n)) for n, level in enumerate(envelope))).tobytes()
