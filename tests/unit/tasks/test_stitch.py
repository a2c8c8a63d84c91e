"""Joins lose no word and double none, and times stay on the recording's clock: examples and properties."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.segment import Segment, believable
from tasks.stitch import ClipAnswer, stitch

WORD_SECONDS = 0.3
OVERLAP_SECONDS = 8.0
RARE = [f"{first}{middle}{last}" for first in "bdfgk" for middle in "aeiou" for last in "lmnrst"]
COMMON = ["no", "yes", "oh", "and"]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What is said, one word after the other, and how it is cut into clips."""

    words: Sequence[str]
    clip_words: int
    overlap_words: int

    def clips(self, *, segment_words: int, heard: "Hearing | None" = None) -> list[ClipAnswer]:
        """What is heard of each clip."""
        answers: list[ClipAnswer] = []
        first = 0
        while True:
            last = min(first + self.clip_words, len(self.words))
            segments = _segments(self.words[first:last], segment_words, heard or Hearing())
            answers.append(
                ClipAnswer(
                    start=first * WORD_SECONDS,
                    end=last * WORD_SECONDS,
                    overlap=self.overlap_words * WORD_SECONDS if answers else 0.0,
                    segments=segments,
                )
            )
            if last == len(self.words):
                return answers
            first = last - self.overlap_words


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """How exactly is heard: with a seed, spelling differs from hearing to hearing."""

    seed: int | None = None
    stamps_off_seconds: float = 0.0

    def spelt(self, word: str, chance: random.Random) -> str:
        if self.seed is None:
            return word
        return chance.choice(
            [word, word.upper(), word.capitalize(), f"{word},", f"{word}.", f"“{word}”", f"{word} \u2013"]
        )


def _segments(words: Sequence[str], size: int, heard: Hearing) -> tuple[Segment, ...]:
    chance = random.Random(f"{heard.seed}{words}")
    end = len(words) * WORD_SECONDS
    return tuple(
        Segment(
            start=min(max(0.0, at * WORD_SECONDS + heard.stamps_off_seconds), end),
            end=min(max(0.0, (at + len(words[at : at + size])) * WORD_SECONDS + heard.stamps_off_seconds), end),
            speaker="Speaker 1",
            text=" ".join(heard.spelt(word, chance) for word in words[at : at + size]),
        )
        for at in range(0, len(words), size)
    )


def plain_words(segments: Sequence[Segment]) -> list[str]:
    text = " ".join(segment.text for segment in segments).lower()
    return [word for word in ("".join(filter(str.isalnum, word)) for word in text.split()) if word]


def text_of(segments: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def two_clips(left: Sequence[Segment], right: Sequence[Segment]) -> list[ClipAnswer]:
    """Seconds 0 to 20 and 12 to 32 of a recording; times of `right` are its own."""
    return [
        ClipAnswer(start=0.0, end=20.0, overlap=0.0, segments=tuple(left)),
        ClipAnswer(start=12.0, end=32.0, overlap=OVERLAP_SECONDS, segments=tuple(right)),
    ]


def line(start: float, end: float, text: str, speaker: str | None = None) -> Segment:
    return Segment(start=start, end=end, speaker=speaker, text=text)


cuts = st.tuples(st.integers(10, 40), st.integers(4, 9)).map(lambda pair: (pair[0] + pair[1], pair[1]))


@given(words=st.lists(st.sampled_from(COMMON), min_size=20, max_size=150), cut=cuts, seed=st.integers())
def test_words_said_again_and_again_are_written_as_often_as_they_were_said(
    words: list[str], cut: tuple[int, int], seed: int
) -> None:
    recording = Recording(words=words, clip_words=cut[0], overlap_words=cut[1])
    assert plain_words(stitch(recording.clips(segment_words=1, heard=Hearing(seed=seed)))) == words


@given(word=st.sampled_from(COMMON), count=st.integers(20, 150), cut=cuts, size=st.integers(1, 7))
def test_one_word_all_the_way_is_counted_right(word: str, count: int, cut: tuple[int, int], size: int) -> None:
    recording = Recording(words=[word] * count, clip_words=cut[0], overlap_words=cut[1])
    assert plain_words(stitch(recording.clips(segment_words=size))) == [word] * count


speech = st.lists(
    st.one_of(
        st.lists(st.sampled_from(RARE), min_size=1, max_size=8),
        st.integers(2, 4).flatmap(lambda times: st.sampled_from(COMMON).map(lambda word: [word] * times)),
    ),
    min_size=8,
    max_size=40,
).map(lambda parts: [word for part in parts for word in part])


@given(
    words=st.permutations(RARE),
    cut=cuts,
    size=st.integers(1, 12),
    seed=st.integers(),
    off=st.floats(-1.0, 1.0),
)
def test_speech_is_joined_whole_whatever_its_spelling_and_though_stamps_are_a_second_off(
    words: list[str], cut: tuple[int, int], size: int, seed: int, off: float
) -> None:
    recording = Recording(words=words, clip_words=cut[0], overlap_words=cut[1])
    heard = Hearing(seed=seed, stamps_off_seconds=off)
    assert plain_words(stitch(recording.clips(segment_words=size, heard=heard))) == words


@given(words=speech, cut=cuts, seed=st.integers())
def test_speech_with_stutters_is_joined_whole(words: list[str], cut: tuple[int, int], seed: int) -> None:
    recording = Recording(words=words, clip_words=cut[0], overlap_words=cut[1])
    assert plain_words(stitch(recording.clips(segment_words=1, heard=Hearing(seed=seed)))) == words


@given(words=st.permutations(RARE), cut=cuts, size=st.integers(1, 12))
def test_times_that_had_to_be_estimated_do_not_spoil_a_join(words: list[str], cut: tuple[int, int], size: int) -> None:
    recording = Recording(words=words, clip_words=cut[0], overlap_words=cut[1])
    estimated = [
        replace(
            clip,
            segments=tuple(
                believable([replace(line, start=-1.0) for line in clip.segments], seconds=clip.end - clip.start)
            ),
        )
        for clip in recording.clips(segment_words=size)
    ]
    assert plain_words(stitch(estimated)) == words


@given(letters=st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=30, max_size=150), cut=cuts)
def test_scripts_without_blanks_are_joined_by_letters(letters: str, cut: tuple[int, int]) -> None:
    recording = Recording(words=letters, clip_words=cut[0], overlap_words=cut[1])
    clips = recording.clips(segment_words=1)
    joined = [
        replace(clip, segments=(line(0.0, clip.end - clip.start, "".join(s.text for s in clip.segments)),))
        for clip in clips
    ]
    assert "".join(segment.text for segment in stitch(joined)) == letters


@given(words=speech, cut=cuts, size=st.integers(1, 9), off=st.floats(-3.0, 3.0))
def test_times_never_go_backwards_nor_leave_the_recording(
    words: list[str], cut: tuple[int, int], size: int, off: float
) -> None:
    recording = Recording(words=words, clip_words=cut[0], overlap_words=cut[1])
    clips = recording.clips(segment_words=size, heard=Hearing(stamps_off_seconds=off))
    joined = stitch(clips)
    assert all(0.0 <= segment.start <= segment.end <= clips[-1].end + 1e-9 for segment in joined)
    assert [segment.start for segment in joined] == sorted(segment.start for segment in joined)
    assert all(segment.text for segment in joined)


def test_clips_without_overlap_are_laid_end_to_end_on_the_recordings_clock() -> None:
    clips = [
        ClipAnswer(start=90.0, end=100.0, overlap=0.0, segments=(line(1, 2, "again"),)),
        ClipAnswer(start=0.0, end=10.0, overlap=0.0, segments=(line(3, 4, "again"),)),
    ]
    joined = stitch(clips)
    assert [(segment.start, segment.end, segment.text) for segment in joined] == [(3, 4, "again"), (91, 92, "again")]


def speakers(clips: Sequence[ClipAnswer]) -> list[str | None]:
    """Who speaks, in turn."""
    return [speaker for speaker, _ in groupby(segment.speaker for segment in stitch(clips))]


def test_the_speakers_of_one_clip_keep_their_names() -> None:
    clip = ClipAnswer(start=0.0, end=9.0, overlap=0.0, segments=(line(0, 1, "a", "Speaker 1"), line(1, 2, "b")))
    assert speakers([clip]) == ["Speaker 1", None]


def test_speakers_of_clips_that_do_not_overlap_are_named_by_clip() -> None:
    clips = [
        ClipAnswer(start=0.0, end=9.0, overlap=0.0, segments=(line(0, 1, "a", "Speaker 1"), line(1, 2, "b"))),
        ClipAnswer(start=9.0, end=18.0, overlap=0.0, segments=(line(0, 1, "c", "Speaker 1"),)),
    ]
    assert speakers(clips) == ["1:Speaker 1", None, "2:Speaker 1"]


def test_a_voice_that_two_clips_heard_say_the_same_is_one_voice_whatever_each_called_it() -> None:
    left = [line(1, 5, "welcome everybody", "Speaker 1"), line(13, 19, "thank you for having me here", "Speaker 2")]
    right = [line(1, 7, "thank you for having me here", "Speaker 1"), line(9, 12, "so tell us", "Speaker 2")]
    assert speakers(two_clips(left, right)) == ["1:Speaker 1", "1:Speaker 2", "2:Speaker 2"]


def test_where_every_voice_is_known_again_names_need_no_clip() -> None:
    left = [line(12, 16, "thank you for having me", "Speaker 2"), line(16, 20, "so tell us about it", "Speaker 1")]
    right = [
        line(0, 4, "thank you for having me", "Speaker 1"),
        line(4, 8, "so tell us about it", "Speaker 2"),
        line(9, 12, "there is not much to tell", "Speaker 1"),
    ]
    assert speakers(two_clips(left, right)) == ["Speaker 2", "Speaker 1", "Speaker 2"]


def test_one_common_word_makes_no_voice_known_again() -> None:
    left = [line(1, 5, "welcome everybody", "Speaker 1"), line(18, 19, "yes", "Speaker 1")]
    right = [line(6, 7, "yes", "Speaker 1"), line(9, 12, "tell us more", "Speaker 1")]
    assert speakers(two_clips(left, right)) == ["1:Speaker 1", "2:Speaker 1"]


def test_a_clip_whose_neighbour_is_missing_keeps_its_overlap() -> None:
    before = ClipAnswer(start=0.0, end=9.0, overlap=0.0, segments=(line(0, 4, "these words were in both"),))
    _, right = two_clips([], [line(0, 4, "these words were in both")])
    assert text_of(stitch([before, right])) == "these words were in both these words were in both"
    assert text_of(stitch([right])) == "these words were in both"


def test_words_cut_in_two_at_the_edges_of_an_overlap_are_taken_from_who_heard_them_whole() -> None:
    left = [line(8, 20, "the quick brown fox jumps over the la")]
    right = [line(0, 12, "ick brown fox jumps over the lazy dog")]
    assert text_of(stitch(two_clips(left, right))) == "the quick brown fox jumps over the lazy dog"


def test_two_hearings_that_differ_in_a_word_are_joined_at_one_they_share() -> None:
    left = [line(11, 19.5, "we met at eight in the morning by the harbour")]
    right = [line(0, 8, "we met at ate in the mourning by the harbour"), line(8, 10, "and left")]
    joined = text_of(stitch(two_clips(left, right)))
    assert len(joined.split()) == 12
    assert joined.endswith("and left")


@pytest.mark.parametrize("silent", ["left", "right"])
def test_where_only_one_clip_heard_anything_in_the_overlap_nothing_of_it_is_lost(silent: str) -> None:
    left = [line(1, 3, "before"), *([] if silent == "left" else [line(13, 19, "heard by the left")])]
    right = [*([] if silent == "right" else [line(1, 7, "heard by the right")]), line(10, 12, "after")]
    joined = text_of(stitch(two_clips(left, right)))
    assert joined == ("before heard by the right after" if silent == "left" else "before heard by the left after")


def test_hearings_that_agree_on_nothing_are_joined_in_the_middle() -> None:
    left = [line(12, 20, "aa bb cc dd")]
    right = [line(0, 8, "ee ff gg hh")]
    assert text_of(stitch(two_clips(left, right))) == "aa bb gg hh"


def test_the_order_of_lines_survives_a_join() -> None:
    """Two speak at once: the longer line ends inside the overlap, the shorter one after it does not."""
    left = [line(5, 13, "one two three"), line(6, 7, "mhm"), line(14, 18, "four five six")]
    right = [line(2, 6, "four five six"), line(8, 10, "seven")]
    assert text_of(stitch(two_clips(left, right))) == "one two three mhm four five six seven"


def test_a_flood_of_words_in_an_overlap_takes_no_flood_of_time() -> None:
    flood = [line(12, 20, " ".join(RARE * 100))]
    right = [line(0, 8, " ".join(reversed(RARE * 100)))]
    began = time.process_time()
    assert len(plain_words(stitch(two_clips(flood, right)))) > 1_000
    assert time.process_time() - began < 2.0


def test_an_empty_recording_is_an_empty_transcript() -> None:
    assert stitch([]) == []
    assert stitch(two_clips([], [])) == []


def test_a_refrain_before_an_overlap_and_again_after_it_takes_no_verse_with_it() -> None:
    """Nobody sings in the overlap: what both clips hold alike lies a verse apart."""
    refrain, verse = " ".join(RARE[:20]), " ".join(RARE[20:65])
    left = [line(1, 6, "first of all"), line(7, 11, refrain)]
    right = [line(9, 14, verse), line(15, 19, refrain), line(19, 20, "last of all")]
    assert text_of(stitch(two_clips(left, right))) == f"first of all {refrain} {verse} {refrain} last of all"
