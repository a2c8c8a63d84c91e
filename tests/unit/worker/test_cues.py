"""Cues: nothing is lost, nothing overlaps, and what stands on the screen can be read."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.cue_lines import LINE_COLUMNS, MAX_LINES, atoms_of, columns
from worker.cues import Cue, cues_of

WORDS = st.sampled_from(
    ["a", "the", "and", "house,", "Yes.", "extraordinarily", "x" * 100, "क्षत्रिय", "e\u0301té", "👨\u200d👩\u200d👧", "…", "«oui\u00a0!»",
     "שלום", "مرحبا،", "今天天气很好,", "「東京」へ行きました。", "안녕하세요", "12", "--", "\u0301", "ー" * 50]
)  # fmt: skip
TEXTS = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)
SPEAKERS = st.sampled_from([None, "Anna", "Ben", "Somebody with a name that is far too long"])


@st.composite
def any_segments(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Segments with times as they may be at worst: at once, without length, in no order, with words that do not fit."""
    drawn = []
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.floats(0, 20))
        segment: dict[str, Any] = {
            "start": start,
            "end": start + draw(st.floats(0, 15)),
            "speaker": draw(SPEAKERS),
            "text": draw(TEXTS),
        }
        if draw(st.booleans()):
            moments = draw(st.lists(st.floats(0, 30), max_size=12))
            segment["words"] = [{"start": at, "end": at + 0.2, "word": "word"} for at in moments]
        drawn.append(segment)
    return drawn


@st.composite
def spoken_segments(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Segments one after the other, each as long as somebody may need to say it."""
    clock, drawn = 0.0, []
    for _ in range(draw(st.integers(1, 5))):
        text = draw(TEXTS)
        start = clock + draw(st.sampled_from([0.0, 0.05, 1.0, 9.0]))
        clock = start + max(0.5, columns(text) / draw(st.sampled_from([8.0, 14.0, 22.0])))
        drawn.append({"start": start, "end": clock, "speaker": draw(SPEAKERS), "text": text})
    return drawn


def squeezed(text: str) -> str:
    return "".join(text.split())


def shown(cues: list[Cue]) -> str:
    return squeezed("".join("".join(cue.lines) for cue in cues))


def segment(start: float, end: float, text: str, speaker: str | None = None, **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "speaker": speaker, "text": text, **more}


def lines(*segments: dict[str, Any], named: bool = False) -> list[tuple[str, ...]]:
    return [cue.lines for cue in cues_of(segments, named=named)]


@given(any_segments())
@settings(max_examples=150, deadline=None)
def test_whatever_the_times_no_word_is_lost_and_no_limit_is_passed(segments: list[dict[str, Any]]) -> None:
    cues = cues_of(segments, named=False)
    said = squeezed("".join(part["text"] for part in segments))
    assert sorted(shown(cues)) == sorted(said)
    for cue in cues:
        assert 1 <= len(cue.lines) <= MAX_LINES
        assert all(line and columns(line) <= LINE_COLUMNS for line in cue.lines)
        assert 42 <= cue.end_ms - cue.start_ms <= 7_000
    assert all(after.start_ms - before.end_ms >= 84 for before, after in pairwise(cues))


@given(spoken_segments())
@settings(max_examples=150, deadline=None)
def test_what_is_said_in_turn_is_shown_in_order_when_it_is_said(segments: list[dict[str, Any]]) -> None:
    cues = cues_of(segments, named=False)
    assert shown(cues) == squeezed("".join(part["text"] for part in segments))
    waiting = iter(cues)
    for part in segments:
        rest = squeezed(part["text"])
        while rest:
            cue = next(waiting)
            rest = rest.removeprefix(shown([cue]))
            assert part["start"] * 1_000 - 1 <= cue.start_ms <= part["end"] * 1_000 + 1_500
            assert cue.end_ms <= max(part["end"] * 1_000 + 1_500, cue.start_ms + 833) + 1


@given(any_segments())
@settings(max_examples=100, deadline=None)
@example([segment(0, 10, "One two", "Anna"), segment(2, 3, "Three", "Ben"), segment(10, 12, "Four", "Ben")])
def test_the_label_of_a_speaker_stands_where_the_speaker_changes_and_fits_in(segments: list[dict[str, Any]]) -> None:
    cues = cues_of(segments, named=True)
    labels = [match[0] for cue in cues if (match := re.match(r"(Anna|Ben|Somebody.*?…):", cue.lines[0]))]
    assert all(before != after for before, after in pairwise(labels)) or None in {s["speaker"] for s in segments}
    assert all(columns(line) <= LINE_COLUMNS for cue in cues for line in cue.lines)
    said = squeezed("".join(part["text"] for part in segments))
    assert sorted(shown(cues)) == sorted(said + squeezed("".join(labels)))


@pytest.mark.parametrize(
    "upper_and_lower",
    [
        ("After that day,", "everybody went into the old garden"),
        ("It was over by then.", "Everybody went to the garden."),
        ("That is what I wanted to say to you", "and to everybody else who came here"),
    ],
)
def test_a_line_ends_after_punctuation_and_both_are_about_as_long(upper_and_lower: tuple[str, str]) -> None:
    assert lines(segment(0, 5, " ".join(upper_and_lower))) == [upper_and_lower]


def test_a_line_does_not_end_behind_a_little_word() -> None:
    (cue,) = lines(segment(0, 5, "Somebody reads a book in the garden of the house next door"))
    assert cue == ("Somebody reads a book", "in the garden of the house next door")


def test_a_long_segment_is_cut_at_its_sentences_and_its_time_is_shared_by_letters() -> None:
    first, second = "The first of two sentences is as long as the other one, word for word.", "The second one is not."
    cues = cues_of([segment(10, 20, f"{first} {second} {first}")], named=False)
    assert [" ".join(cue.lines) for cue in cues] == [first, second, first]
    letters = [sum(map(str.isalpha, text)) for text in (first, second)]
    shares = [10_000 * (letters[0] + more) / (2 * letters[0] + letters[1]) for more in (0, letters[1])]
    assert [cue.start_ms for cue in cues] == [10_000, *(pytest.approx(10_000 + share, abs=1) for share in shares)]


def test_text_that_nobody_can_say_so_fast_makes_use_of_the_silence_behind_it() -> None:
    text = " ".join(["one word after the other"] * 8)
    cues = cues_of([segment(0, 1, text), segment(60, 61, "Next.")], named=False)
    assert cues[1].start_ms > 800
    assert cues[-2].end_ms == 2_500


def test_words_say_when_each_cue_begins() -> None:
    said = "One two three. Four five six."
    moments = [0.0, 0.3, 0.6, 4.0, 4.3, 4.6]
    words = [
        {"start": 100 + at, "end": 100 + at + 0.25, "word": word}
        for at, word in zip(moments, ["one", "two", "three", "four", "five", "six"], strict=True)
    ]
    cues = cues_of([segment(100, 105, said, words=words)], named=False)
    assert [(cue.lines, cue.start_ms) for cue in cues] == [
        (("One two three.",), 100_000),
        (("Four five six.",), 104_000),
    ]


@pytest.mark.parametrize(
    "words",
    [
        [{"start": 3.0, "end": 3.1, "word": "one"}, {"start": 1.0, "end": 1.1, "word": "two"}],
        [{"start": 2.0, "end": 1.0, "word": "one"}],
        [{"start": 0.0, "end": 1.0, "word": "♪"}],
    ],
)
def test_words_whose_times_cannot_be_count_as_none(words: list[dict[str, Any]]) -> None:
    told = cues_of([segment(0, 9, "word " * 30, words=words)], named=False)
    assert [cue.start_ms for cue in told] == [
        cue.start_ms for cue in cues_of([segment(0, 9, "word " * 30)], named=False)
    ]


def test_a_short_word_stays_for_five_sixths_of_a_second_where_there_is_room_and_makes_room_where_there_is_none() -> (
    None
):
    alone, close, last = cues_of(
        [segment(0, 0.2, "Yes."), segment(5, 5.2, "No."), segment(5.4, 9, "Perhaps.")], named=False
    )
    assert alone.end_ms - alone.start_ms == 833
    assert close.end_ms == last.start_ms - 84


def test_a_cue_stays_until_it_can_be_read_if_nobody_else_speaks() -> None:
    text = "a" * 40 + " " + "b" * 41
    free, hurried = segment(0, 4, text), segment(10, 14, text)
    first, second, _ = cues_of([free, hurried, segment(14.5, 16, "And so on.")], named=False)
    assert 82 / ((first.end_ms - first.start_ms) / 1_000) <= 17.1
    assert second.end_ms == 14_416


def test_a_few_words_in_a_long_silence_leave_the_screen_after_seven_seconds() -> None:
    (cue,) = cues_of([segment(20, 80, "Hello there")], named=False)
    assert (cue.start_ms, cue.end_ms) == (20_000, 27_000)


def test_chinese_has_sixteen_characters_a_line() -> None:
    text = "今天天气很好,我们一起去公园散步吧。你觉得怎么样?我觉得这个主意非常好,因为我已经很久没有出门了。" * 3
    found = [line for cue in lines(segment(0, 60, text)) for line in cue]
    assert max(map(columns, found)) <= 32
    assert "".join(found) == text


def test_no_line_begins_with_what_closes_or_ends_with_what_opens() -> None:
    atoms = atoms_of("「今天」,コーヒー(一)OK吗?", 32)
    assert [atom.text for atom in atoms] == ["「今", "天」,", "コー", "ヒー", "(一)OK", "吗?"]


def test_no_word_is_cut_that_fits_a_line_and_one_that_does_not_is_cut_hard() -> None:
    text = "extraordinarily complicated circumstances " * 8 + "x" * 100
    found = [line for cue in lines(segment(0, 40, text)) for line in cue]
    assert " ".join(found).split()[:24] == text.split()[:24]
    assert "".join(found).endswith("x" * 100)
    assert max(map(len, found)) <= LINE_COLUMNS


def test_a_character_of_several_code_points_is_one_and_stays_whole() -> None:
    family = "👨\u200d👩\u200d👧"
    found = [line for cue in lines(segment(0, 40, family * 30)) for line in cue]
    assert [line.count(family) * len(family) for line in found] == [len(line) for line in found]
    assert max(line.count(family) for line in found) == 16


def test_the_speaker_is_named_when_the_speaker_changes() -> None:
    talk = [segment(0, 2, "Hello.", "Anna"), segment(2, 4, "How are you?", "Anna"), segment(4, 6, "Well.", "Ben")]
    assert lines(*talk, named=True) == [("Anna: Hello.",), ("How are you?",), ("Ben: Well.",)]


def test_a_long_name_is_cut_in_its_label_whatever_its_script() -> None:
    for name in ("Somebody with a name that is far too long", "名" * 40):
        ((label, _),) = [
            line[0].split(": ") for line in lines(segment(0, 2, "Hi.", name), segment(3, 4, "Yes."), named=True)[:1]
        ]
        assert 20 <= columns(label) <= 24
        assert label.endswith("…")


def test_a_no_break_space_keeps_its_words_together() -> None:
    text = "Est-ce que tout le monde est d'accord là\u00a0? Oui, tout le monde est d'accord\u00a0!"
    found = [line for cue in lines(segment(0, 6, text)) for line in cue]
    assert " ".join(found) == text


def test_two_who_speak_at_once_are_both_shown_each_when_it_begins() -> None:
    long = (
        "I shall go on speaking for a long while. Whatever anybody else may have to say about it. I do not mind at all."
    )
    cues = cues_of([segment(0, 12, long, "Anna"), segment(2.5, 3.5, "Stop!", "Ben")], named=True)
    assert [cue.lines[0].partition(":")[0] for cue in cues if ":" in cue.lines[0]] == ["Anna", "Ben", "Anna"]
    assert next(cue for cue in cues if "Stop!" in cue.lines[0]).start_ms == 2_500


def test_text_that_runs_from_right_to_left_keeps_its_order() -> None:
    text = "مرحبا بكم في هذا البرنامج الذي نتحدث فيه عن تاريخ المدينة الصغيرة على البحر"
    assert " ".join(line for cue in lines(segment(0, 8, text)) for line in cue) == text
