# ruff: noqa: RUF001 - people write in many alphabets
"""Descriptions are bare words of the length asked for, cut where a reader would cut."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tasks.alt_text import ELLIPSIS, shorten, tidied, tidy_tags

FAMILY, FLAG, ACCENTED = "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "e\u0301"


def characters(text: str) -> list[str]:
    return [str(found) for found in regex.findall(r"\X", text)]


@given(text=st.text(max_size=60), most=st.integers(1, 40))
def test_shortening_never_makes_longer_nor_touches_what_fits(text: str, most: int) -> None:
    short = shorten(text, most)
    assert len(characters(short)) <= most
    if len(characters(text)) <= most:
        assert short == text
    else:
        assert short.endswith(ELLIPSIS)


words = st.lists(st.text("abcdefg", min_size=1, max_size=9), min_size=1, max_size=20)
blanks = st.sampled_from([" ", "\n", "\t", "\u00a0", "  "])


@given(words=words, blank=blanks, most=st.integers(10, 60))
def test_a_text_is_cut_between_words_whatever_blank_is_there(words: list[str], blank: str, most: int) -> None:
    short = shorten(blank.join(words), most)
    assert short.removesuffix(ELLIPSIS).split() == words[: len(short.removesuffix(ELLIPSIS).split())]


@given(st.lists(st.sampled_from([FAMILY, FLAG, ACCENTED, "a", " "]), max_size=40).map("".join), st.integers(2, 20))
def test_no_character_is_cut_in_two(text: str, most: int) -> None:
    kept = characters(shorten(text, most).removesuffix(ELLIPSIS))
    assert kept == characters(text)[: len(kept)]


@pytest.mark.parametrize(
    ("text", "most", "short"),
    [
        ("x" * 50, 10, "x" * 9 + ELLIPSIS),
        ("A " + "x" * 50, 20, "A" + ELLIPSIS),
        (FLAG * 30, 5, FLAG * 4 + ELLIPSIS),
        ("A red boat, and a pier", 14, "A red boat" + ELLIPSIS),
        ("Ein Dampfschiff auf der Donau", 24, "Ein Dampfschiff auf der" + ELLIPSIS),
        ("猫 が壁の上に座っています。", 9, "猫 が壁の上に座" + ELLIPSIS),
        ("赤いボートが桟橋にあります", 5, "赤い" + ELLIPSIS),
        ("a cat", 1, ELLIPSIS),
    ],
    ids=["one word", "a word and one too long", "flags", "comma", "exact", "early blank", "no blanks", "no room"],
)
def test_a_cut_is_where_a_reader_would_make_it(text: str, most: int, short: str) -> None:
    assert shorten(text, most) == short


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("This image shows a red boat.", "A red boat."),
        ("the picture depicts two dogs", "Two dogs"),
        ("The photograph features THE wall", "THE wall"),
        ("In this image, we can see a dog", "A dog"),
        ("This is a photo of a dog", "A dog"),
        ("The image appears to show a dog", "A dog"),
        ("Das Bild zeigt einen Hund", "Einen Hund"),
        ("Auf dem Foto sieht man einen Hund", "Einen Hund"),
        ("Cette image montre un chien", "Un chien"),
        ("L’image représente un chien", "Un chien"),
        ("Esta imagen muestra un perro", "Un perro"),
        ("En la imagen se ve un perro", "Un perro"),
        ("Questa immagine mostra un cane", "Un cane"),
        ("A imagem mostra um cão", "Um cão"),
        ("Deze afbeelding toont een hond", "Een hond"),
        ("Zdjęcie przedstawia psa", "Psa"),
        ("Bilden visar en hund", "En hund"),
        ("Billedet viser en hund", "En hund"),
        ("Obrázek zobrazuje psa", "Psa"),
        ("На изображении показана собака", "Собака"),
        ("На фото видно собаку", "Собаку"),
        ("这张图片显示了一只狗", "一只狗"),
    ],
)
def test_a_description_does_not_say_that_it_is_about_an_image(said: str, kept: str) -> None:
    assert tidied(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "This image shows",
        "A picture of a picture",
        "A photo of two dogs",
        "iPhone on a desk",
        "The image of a saint above an altar",
        "Das Bildnis eines Mannes",
        "5 * 3 * 2 on a blackboard",
        "#1 on a shirt",
        "-5 degrees on a thermometer",
        'A sign says "EXIT"',
        '"Stop" and "Go" on two signs',
        "file_name_here on a screen",
    ],
)
def test_what_is_a_description_already_stays_as_it_is(said: str) -> None:
    assert tidied(said) == said


@pytest.mark.parametrize(
    "said",
    [
        "**A red boat**",
        "A **red** boat",
        "A *red* boat",
        "# A red boat",
        "- A red boat",
        "> A red boat",
        "A `red` boat",
        "A [red](https://example.com) boat",
        '"A red boat"',
        "'A red boat'",
        "“A red boat”",
        "„A red boat“",
        "« A red boat »",
        "Alt text: A red boat",
        "Caption: **A red boat**",
        "**Alt text:** A red boat",
        '"This image shows a red boat"'.replace("a red", "A red"),
        " \x00A red boat\n",
    ],
)
def test_markdown_labels_and_quotation_marks_go(said: str) -> None:
    assert tidied(said) == "A red boat"


@given(st.text(max_size=200))
def test_any_text_is_tidied_and_tidy_then(text: str) -> None:
    once = tidied(text)
    assert "\x00" not in once
    assert len(once) <= len(text) * 4
    assert once == once.strip()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["Cat", "cat ", "#cat", "Wall"], ["cat", "wall"]),
        (["", " ", "#", "\x00"], []),
        ([str(number) for number in range(20)], ["0", "1", "2"]),
        (["Straße", "STRASSE", "x"], ["straße", "x"]),
        (["Cafe\u0301", "caf\u00e9"], ["caf\u00e9"]),
        (["##new  york", "New York"], ["new york"]),
        (['"quoted"', "C#"], ["quoted", "c#"]),
    ],
    ids=["doubles", "empty ones", "too many", "sharp s", "accents", "blanks", "marks"],
)
def test_tags_are_lower_case_without_doubles_and_few(given: list[str], kept: list[str]) -> None:
    assert tidy_tags(given, 3) == kept
