# ruff: noqa: RUF001 - refusals come in many alphabets
"""An answer is taken whole or not at all, and a loop is known as one."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from gemini.answers import read_answer, refusal, repetition
from models.failures import Failure, FailureCode, Nature


class Caption(BaseModel):
    model_config = ConfigDict(extra="ignore")

    caption: str
    tags: list[str] = []


class Loose(BaseModel):
    """A shape that anything fits: only the reader's care keeps a part from passing for the whole."""

    text: str = ""


GOOD = '{"caption": "A cat {on} a mat", "tags": ["cat", "mat"]}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n {GOOD} \n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"Here is the JSON you asked for:\n```json\n{GOOD}\n```\nAnything else?",
        f"Sure! {GOOD}",
        f"{GOOD}\nI hope this helps.",
    ],
)
def test_fences_and_words_around_one_object_are_overlooked(text: str) -> None:
    assert read_answer(text, Caption) == Caption(caption="A cat {on} a mat", tags=["cat", "mat"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "It is a cat.",
        '{"caption": "A cat',
        '{"segments": [{"text": "one"}, {"text": "two"',
        'Here: {"segments": [{"text": "one"}',
        '{"caption": "a",}',
        "{'caption': 'a'}",
        '{"caption": 5}',
        '{"tags": []}',
        '["caption"]',
        f"[{GOOD}]",
        f"{GOOD} or rather {GOOD}",
        "null",
        '{"caption": NaN}',
    ],
)
def test_what_is_not_one_whole_object_of_the_shape_is_invalid_output(text: str) -> None:
    reason = read_answer(text, Caption)
    assert isinstance(reason, Failure)
    assert reason.code is FailureCode.GEMINI_INVALID_OUTPUT
    assert reason.detail["answer"] == text[:200]


@pytest.mark.parametrize("text", ['{"segments": [{"text": "one"}, {"text": "two"', 'So: {"a": [{"text": "one"}'])
def test_a_part_of_a_truncated_answer_never_passes_for_the_answer(text: str) -> None:
    assert isinstance(read_answer(text, Loose), Failure)


def test_a_wrong_shape_is_named() -> None:
    reason = read_answer('{"caption": "a", "tags": ["b", 3]}', Caption)
    assert isinstance(reason, Failure)
    assert "tags.1" in reason.message


@pytest.mark.parametrize("text", ["{" * 100_000, '{"caption": "a", "tags": ' + "[" * 50_000, '[{"a":' * 50_000])
def test_nesting_without_end_is_a_failure_like_any_other(text: str) -> None:
    assert isinstance(read_answer(text, Caption), Failure)


def test_characters_that_a_database_cannot_keep_are_not_in_the_answer() -> None:
    read = read_answer('{"caption": "a\\u0000b\\ud800", "tags": ["\\u0000", "\\ud83d\\ude00"]}', Caption)
    assert read == Caption(caption="ab?", tags=["", "\U0001f600"])


def test_characters_that_a_database_cannot_keep_are_not_in_a_failure() -> None:
    for text in ("no \x00 json \ud800", json.dumps({"caption": "\ud800\x00" * 300})):
        reason = read_answer(text, Caption)
        assert isinstance(reason, Failure)
        for said in (reason.message, *map(str, reason.detail.values())):
            assert "\x00" not in said
            assert said.encode("utf-8")


LOOPS = [
    "the " * 200,
    "and then he said " * 30,
    "Thank you for watching! " * 12,
    "ありがとうございました。" * 20,
    "ha" * 60,
    "." * 400,
    "1 2 3 4 5 6 7 8 9 10 " * 40,
    "A good beginning, with many different words in it. " + "Goodbye, my friend. " * 60,
    "x" * 90,
    "word " * 100 + "wor",
    "prefix that is not part of it: " + "\n\n  loop \t loop" * 100,
]
FINE = [
    "".join(f"Thing {n * 7919 % 1009} happened. " for n in range(25))
    + "Thank you. " * 80
    + "x".join(map(str, range(170))),
    "",
    "no",
    "no no no no no no",
    "ha ha ha ha ha ha ha ha ha ha",
    "A cat sits on a mat and looks at a bird in the tree outside the window.",
    "Thank you. " * 5,
    "He counts: " + " ".join(str(number) for number in range(400)),
    "la la la la la la la la la la "
    + "and then the song goes on with its first verse, about the sea and the wind. " * 3,
    "Thank you. " * 20 + "".join(f"Then something else of note happened, number {n}. " for n in range(60)),
    " ".join(f"spk_{n % 2} says thing {n * 7919 % 1000}." for n in range(200)),
]


@pytest.mark.parametrize("text", LOOPS)
def test_a_text_that_ends_in_a_loop_is_known(text: str) -> None:
    phrase = repetition(text)
    assert phrase
    assert phrase in " ".join(text.split())


@pytest.mark.parametrize("text", FINE)
def test_a_text_that_repeats_itself_as_people_do_is_no_loop(text: str) -> None:
    assert repetition(text) is None


@given(st.text(alphabet="abcdefghij ", min_size=1, max_size=60), st.text(max_size=300), st.integers(0, 20))
def test_every_long_enough_loop_is_found_whatever_stands_before_it(phrase: str, before: str, cut: int) -> None:
    turns = 12 + (len(before) + 200) // len(phrase)
    text = f"{before} {phrase * turns}{phrase[:cut]}"
    assert repetition(text) is not None or not phrase.strip()


@given(st.text(max_size=3_000))
def test_any_text_is_answered_with_a_phrase_of_it_or_none(text: str) -> None:
    phrase = repetition(text)
    assert phrase is None or phrase in " ".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        '{"caption": "' + "the cat on the mat and " * 200,
        json.dumps({"caption": "the cat on the mat and " * 200}),
        json.dumps({"caption": "a", "tags": ["cat"] * 100}),
        "so it goes on and on, " * 100,
    ],
)
def test_an_answer_that_loops_is_degenerate_in_json_or_not(text: str) -> None:
    reason = read_answer(text, Caption)
    assert isinstance(reason, Failure)
    assert reason.code is FailureCode.GEMINI_DEGENERATE


@given(st.text(max_size=400))
def test_no_text_raises(text: str) -> None:
    assert isinstance(read_answer(text, Caption), Caption | Failure)


def test_looking_for_loops_is_quick_on_the_worst_texts() -> None:
    worst = ["ab" * 500 + "c" + "ab" * 499, "a" * 999 + "b" + "a" * 1000, " ".join("the cat" for _ in range(9)) * 40]
    started = time.process_time()
    for text in worst:
        for _ in range(20):
            repetition(text)
    assert (time.process_time() - started) / 60 < 0.05


REFUSED = [
    "I'm sorry, I can't help with that image.",
    "I’m sorry, but I cannot assist with that request.",
    "Sorry, I can't describe this picture.",
    "I apologize, but I am unable to process this.",
    "I am unable to describe this image.",
    "I'm not able to identify people in images.",
    "Unfortunately, I cannot provide a description of this.",
    "As an AI language model, I do not describe such pictures.",
    '"I cannot fulfill this request."',
    "Es tut mir leid, aber dabei kann ich nicht helfen.",
    "Ich kann dieses Bild leider nicht beschreiben.",
    "Je suis désolé, mais je ne peux pas décrire cette image.",
    "Lo siento, no puedo ayudar con esa imagen.",
    "Mi dispiace, ma non posso aiutarti.",
    "Desculpe, não posso ajudar com isso.",
    "Het spijt me, ik kan deze afbeelding niet beschrijven.",
    "Przepraszam, nie mogę opisać tego obrazu.",
    "Tyvärr kan jag inte beskriva bilden.",
    "К сожалению, я не могу описать это изображение.",
    "抱歉，我无法描述这张图片。",
    "申し訳ありませんが、その画像については説明できません。",
    "죄송합니다. 이 이미지를 설명할 수 없습니다.",
]
NO_REFUSALS = [
    "",
    "A cat on a wall.",
    "A sorry-looking dog that cannot swim",
    "A card with the words: I'm sorry, I can't come",
    "I can see a dog",
    "A sign that says 'Sorry, I cannot help'",
    "Sorry I called: the title of a book on a table",
    "Icons of a phone: I cannot tell which",
    "As an airplane lands, people watch",
    "Ich kann einen Hund sehen",
    "Une désolée plaine",
    "I'm sorry, I can't help with that image. " * 20,
]


@pytest.mark.parametrize("text", REFUSED)
def test_a_refusal_in_words_is_known(text: str) -> None:
    assert refusal(text) == text.lstrip('"')
    reason = read_answer(text, Caption)
    assert isinstance(reason, Failure)
    assert (reason.code, reason.nature) == (FailureCode.GEMINI_BLOCKED, Nature.TRANSIENT)
    assert reason.detail["refusal"]


@pytest.mark.parametrize("text", NO_REFUSALS)
def test_what_only_sounds_like_a_refusal_is_none(text: str) -> None:
    assert refusal(text) is None


@given(st.text(max_size=500))
def test_looking_for_a_refusal_never_fails(text: str) -> None:
    refusal(text)
