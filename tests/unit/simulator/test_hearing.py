"""Hearing: every word survives what recordings go through, and nothing is heard that was not said."""

import array
import audioop
import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.hearing import Heard, hear
from simulator.speech import VOICES, Spoken, random_script
from simulator.words import WORDS
from tests.unit.simulator.recordings import RATE, decoded, encoded, noise, said

ALL_VOICES = tuple(range(VOICES))
DENSE, DENSE_WORDS = said(random_script(30, 5, pauses=False, voices=ALL_VOICES))


def in_order(words: list[Heard] | list[Spoken]) -> list[tuple[str | None, int | None]]:
    return [(item.word, item.voice) for item in words]


def furthest(heard: list[Heard], words: list[Spoken], later: float = 0.0) -> float:
    pairs = zip(heard, words, strict=True)
    return max(max(abs(a.start - b.start - later), abs(a.end - b.end - later)) for a, b in pairs)


@pytest.mark.parametrize(
    ("container", "codec", "rate", "bit_rate", "offset"),
    [
        ("mp3", "libmp3lame", 44_100, 48_000, 1),
        ("mp3", "libmp3lame", 16_000, 32_000, 777),
        ("mp3", "libmp3lame", 48_000, 32_000, 5_001),
        ("ipod", "aac", 44_100, 48_000, 1_313),
        ("ogg", "libopus", 48_000, 24_000, 777),
        ("wav", "pcm_mulaw", 8_000, None, 333),
        ("flac", "flac", 48_000, None, 2_499),
        ("flac", "flac", 8_000, None, 1),
    ],
)
def test_every_word_survives_every_codec_at_any_offset(
    container: str, codec: str, rate: int, bit_rate: int | None, offset: int
) -> None:
    script = [*random_script(25, offset, voices=ALL_VOICES), *random_script(15, offset, pauses=False)]
    pcm, words = said(script, rate)
    heard = hear(decoded(encoded(bytes(2 * offset) + pcm, container, codec, rate=rate, bit_rate=bit_rate)))
    assert in_order(heard) == in_order(words)
    assert furthest(heard, words, later=offset / rate) < 0.03


def test_every_word_of_the_language_is_heard_in_some_voice() -> None:
    pcm, words = said((number % VOICES, word) for number, word in enumerate(WORDS))
    assert in_order(hear(pcm)) == in_order(words)


@pytest.mark.parametrize("gain", [0.01, 0.1, 3.0])
def test_the_level_does_not_matter(gain: float) -> None:
    assert in_order(hear(audioop.mul(DENSE, 2, gain))) == in_order(DENSE_WORDS)


def test_words_are_heard_through_noise() -> None:
    pcm, words = said(random_script(20, 3, voices=ALL_VOICES))
    heard = hear(audioop.add(pcm, noise(20, 1500)[: len(pcm)], 2))
    assert in_order(heard) == in_order(words)
    assert furthest(heard, words) < 0.03


def test_two_voices_that_take_turns_are_told_apart() -> None:
    pcm, words = said((number % 2, word) for number, word in enumerate(WORDS[:40]))
    assert in_order(hear(pcm)) == in_order(words)


def test_what_is_no_speech_yields_nothing() -> None:
    sweep = array.array("h", (round(9000 * math.sin(n * (0.1 + n / 800_000))) for n in range(10 * RATE)))
    for sound in (b"", bytes(2), bytes(20 * RATE), noise(10, 33), noise(10, 3000), sweep.tobytes()):
        assert hear(sound, fragments=True) == []


@given(start=st.integers(0, 20 * RATE), length=st.integers(0, 6 * RATE))
def test_a_cut_anywhere_gives_the_whole_words_between_its_ends_and_never_a_wrong_one(start: int, length: int) -> None:
    end = start + length
    heard = hear(DENSE[2 * start : 2 * end])
    within = [word for word in DENSE_WORDS if word.start * RATE >= start and word.end * RATE <= end]
    # A word that lacks less than 16 ms at one end may count as whole.
    nearly = [word for word in DENSE_WORDS if word.start * RATE >= start - 250 and word.end * RATE <= end + 250]
    assert in_order(heard) in [in_order(nearly[i:j]) for i in (0, 1) for j in (len(nearly), len(nearly) - 1)]
    assert len(heard) >= len(within)
    first = [word for word in nearly if heard and abs(word.start - start / RATE - heard[0].start) < 0.03]
    assert not heard or in_order(heard[:1]) == in_order(first)


@given(start=st.integers(0, 20 * RATE), length=st.integers(RATE, 6 * RATE))
def test_a_fragment_is_half_of_the_word_that_was_cut(start: int, length: int) -> None:
    heard = hear(DENSE[2 * start : 2 * (start + length)], fragments=True)
    cuts = [item for item in heard if item.cut]
    for item in cuts:
        middle = (start / RATE) + (item.start + item.end) / 2
        (word,) = [word for word in DENSE_WORDS if word.start <= middle < word.end]
        assert word.word is not None
        half = word.word[: len(item.word)] if item is heard[-1] else word.word[-len(item.word) :]
        assert (half, word.voice) == (item.word, item.voice)
        assert len(word.word) > len(item.word)


def test_cutting_late_in_a_word_leaves_its_first_letters_and_cutting_early_its_last() -> None:
    pcm, _ = said([(0, "river"), (1, "mountain"), (0, "stone")])
    early, late = round(0.1 * RATE) * 2, len(pcm) - round(0.1 * RATE) * 2
    assert [item.word for item in hear(pcm[early:late])] == ["mountain"]
    assert [item.word for item in hear(pcm[early:late], fragments=True)] == ["ver", "mountain", "sto"]


def test_damage_drops_words_and_never_changes_them() -> None:
    chance = random.Random(4)
    holed = bytearray(DENSE)
    for _ in range(60):
        at = 2 * chance.randrange(len(DENSE) // 2)
        holed[at : at + 1600] = bytes(min(1600, len(DENSE) - at))
    heard = in_order(hear(bytes(holed)))
    assert 20 < len(heard) < len(DENSE_WORDS)
    left = iter(in_order(DENSE_WORDS))
    assert all(word in left for word in heard)


def test_hearing_takes_a_three_hundredth_of_the_time_that_speaking_takes() -> None:
    hear(DENSE)
    begun = time.process_time()
    hear(DENSE)
    hear(DENSE)
    assert 60 / (time.process_time() - begun) > 300
