"""Which times are believed, what replaces the others, and how a line is cut."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.segment import (
    MOST_LINE_CHARACTERS,
    SLACK_SECONDS,
    Segment,
    SpokenWord,
    believable,
    in_sentences,
    part_of,
    segment_of,
    timed_tokens,
)


def line(start: float, end: float, text: str, speaker: str | None = None) -> Segment:
    return Segment(start=start, end=end, speaker=speaker, text=text)


stamps = st.floats(0.0, 60.0).map(lambda value: round(value, 3))


@given(times=st.lists(stamps, min_size=2, max_size=20).map(sorted))
def test_stamps_that_can_be_true_are_kept(times: list[float]) -> None:
    heard = [line(start, end, "w") for start, end in pairwise(times)]
    assert believable(heard, seconds=60.0) == heard


@pytest.mark.parametrize(
    "wrong",
    [
        line(-0.1, 1, "before the clip"),
        line(3, 2, "ends before it starts"),
        line(3, 60.1 + SLACK_SECONDS, "beyond the clip"),
        line(1, 2, "goes backwards"),
        line(float("nan"), 2, "no number"),
        line(2, float("inf"), "no number"),
    ],
    ids=lambda segment: segment.text,
)
def test_one_stamp_that_cannot_be_true_makes_all_estimates_and_says_so(wrong: Segment) -> None:
    estimated = believable([line(9, 10, "first"), wrong, line(10, 11, "last")], seconds=60.0)
    assert {segment.timing for segment in estimated} == {"clip"}
    assert [segment.text for segment in estimated] == ["first", wrong.text, "last"]
    assert (estimated[0].start, estimated[-1].end) == (0.0, 60.0)
    assert all(0.0 <= segment.start <= segment.end <= 60.0 for segment in estimated)
    assert [segment.start for segment in estimated] == sorted(segment.start for segment in estimated)


def test_a_stamp_a_little_beyond_the_end_is_drawn_in() -> None:
    (segment,) = believable([line(59.5, 60.0 + SLACK_SECONDS, "last")], seconds=60.0)
    assert (segment.start, segment.end, segment.timing) == (59.5, 60.0, "gemini")


SENTENCE = "somebody says a sentence of a few words"


def test_lines_that_were_spread_over_silence_and_speech_alike_were_not_timed_by_listening() -> None:
    """Sound at 0 to 10 and 50 to 60 s; the model says one line every six seconds."""
    sounds = ((0.0, 10.0), (50.0, 60.0))
    evenly = [line(at, at + 6, SENTENCE) for at in range(0, 60, 6)]
    estimated = believable(evenly, seconds=60.0, sounds=sounds)
    assert {segment.timing for segment in estimated} == {"clip"}
    assert all(any(start <= segment.start <= end for start, end in sounds) for segment in estimated)
    assert (estimated[0].start, estimated[-1].end) == (0.0, 60.0)


def test_lines_that_lie_where_the_sound_is_are_believed() -> None:
    heard = [line(0, 4, SENTENCE), line(4.5, 10.5, SENTENCE), line(49, 60, SENTENCE)]
    assert believable(heard, seconds=60.0, sounds=((0.0, 10.0), (50.0, 60.0))) == heard


def test_more_than_anybody_could_say_in_the_times_given_is_not_believed() -> None:
    crowded = [line(number / 10, number / 10 + 0.1, SENTENCE) for number in range(40)]
    estimated = believable(crowded, seconds=60.0)
    assert {segment.timing for segment in estimated} == {"clip"}
    assert estimated[-1].end == 60.0


WORDED = Segment(
    start=1.0, end=9.0, speaker="S", text="One two, three.",
    words=(
        SpokenWord(word="One", start=1.0, end=1.5),
        SpokenWord(word="two", start=6.0, end=6.5),
        SpokenWord(word="three", start=8.0, end=9.0),
    ),
)  # fmt: skip


def test_a_part_of_a_line_takes_its_words_and_their_times_along() -> None:
    (part,) = part_of(WORDED, WORDED.text.index("two"), len(WORDED.text))
    assert (part.text, part.start, part.end) == ("two, three.", 6.0, 9.0)
    assert [word.word for word in part.words] == ["two", "three"]


def test_a_part_of_a_line_without_words_takes_its_share_of_the_time() -> None:
    (part,) = part_of(line(0.0, 10.0, "1234567890"), 5, 10)
    assert (part.text, part.start, part.end) == ("67890", 5.0, 10.0)
    assert part_of(line(0.0, 1.0, "a  b"), 1, 3) == []


def test_a_word_has_its_own_moment_where_its_time_was_told() -> None:
    assert [moment for _, _, moment in timed_tokens(WORDED)] == [1.25, 6.25, 8.5]


def test_what_is_stored_is_what_is_read_back() -> None:
    assert segment_of(WORDED.as_json()) == WORDED
    plain = line(1.0, 2.0, "text", "S")
    assert "words" not in plain.as_json()
    assert segment_of(plain.as_json()) == plain


def test_a_whole_clip_in_one_line_becomes_a_line_for_each_sentence() -> None:
    sentences = [f"This is sentence number {number} of many, is it not?" for number in range(20)]
    lines = in_sentences(line(0.0, 100.0, " ".join(sentences)))
    assert [segment.text for segment in lines] == sentences
    assert [segment.start for segment in lines] == sorted(segment.start for segment in lines)
    assert in_sentences(line(0.0, 9.0, "Short. Enough.")) == [line(0.0, 9.0, "Short. Enough.")]


@pytest.mark.parametrize("text", ["\u4f60\u597d\u3002" * 200, "no end at all " * 60, "3.14 and 2.71 " * 50])
def test_no_letter_is_lost_when_a_line_is_cut_into_sentences(text: str) -> None:
    joined = "".join(segment.text for segment in in_sentences(line(0.0, 100.0, text)))
    assert joined.replace(" ", "") == text.replace(" ", "")


def test_speech_without_any_punctuation_becomes_lines_that_end_at_words() -> None:
    words = [f"word{number}" for number in range(500)]
    lines = in_sentences(line(0.0, 100.0, " ".join(words)))
    assert all(len(segment.text) <= MOST_LINE_CHARACTERS for segment in lines)
    assert " ".join(segment.text for segment in lines).split() == words


def test_a_flood_of_full_stops_takes_no_flood_of_time() -> None:
    text = "." * 50_000 + "end"
    began = time.process_time()
    assert "".join(part.text for part in in_sentences(Segment(start=0, end=9, speaker=None, text=text))) == text
    assert time.process_time() - began < 2
