"""Speaking: what is said, how long it takes, and that it can be endless."""

import array
import itertools
import time
import tracemalloc

import pytest

from simulator.speech import VOICES, WORD_SECONDS, random_script, speak, spoken, symbols, word_of
from simulator.words import WORDS


def test_the_words_are_many_plain_and_different() -> None:
    assert len(WORDS) >= 1000
    assert len(set(WORDS)) == len(WORDS)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in WORDS)


def test_any_two_words_differ_in_three_tones_or_more() -> None:
    codes = [(voice, *symbols(voice, word)) for voice in range(0, VOICES, 3) for word in WORDS[::17]]
    apart = (sum(a != b for a, b in zip(*pair, strict=True)) for pair in itertools.combinations(codes, 2))
    assert min(apart) >= 3


def test_the_tones_of_a_word_spell_it_and_no_other_voice_says_it_so() -> None:
    for word in WORDS:
        assert word_of(3, symbols(3, word)) == word
        assert word_of(4, symbols(3, word)) is None


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_each_word_has_its_true_time(rate: int) -> None:
    items = list(spoken([0.5, (0, "river"), (1, "stone"), 2.25, (0, "cloud")], rate=rate))
    words = [(item.word, item.voice, item.start, item.end) for item in items if item.word]
    starts = (0.5, 0.5 + WORD_SECONDS, 2.75 + 2 * WORD_SECONDS)
    for (word, voice, start, end), expected in zip(words, starts, strict=True):
        assert start == pytest.approx(expected, abs=0.001)
        assert end == pytest.approx(expected + WORD_SECONDS, abs=0.001)
        assert voice == (1 if word == "stone" else 0)
    assert sum(len(item.block) for item in items) / 2 / rate == pytest.approx(items[-1].end)


def test_nothing_clicks() -> None:
    pcm = array.array("h", b"".join(speak([0.01, (0, "river"), (9, "stone"), 0.01], rate=48_000)))
    steepest = max(abs(after - before) for before, after in itertools.pairwise(pcm))
    assert steepest < 3_600  # what a tone of 2,750 Hz needs from sample to sample; a jump would be up to 20,000


def test_nine_hours_are_spoken_fast_and_never_held() -> None:
    hours = spoken(random_script(9 * 3600, 1, voices=(0, 1)))
    tracemalloc.start()
    begun = time.process_time()
    spoken_seconds = sum(item.end - item.start for item in itertools.islice(hours, 2000))
    spent, (_, peak) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spoken_seconds / spent > 2000
    assert peak < 2_000_000


def test_a_random_script_is_repeatable_and_keeps_its_time() -> None:
    script = list(random_script(60, 7, voices=(0, 1, 2)))
    assert script == list(random_script(60, 7, voices=(0, 1, 2)))
    assert script != list(random_script(60, 8, voices=(0, 1, 2)))
    assert {item[0] for item in script if isinstance(item, tuple)} == {0, 1, 2}
    pauses = [item for item in script if isinstance(item, float)]
    assert len(pauses) >= 6
    assert all(0.3 <= pause <= 1.5 for pause in pauses)
    assert 58 < list(spoken(script))[-1].end <= 60


def test_a_script_without_pauses_has_none() -> None:
    script = list(random_script(60, 7, pauses=False))
    assert all(isinstance(item, tuple) for item in script)
    assert len(script) == int(60 / WORD_SECONDS)


def test_a_word_or_a_voice_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        list(speak([(0, "xylograph")]))
    with pytest.raises(IndexError):
        list(speak([(VOICES, "river")]))
