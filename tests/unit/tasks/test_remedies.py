"""Remedies: a bad answer is asked for in another way, a bounded number of times, and then is a failure for good."""

from itertools import product

import pytest

from gemini.question import Question
from models.failures import Failure, FailureCode, Nature, failure
from tasks.base import Clip
from tasks.remedies import REMEDIES, Remedy, Take, given_up, remedy_for

QUESTION = Question(model="m", prompt="Transcribe.", max_output_tokens=100)


def clip(seconds: float = 600.0, part: str = "") -> Clip:
    return Clip(index=0, part=part, mime_type="audio/flac", end_seconds=seconds, path="clip.flac")


def wrong(code: FailureCode, note: str | None = None) -> Failure:
    return failure(code, "It was wrong. It is asked again.", nature=Nature.TRANSIENT, note=note)


def course(code: FailureCode, of: Clip, *, can_split: bool = True) -> list[Remedy | None]:
    """What is tried, one after the other, while the same goes wrong."""
    steps: list[Remedy | None] = []
    take = Take()
    while True:
        step = remedy_for(wrong(code), of, take, calls=take.number, can_split=can_split)
        if not isinstance(step, Take):
            return [*steps, step]
        steps.append(step.remedy)
        take = step


@pytest.mark.parametrize(
    ("code", "steps"),
    [
        (FailureCode.GEMINI_TRUNCATED, [Remedy.SPLIT]),
        (FailureCode.GEMINI_DEGENERATE, [Remedy.SPLIT]),
        (FailureCode.GEMINI_RECITATION, [Remedy.HOTTER, Remedy.SPLIT]),
        (FailureCode.GEMINI_EMPTY, [Remedy.HOTTER, None]),
        (FailureCode.GEMINI_INVALID_OUTPUT, [Remedy.HOTTER, None]),
        (FailureCode.GEMINI_NOT_HEARD, [Remedy.HOTTER, None]),
        (FailureCode.GEMINI_BLOCKED, [Remedy.HOTTER, None]),
    ],
)
def test_each_wrong_has_its_remedies_in_order(code: FailureCode, steps: list[Remedy | None]) -> None:
    assert course(code, clip()) == steps


@pytest.mark.parametrize("short", [clip(59.0), clip(600.0, part="ab")], ids=["short", "cut twice"])
def test_a_clip_that_is_too_short_to_split_goes_on_with_the_next_remedy(short: Clip) -> None:
    assert course(FailureCode.GEMINI_TRUNCATED, short) == [Remedy.LONGER, None]
    assert course(FailureCode.GEMINI_DEGENERATE, short) == [Remedy.HOTTER, None]


def test_a_picture_is_never_split() -> None:
    assert course(FailureCode.GEMINI_TRUNCATED, clip(), can_split=False) == [Remedy.LONGER, None]


@pytest.mark.parametrize(("code", "can_split"), list(product(REMEDIES, (True, False))))
def test_a_clip_costs_no_more_than_so_many_calls_however_often_it_is_cut(
    code: FailureCode,
    can_split: bool,  # noqa: FBT001
) -> None:
    calls, open_clips = 0, [(clip(), Take())]
    while open_clips:
        of, take = open_clips.pop()
        calls += 1
        step = remedy_for(wrong(code), of, take, calls=calls, can_split=can_split)
        if isinstance(step, Take):
            open_clips.append((of, step))
        elif step is Remedy.SPLIT:
            open_clips += [(clip(of.seconds / 2, part=of.part + letter), Take()) for letter in "ab"]
    assert calls <= 10  # eight, and what was begun by then


@pytest.mark.parametrize("nature", [Nature.PERMANENT, Nature.THROTTLED, Nature.INTERRUPTED])
def test_what_is_not_the_answers_fault_has_no_remedy(nature: Nature) -> None:
    why = failure(FailureCode.GEMINI_BLOCKED, "No.", nature=nature)
    assert remedy_for(why, clip(), Take(), calls=1, can_split=True) is None
    assert given_up(why, calls=1) is why


def test_an_outage_is_left_to_the_next_attempt() -> None:
    why = failure(FailureCode.GEMINI_UNAVAILABLE, "503")
    assert remedy_for(why, clip(), Take(), calls=1, can_split=True) is None
    assert given_up(why, calls=1).nature is Nature.TRANSIENT


def test_what_stays_wrong_is_a_failure_for_good_that_says_how_often_it_was_asked() -> None:
    end = given_up(wrong(FailureCode.GEMINI_EMPTY), calls=2)
    assert (end.nature, end.message) == (Nature.PERMANENT, "It was wrong. It was asked 2 times.")


def test_the_first_take_is_the_question_itself_and_later_ones_differ_from_it_and_each_other() -> None:
    first = Take()
    assert first.of(QUESTION) is QUESTION
    hotter = remedy_for(wrong(FailureCode.GEMINI_EMPTY), clip(), first, calls=1, can_split=True)
    assert isinstance(hotter, Take)
    asked = hotter.of(QUESTION)
    assert asked.temperature > QUESTION.temperature
    assert asked.seed is not None
    longer = Take(number=2, remedy=Remedy.LONGER).of(QUESTION)
    assert longer.max_output_tokens > QUESTION.max_output_tokens


def test_what_was_wrong_is_said_where_there_are_words_for_it() -> None:
    why = wrong(FailureCode.GEMINI_INVALID_OUTPUT, note="Answer in de.")
    step = remedy_for(why, clip(), Take(), calls=1, can_split=True)
    assert isinstance(step, Take)
    assert step.of(QUESTION).prompt == "Transcribe.\nAnswer in de."
