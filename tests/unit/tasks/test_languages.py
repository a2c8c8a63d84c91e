"""An answer in another language than the one asked for is known by what it says it is, or by its letters."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.languages import is_in_language, language_tag


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("en", "en"),
        ("EN-us", "en-US"),
        ("pt_BR", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        (" de ", "de"),
        ("deu", "de"),
        ("iw", "he"),
        ("es-419", "es-419"),
        ("English", ""),
        ("", ""),
        ("und", ""),
        ("en\n", "en"),
        ("English (US)", ""),
        ("e", ""),
        ("\x00", ""),
    ],
)
def test_a_language_is_told_by_its_tag_or_not_at_all(said: str, tag: str) -> None:
    assert language_tag(said) == tag


@given(st.text(max_size=30))
def test_whatever_is_said_becomes_a_tag_or_nothing(said: str) -> None:
    tag = language_tag(said)
    assert tag == language_tag(tag)
    assert not tag or re.fullmatch("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag)


@pytest.mark.parametrize(
    ("asked", "declared", "text"),
    [
        ("de", "de", "Eine Katze"),
        ("de", "de-AT", "Eine Katze"),
        ("de-CH", "deu", "Eine Katze"),
        ("de", "", "Eine Katze"),
        ("de", "German", "Eine Katze"),
        ("no", "nb", "En katt"),
        ("he", "iw", "חתול על הקיר"),
        ("gsw", "de", "E Chatz"),
        ("ja", "ja", "壁の上の猫"),
        ("ja", "ja", "NASAのロケット Apollo 11"),
        ("zh-Hant", "zh-TW", "牆上的貓"),
        ("zh-Latn", "zh", "Qiáng shàng de māo"),
        ("sr-Cyrl", "sr", "Мачка на зиду"),
        ("sr", "sr", "Mačka na zidu"),
        ("en", "en", "42"),
        ("tlh", "tlh", "vIghro'"),
        ("vi", "vi", "Một con mèo trên tường"),
        ("hi", "hi", "दीवार पर एक बिल्ली"),
    ],
)
def test_an_answer_in_the_language_asked_for_is_taken(asked: str, declared: str, text: str) -> None:
    assert is_in_language(asked, declared, text)


@pytest.mark.parametrize(
    ("asked", "declared", "text"),
    [
        ("de", "en", "A cat on a wall"),
        ("de", "en-GB", "Eine Katze"),
        ("de", "eng", "A cat on a wall"),
        ("ja", "ja", "A cat on a wall"),
        ("ja", "", "A cat on a wall"),
        ("zh", "zh", "A cat on a wall"),
        ("ko", "ko", "壁の上の猫"),
        ("ar", "ar", "A cat on a wall"),
        ("he", "he", "A cat on a wall"),
        ("ru", "ru", "A cat on a wall"),
        ("el", "el", "A cat on a wall"),
        ("hi", "hi", "A cat on a wall"),
        ("th", "th", "A cat on a wall"),
        ("en", "en", "Кошка на стене"),
        ("sr-Cyrl", "sr", "Mačka na zidu"),
        ("ru", "ru", "A cat on the long white wall of the old harbour of a town, Ёж"),
    ],
)
def test_an_answer_in_another_language_or_script_is_not(asked: str, declared: str, text: str) -> None:
    assert not is_in_language(asked, declared, text)
