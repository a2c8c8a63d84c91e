"""Reading stand-in speech (`speech.py`) back from sound: which words, whose, from when to when.

The sound is looked through in windows of 32 ms. A window that is as good as a pure tone at one of the markers'
frequencies begins a word; the marker's ends give its place, and the five tones that must follow are read from
the middle 32 ms of each, where neighbours have not smeared into them. What is not pure, or not a code word, is
nothing: silence, noise, music, two voices at once and words that are cut give no words rather than wrong ones.

`audioop` (C, in the standard library or in audioop-lts) does the sums: its `findfactor` with a sine and a cosine gives
the strength of one frequency. An hour takes a few seconds.
"""

import array
import audioop
import math
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.speech import DIGIT_CYCLES, FADE_SECONDS, MARKER_CYCLES, TONE_SECONDS, TONES, VOICES, symbols, word_of
from simulator.words import WORDS

RATE = 16_000
"""Samples per second of the sound that is heard."""
QUIETEST = 24
"""Root mean square below which there is nothing to hear: -63 dBFS."""
PUREST = 0.35
"""So much of a window's energy has to lie in one tone: low bit rates keep little more of some."""
SLACK = 160
"""So many samples (10 ms) of a word may be missing at the sound's edge."""

_TONE = round(TONE_SECONDS * RATE)
_WORD = TONES * _TONE
_WINDOW = _TONE // 2
_EDGE = _TONE // 4
_EDGE_STEP = _TONE // 16
_FADE = round(FADE_SECONDS * RATE)
_REFERENCE = 16_384
_ENOUGH = 3
"""So many digits of a word that is cut are asked for."""

_Pair = tuple[bytes, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A word that was heard. Times are in seconds from the start of the sound."""

    word: str
    voice: int
    start: float
    end: float
    cut: bool = False
    """The sound's edge cuts the word; `word` is then the half that was heard."""


def hear(pcm: bytes, *, fragments: bool = False) -> list[Heard]:
    """The words in 16-bit mono sound of 16 kHz, in order.

    A word that the start or the end of the sound cuts is left out; with `fragments`, one of which two thirds are there
    comes as half of its letters: the first at the end; the last at the start, where another word follows at once.
    """
    ear = _Ear(pcm)
    words = list(ear.words())
    return [*ear.last_letters(words), *words, *ear.first_letters()] if fragments else words


def _pair(cycles: int, size: int) -> _Pair:
    """A cosine and a sine of a tone's frequency, so many samples long."""
    step = 2 * math.pi * cycles / _TONE
    cosine, sine = (
        array.array("h", (round(_REFERENCE * wave(step * n)) for n in range(size))).tobytes()
        for wave in (math.cos, math.sin)
    )
    return cosine, sine


_MARKERS = [_pair(cycles, _WINDOW) for cycles in MARKER_CYCLES]
_DIGITS = [_pair(cycles, _WINDOW) for cycles in DIGIT_CYCLES]
_EDGES = [_pair(cycles, _EDGE) for cycles in MARKER_CYCLES]


class _Ear:
    """Listens to one sound. Positions are in samples."""

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._size = len(pcm) // 2
        self._cut_at: tuple[int, int] | None = None
        """Voice and beginning of a word that the sound's end cuts."""

    def words(self) -> Iterator[Heard]:
        """Every whole word."""
        at = 0
        while at + _WINDOW <= self._size:
            voice = self._tone(at, _MARKERS)
            if voice is None:
                at += _WINDOW // 2
                continue
            begin, end = self._place(at, voice)
            word = None if begin is None else self._word(begin, voice)
            if begin is None or word is None:
                at = max(end, at + _WINDOW // 2)
                continue
            yield Heard(word=word, voice=voice, start=max(0, begin) / RATE, end=(begin + _WORD) / RATE)
            at = begin + _WORD

    def first_letters(self) -> Iterator[Heard]:
        """Of the word that the end cuts, where its three digits are there; known once `words` has come to the end."""
        if self._cut_at is None:
            return
        voice, begin = self._cut_at
        whole_tones = (self._size + SLACK - begin) // _TONE
        found = self._guess(voice, begin, range(1, whole_tones))
        if found:
            word = found[1]
            letters = word[: (len(word) + 1) // 2]
            yield Heard(word=letters, voice=voice, start=begin / RATE, end=self._size / RATE, cut=True)

    def last_letters(self, words: list[Heard]) -> Iterator[Heard]:
        """Of the word that the start cuts, where its last four tones are there and the first whole word follows."""
        if not words:
            return
        end = round(words[0].start * RATE)
        begin = end - _WORD
        first = max(1, -((begin + SLACK) // _TONE))
        found = self._guess(None, begin, range(first, TONES)) if begin < -SLACK else None
        if found:
            voice, word = found
            yield Heard(word=word[len(word) // 2 :], voice=voice, start=0.0, end=end / RATE, cut=True)

    def _block(self, at: int, size: int) -> bytes:
        return self._pcm[2 * at : 2 * (at + size)]

    def _tone(self, at: int, tones: list[_Pair]) -> int | None:
        """Which of the tones the window there is; None where it is none of them purely."""
        block = self._block(at, _WINDOW)
        loudness = audioop.rms(block, 2)
        if loudness < QUIETEST:
            return None
        energies = [_energy(block, pair) for pair in tones]
        best = max(energies)
        return energies.index(best) if best >= PUREST * loudness**2 else None

    def _place(self, at: int, voice: int) -> tuple[int | None, int]:
        """Where the marker begins that the window at `at` has found, and where it ends.

        The edges lie where the tone has half its strength in a short window. The sound's start may cut the earlier one off;
        where the later one is not found, or the earlier one inside the sound, this is no marker: the beginning is None.
        """
        first = max(0, at - _WINDOW)
        places = range(first, min(at + _TONE + _WINDOW, self._size - _EDGE) + 1, _EDGE_STEP)
        strengths = [math.sqrt(_energy(self._block(place, _EDGE), _EDGES[voice])) for place in places]
        earlier, later = _rise(strengths), _rise(strengths[::-1])
        if later is None:
            return None, places[-1] + _EDGE
        end = places[-1] + _EDGE // 2 - round(later * _EDGE_STEP) + _FADE // 2
        if earlier is None:
            return (None if first else end - _TONE), end
        start = first + _EDGE // 2 + round(earlier * _EDGE_STEP) - _FADE // 2
        # Low bit rates weaken the marker's first half, where the end is still to be trusted.
        is_whole = abs(end - start - _TONE) <= _TONE // 8
        return ((start + end - _TONE) // 2 if is_whole else end - _TONE), end

    def _word(self, begin: int, voice: int) -> str | None:
        if begin < -SLACK:
            return None
        if begin + _WORD > self._size + SLACK:
            self._cut_at = voice, begin
            return None
        digits = self._digits(begin, range(1, TONES))
        return None if digits is None else word_of(voice, digits)

    def _digits(self, begin: int, places: range) -> tuple[int, ...] | None:
        """The tones at these places of the word that begins there; None where one is not pure."""
        digits: list[int] = []
        for place in places:
            digit = self._tone(begin + place * _TONE + (_TONE - _WINDOW) // 2, _DIGITS)
            if digit is None:
                return None
            digits.append(digit)
        return tuple(digits)

    def _guess(self, voice: int | None, begin: int, places: range) -> tuple[int, str] | None:
        """The voice and the word that these tones alone leave possible."""
        digits = self._digits(begin, places) if len(places) >= _ENOUGH else None
        if digits is None:
            return None
        kept = slice(places.start - 1, places.stop - 1)
        voices = range(VOICES) if voice is None else (voice,)
        possible = [(who, word) for who in voices for word in WORDS if symbols(who, word)[kept] == digits]
        return possible[0] if len(possible) == 1 else None


def _energy(block: bytes, pair: _Pair) -> float:
    """The mean square of that frequency in the block."""
    cosine, sine = pair
    return float(audioop.findfactor(block, cosine) ** 2 + audioop.findfactor(block, sine) ** 2) * _REFERENCE**2 / 2


def _rise(strengths: list[float]) -> float | None:
    """After how many steps the strength first is half of its peak; None where it begins above that."""
    half = max(strengths) / 2
    step = next(number for number, strength in enumerate(strengths) if strength >= half)
    if step == 0:
        return None
    before, after = strengths[step - 1 : step + 1]
    return step - 1 + (half - before) / (after - before)
